using System.Runtime.CompilerServices;
using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.Server.Tests;

/// <summary>Knows how far the log was read, and may be away.</summary>
sealed class CountingEventStore(IEventStore inner) : IEventStore
{
    /// <summary>The last position that any read of the whole log has delivered.</summary>
    public long ReadTo { get; private set; }

    public ValueTask<AppendResult> AppendAsync(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> events, CancellationToken cancellationToken) => inner.AppendAsync(stream, expected, events, cancellationToken);

    public IAsyncEnumerable<EventPage> ReadStreamAsync(StreamId stream, long from, bool backwards, ReadOptions options, CancellationToken cancellationToken) => inner.ReadStreamAsync(stream, from, backwards, options, cancellationToken);

    public async IAsyncEnumerable<EventPage> ReadAllAsync(long after, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var page in inner.ReadAllAsync(after, options, cancellationToken).ConfigureAwait(false))
        {
            ReadTo = Math.Max(ReadTo, page.Position);
            yield return page;
        }
    }

    public IAsyncEnumerable<EventPage> SubscribeAsync(long after, ReadOptions options, CancellationToken cancellationToken) => inner.SubscribeAsync(after, options, cancellationToken);

    /// <summary>What whoever asks where the log ends gets in place of an answer; null for the answer.</summary>
    public Func<Task<long>>? Away { get; set; }

    public ValueTask<long> GetHeadAsync(CancellationToken cancellationToken) => Away is { } away ? new ValueTask<long>(away()) : inner.GetHeadAsync(cancellationToken);

    public ValueTask<IReadOnlyList<StreamInfo>> ListStreamsAsync(string prefix, CancellationToken cancellationToken) => inner.ListStreamsAsync(prefix, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
