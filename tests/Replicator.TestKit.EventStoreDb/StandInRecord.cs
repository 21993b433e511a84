namespace Replicator.TestKit.EventStoreDb;

/// <summary>An event in the stand-in's log.</summary>
public sealed record StandInRecord
{
    public required Guid Id { get; init; }
    public required string Stream { get; init; }
    public required long Revision { get; init; }
    /// <summary>Where it begins in the log, in bytes.</summary>
    public required long Position { get; init; }
    /// <summary>Where the next record begins.</summary>
    public required long End { get; init; }
    public required string Type { get; init; }
    public required string ContentType { get; init; }
    public required ReadOnlyMemory<byte> Data { get; init; }
    public required ReadOnlyMemory<byte> Metadata { get; init; }
}
