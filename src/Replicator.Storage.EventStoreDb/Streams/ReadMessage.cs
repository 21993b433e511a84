namespace Replicator.Storage.EventStoreDb.Streams;

enum ReadMessageKind
{
    Event,
    /// <summary>Everything before <see cref="ReadMessage.Position"/> that passes the filter has been delivered.</summary>
    Checkpoint,
    /// <summary>A subscription has reached the end of the log; it may say so again after it lagged.</summary>
    CaughtUp,
    /// <summary>A subscription lags behind the end of the log.</summary>
    FellBehind,
}

/// <summary>What a read or a subscription brings.</summary>
readonly record struct ReadMessage(ReadMessageKind Kind, LogPosition Position, StoredEvent? Event);

/// <summary>An event as the store holds it.</summary>
sealed class StoredEvent
{
    public required Guid Id { get; init; }
    public required string Stream { get; init; }
    public required long Revision { get; init; }
    public required LogPosition Position { get; init; }
    public required string Type { get; init; }
    public required ReadOnlyMemory<byte> Data { get; init; }
    public required ReadOnlyMemory<byte> Metadata { get; init; }
}
