namespace Replicator.Core.Events;

/// <summary>An event as a store reads it back. <see cref="State"/> and <see cref="Hash"/> are valid until the page that brought it is disposed.</summary>
public sealed class RecordedEvent
{
    readonly Guid? _id;

    /// <summary>The place in the whole log: grows over all streams; positions may have holes.</summary>
    public required long Position { get; init; }
    /// <summary>The stream.</summary>
    public required StreamId Stream { get; init; }
    /// <summary>The place in the stream, from 0, without holes.</summary>
    public required long Revision { get; init; }
    /// <summary>The id: where the store has not kept it, it is derived when asked for (<see cref="EventId.Derive"/>).</summary>
    public Guid Id
    {
        get => _id ?? EventId.Derive(Stream, Revision, Type, Metadata);
        init => _id = value;
    }

    /// <summary>The id that the store has kept because it does not follow from the rest; null where it does.</summary>
    public Guid? KeptId
    {
        init => _id = value;
    }

    /// <summary>The type.</summary>
    public required EventType Type { get; init; }
    /// <summary>The metadata.</summary>
    public required EventMetadata Metadata { get; init; }
    /// <summary>The object's state as canonical JSON; empty for events without one and for reads that asked for none.</summary>
    public ReadOnlyMemory<byte> State { get; init; }
    /// <summary>32 bytes.</summary>
    public required ReadOnlyMemory<byte> Hash { get; init; }
}
