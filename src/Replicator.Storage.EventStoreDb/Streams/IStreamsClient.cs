using Replicator.Core.Storage;

namespace Replicator.Storage.EventStoreDb.Streams;

/// <summary>What the adapter needs of a client of EventStoreDB, in the shape of the official one, which may take the place of <see cref="GrpcStreamsClient"/> where it can be had.</summary>
interface IStreamsClient : IAsyncDisposable
{
    /// <summary>Appends a batch, whole or not at all. The same ids at the same place again are answered with the first result.</summary>
    /// <exception cref="WrongExpectedRevisionException">The stream is not at <paramref name="expected"/>.</exception>
    /// <exception cref="AppendTooLargeException">The batch exceeds the server's limit.</exception>
    /// <exception cref="StoreUnavailableException">The store cannot take it now, or its answer was lost.</exception>
    ValueTask<WriteResult> AppendToStreamAsync(string stream, ExpectedRevision expected, IReadOnlyList<EventData> events, CancellationToken cancellationToken);

    /// <summary>Reads a stream from a revision (inclusive), at most <paramref name="maxCount"/> events. Backwards, <see cref="long.MaxValue"/> is the end. A stream that does not exist is empty.</summary>
    IAsyncEnumerable<ReadMessage> ReadStreamAsync(string stream, long from, bool backwards, long maxCount, CancellationToken cancellationToken);

    /// <summary>Reads <c>$all</c> from a position (inclusive; <see langword="null"/> is the start, backwards the end), only streams whose name starts with <paramref name="streamPrefix"/>.</summary>
    IAsyncEnumerable<ReadMessage> ReadAllAsync(LogPosition? from, bool backwards, string streamPrefix, long maxCount, CancellationToken cancellationToken);

    /// <summary>Subscribes to <c>$all</c> after a position (exclusive; <see langword="null"/> is the start), only streams whose name starts with <paramref name="streamPrefix"/>. Never ends by itself.</summary>
    IAsyncEnumerable<ReadMessage> SubscribeToAllAsync(LogPosition? after, string streamPrefix, CancellationToken cancellationToken);
}
