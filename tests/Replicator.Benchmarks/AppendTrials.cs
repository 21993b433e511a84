using System.Collections.Concurrent;
using System.Diagnostics;
using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.Benchmarks;

/// <summary>Several streams that append at once, each one batch after another: the same for a store and for what it is compared with.</summary>
static class AppendTrials
{
    /// <summary>Appends to a store; the first list is the warm-up.</summary>
    public static Task<(long Count, TimeSpan Elapsed)> AppendAsync(IEventStore store, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        var revisions = new ConcurrentDictionary<StreamId, long>(streams.Select(events => KeyValuePair.Create(AmplifiedEvents.StreamOf(events), -1L)));
        return RunAsync(streams, AmplifiedEvents.StreamOf, (_, _, proposed) => proposed, async (stream, batch) =>
        {
            revisions[stream] = (await store.AppendAsync(stream, ExpectedRevision.Exactly(revisions[stream]), batch, cancellationToken)).LastRevision;
        });
    }

    /// <summary>Prepares every event, appends the first lists, and measures the appends of all that follows.</summary>
    public static async Task<(long Count, TimeSpan Elapsed)> RunAsync<TStream, TEvent>(
        List<List<ProposedEvent>> streams, Func<List<ProposedEvent>, TStream> name, Func<StreamId, long, ProposedEvent, TEvent> prepare, Func<TStream, TEvent[], Task> append)
    {
        var prepared = streams.Select(events =>
        {
            var (stream, revision) = (AmplifiedEvents.StreamOf(events), 0L);
            var (warmUp, timed) = AmplifiedEvents.Batches(events);
            List<TEvent[]> Prepare(List<ProposedEvent[]> batches) => [.. batches.Select(batch => batch.Select(proposed => prepare(stream, revision++, proposed)).ToArray())];
            return (Name: name(events), WarmUp: Prepare(warmUp), Timed: Prepare(timed));
        }).ToList();
        await Task.WhenAll(prepared.Select(one => EachAsync(one.Name, one.WarmUp)));
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(prepared.Select(one => EachAsync(one.Name, one.Timed)));
        return (prepared.Sum(one => one.Timed.Sum(batch => (long)batch.Length)), watch.Elapsed);

        async Task EachAsync(TStream stream, List<TEvent[]> batches)
        {
            foreach (var batch in batches)
                await append(stream, batch);
        }
    }
}
