namespace Replicator.Storage.EventStoreDb.Streams;

/// <summary>The server takes no append of this size.</summary>
sealed class AppendTooLargeException(int maxAppendSize) : Exception($"The server takes appends of at most {maxAppendSize} bytes.")
{
    public int MaxAppendSize { get; } = maxAppendSize;
}
