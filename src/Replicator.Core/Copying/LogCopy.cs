using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.Core.Copying;

/// <summary>Carries a log from one event store to another, event by event, with ids, revisions and hashes as they are.</summary>
/// <remarks>
/// <para>What the target already holds of a stream is compared with the source by the hash of its last event (which covers everything before it) and left out, so that a copy that was broken off, or a log that has grown
/// since, is carried on by copying again. Every hash is recomputed on the way: a damaged event is not carried into the new house.</para>
/// <para>Positions are the store's own and change; the order within a stream never does. Between streams the order is kept from page to page of the source, and events of one page may change places.</para>
/// </remarks>
public static class LogCopy
{
    /// <summary>Copies what the target lacks. It ends at the source's end as of now.</summary>
    /// <param name="source">The log to read. It may be written to meanwhile.</param>
    /// <param name="target">Where to. Nobody else may write to the streams that are copied.</param>
    /// <param name="progress">Told how far into the source it has come.</param>
    /// <param name="cancellationToken">Ends the copy between two pages.</param>
    /// <exception cref="LogCopyException">The target holds something else under a stream's name, or an event of the source is not what its hash says. What was copied before stays, and is whole.</exception>
    /// <exception cref="WrongExpectedRevisionException">Somebody else writes to the target.</exception>
    /// <exception cref="StoreUnavailableException">One of the stores is away; copy again when it is back.</exception>
    public static async Task<LogCopyResult> RunAsync(IEventStore source, IEventStore target, IProgress<LogCopyProgress>? progress, CancellationToken cancellationToken)
    {
        using var chain = new HashChain();
        var head = await source.GetHeadAsync(cancellationToken).ConfigureAwait(false);
        var heads = new Dictionary<StreamId, StreamHead>();
        var (after, held) = (head, 0L);
        var present = (await target.ListStreamsAsync("", cancellationToken).ConfigureAwait(false)).ToDictionary(info => info.Stream, info => info.LastRevision);
        foreach (var stream in await source.ListStreamsAsync("", cancellationToken).ConfigureAwait(false))
        {
            var copied = present.TryGetValue(stream.Stream, out var last) ? await CompareAsync(source, target, stream, last, cancellationToken).ConfigureAwait(false) : StreamHead.None;
            heads[stream.Stream] = copied;
            held += copied.Revision + 1;
            if (copied.Revision < stream.LastRevision && await FindAsync(source, stream.Stream, copied.Revision + 1, cancellationToken).ConfigureAwait(false) is { } first)
                after = Math.Min(after, first.Position - 1);
        }

        var events = 0L;
        await foreach (var page in source.ReadAllAsync(after, new ReadOptions(), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                // Streams do not wait for one another, so that a store that commits what is waiting together commits a page at once.
                var appends = new List<Task>();
                foreach (var group in page.Events.GroupBy(recorded => recorded.Stream))
                {
                    var last = heads.GetValueOrDefault(group.Key, StreamHead.None);
                    var batch = new List<ProposedEvent>();
                    foreach (var recorded in group)
                    {
                        if (recorded.Revision <= last.Revision)
                            continue;
                        last = Follow(chain, last, recorded);
                        batch.Add(new ProposedEvent { Id = recorded.Id, Type = recorded.Type, Metadata = recorded.Metadata, State = recorded.State, Hash = last.Hash });
                    }
                    if (batch.Count == 0)
                        continue;
                    appends.Add(target.AppendAsync(group.Key, ExpectedRevision.Exactly(last.Revision - batch.Count), batch, cancellationToken).AsTask());
                    heads[group.Key] = last;
                    events += batch.Count;
                }
                // The page's buffers are in use until every append has ended, whatever became of the others.
                await Task.WhenAll(appends).ConfigureAwait(false);
                progress?.Report(new LogCopyProgress(page.Position, Math.Max(head, page.Position)));
            }
        }
        return new LogCopyResult(events, held, heads.Count);
    }

    /// <summary>The last event that both have of a stream; proves by its hash that all before it are the same.</summary>
    static async ValueTask<StreamHead> CompareAsync(IEventStore source, IEventStore target, StreamInfo stream, long last, CancellationToken cancellationToken)
    {
        if (last > stream.LastRevision)
            throw new LogCopyException($"The target has stream '{stream.Stream}' up to revision {last}, the source only up to {stream.LastRevision}: the source is the older of the two. Copy the other way, or into an empty store.");
        var (ours, theirs) = (await FindAsync(source, stream.Stream, last, cancellationToken).ConfigureAwait(false), await FindAsync(target, stream.Stream, last, cancellationToken).ConfigureAwait(false));
        if (ours is null || theirs is null || !ours.Value.Hash.AsSpan().SequenceEqual(theirs.Value.Hash))
            throw new LogCopyException($"The target holds another history under the name '{stream.Stream}': its event {last} has another hash than the source's. Copy into an empty store, or give the cluster another id.");
        return new StreamHead(last, theirs.Value.Hash);
    }

    static async ValueTask<(long Position, byte[] Hash)?> FindAsync(IEventStore store, StreamId stream, long revision, CancellationToken cancellationToken)
    {
        await foreach (var page in store.ReadStreamAsync(stream, revision, backwards: false, new ReadOptions(States: false, MaxCount: 1), cancellationToken).ConfigureAwait(false))
        {
            using (page)
                return (page.Events[0].Position, page.Events[0].Hash.ToArray());
        }
        return null;
    }

    static StreamHead Follow(HashChain chain, StreamHead last, RecordedEvent recorded)
    {
        if (recorded.Revision != last.Revision + 1)
            throw new LogCopyException($"Stream '{recorded.Stream}' of the source goes from revision {last.Revision} to {recorded.Revision}: events are missing before position {recorded.Position}. Restore the source from a backup.");
        var hash = new byte[HashChain.HashLength];
        chain.Compute(last.Hash, recorded.Type, recorded.Metadata, recorded.State.Span, hash);
        if (!hash.AsSpan().SequenceEqual(recorded.Hash.Span))
            throw new LogCopyException($"Event {recorded.Revision} of stream '{recorded.Stream}' (position {recorded.Position}) of the source is not what its hash says: it or its predecessor was altered. Restore the source from a backup.");
        return new StreamHead(recorded.Revision, hash);
    }

    readonly record struct StreamHead(long Revision, byte[] Hash)
    {
        public static StreamHead None { get; } = new(-1, []);
    }
}
