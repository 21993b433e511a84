using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.KubeApi.Tests;

/// <summary>Counts how often the log is read.</summary>
sealed class CountedEventStore(IEventStore inner) : IEventStore
{
    int _reads, _subscriptions;

    /// <summary>Reads of a stream with the states of its events.</summary>
    public int Reads => Volatile.Read(ref _reads);

    /// <summary>How often somebody has begun to follow the log.</summary>
    public int Subscriptions => Volatile.Read(ref _subscriptions);

    public ValueTask<AppendResult> AppendAsync(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> events, CancellationToken cancellationToken) => inner.AppendAsync(stream, expected, events, cancellationToken);

    public IAsyncEnumerable<EventPage> ReadStreamAsync(StreamId stream, long from, bool backwards, ReadOptions options, CancellationToken cancellationToken)
    {
        if (options.States)
            Interlocked.Increment(ref _reads);
        return inner.ReadStreamAsync(stream, from, backwards, options, cancellationToken);
    }

    public IAsyncEnumerable<EventPage> ReadAllAsync(long after, ReadOptions options, CancellationToken cancellationToken) => inner.ReadAllAsync(after, options, cancellationToken);

    public IAsyncEnumerable<EventPage> SubscribeAsync(long after, ReadOptions options, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _subscriptions);
        return inner.SubscribeAsync(after, options, cancellationToken);
    }

    public ValueTask<long> GetHeadAsync(CancellationToken cancellationToken) => inner.GetHeadAsync(cancellationToken);

    public ValueTask<IReadOnlyList<StreamInfo>> ListStreamsAsync(string prefix, CancellationToken cancellationToken) => inner.ListStreamsAsync(prefix, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
