using Replicator.Core.Events;

namespace Replicator.Core.Storage;

/// <summary>An append-only log of streams with one order over all of them.</summary>
public interface IEventStore : IAsyncDisposable
{
    /// <summary>
    /// Whether a writer may ask for an append to a stream before the last one was answered: they then take effect in the order of the calls, and where one fails, those behind it are refused. Where not, it waits for each answer.
    /// </summary>
    bool TakesAppendsAhead => false;

    /// <summary>Appends a batch to a stream, whole or not at all, and returns when it is durable.</summary>
    /// <remarks>
    /// A retry of a batch that was already appended (same ids and hashes at the exact place that <paramref name="expected"/> names) succeeds and returns the original result: see <see cref="ProposedEvent.IsSame"/>.
    /// </remarks>
    /// <exception cref="WrongExpectedRevisionException">The stream is not at <paramref name="expected"/>: somebody else writes to it.</exception>
    /// <exception cref="StoreUnavailableException">The store cannot take it now (disk full or read-only, server away); nothing was appended as far as is known, and the batch may be retried.</exception>
    ValueTask<AppendResult> AppendAsync(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> events, CancellationToken cancellationToken);

    /// <summary>Reads a stream. Forwards from a revision (inclusive) to its end as of now, or backwards from it. A stream that does not exist is empty.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="from">The first revision to return; <see cref="long.MaxValue"/> with <paramref name="backwards"/> starts at the end.</param>
    /// <param name="backwards">Whether to read towards revision 0.</param>
    /// <param name="options">What to read.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    IAsyncEnumerable<EventPage> ReadStreamAsync(StreamId stream, long from, bool backwards, ReadOptions options, CancellationToken cancellationToken);

    /// <summary>Reads the log in order from after <paramref name="after"/> (0 is the start) to its end as of now.</summary>
    IAsyncEnumerable<EventPage> ReadAllAsync(long after, ReadOptions options, CancellationToken cancellationToken);

    /// <summary>A catch-up subscription: like <see cref="ReadAllAsync"/>, but at the end it waits for more. Every event after <paramref name="after"/> arrives exactly once and in order.</summary>
    IAsyncEnumerable<EventPage> SubscribeAsync(long after, ReadOptions options, CancellationToken cancellationToken);

    /// <summary>The position of the last event, 0 when there is none.</summary>
    ValueTask<long> GetHeadAsync(CancellationToken cancellationToken);

    /// <summary>The streams whose name starts with <paramref name="prefix"/>, with their last revision.</summary>
    ValueTask<IReadOnlyList<StreamInfo>> ListStreamsAsync(string prefix, CancellationToken cancellationToken);
}
