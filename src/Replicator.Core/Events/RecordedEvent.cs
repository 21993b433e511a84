namespace Replicator.Core.Events;

/// <summary>An event as a store reads it back. <see cref="State"/> and <see cref="Hash"/> are valid until the page that brought it is disposed.</summary>
public sealed class RecordedEvent
{
    /// <summary>The place in the whole log: grows over all streams; positions may have holes.</summary>
    public required long Position { get; init; }
    /// <summary>The stream.</summary>
    public required StreamId Stream { get; init; }
    /// <summary>The place in the stream, from 0, without holes.</summary>
    public required long Revision { get; init; }
    /// <summary>The id.</summary>
    public required Guid Id { get; init; }
    /// <summary>The type.</summary>
    public required EventType Type { get; init; }
    /// <summary>The metadata.</summary>
    public required EventMetadata Metadata { get; init; }
    /// <summary>The object's state as canonical JSON; empty for events without one and for reads that asked for none.</summary>
    public ReadOnlyMemory<byte> State { get; init; }
    /// <summary>32 bytes.</summary>
    public required ReadOnlyMemory<byte> Hash { get; init; }
}
