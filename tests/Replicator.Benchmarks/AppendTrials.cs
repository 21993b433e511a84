using System.Diagnostics;
using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.Benchmarks;

/// <summary>Several streams that append at once, each one batch after another: the same for a store and for what it is compared with.</summary>
static class AppendTrials
{
    // As the recorder does it: 512 deltas at once, in parts of 64.
    const int PartEvents = 64;
    const int PartsUnderWay = 8;

    /// <summary>Appends to a store as the recorder does: where the store takes appends ahead, in parts, the next while those before are under way. The first list is the warm-up.</summary>
    public static Task<(long Count, TimeSpan Elapsed)> AppendAsync(IEventStore store, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        var writers = streams.ToDictionary(AmplifiedEvents.StreamOf, _ => new Writer(store, cancellationToken));
        return RunAsync(streams, AmplifiedEvents.StreamOf, (_, _, proposed) => proposed, (stream, batch) => writers[stream].AppendAsync(stream, batch), stream => writers[stream].ConfirmAsync());
    }

    /// <summary>Prepares every event, appends the first lists, and measures the appends of all that follows, until the last is <paramref name="confirm"/>ed.</summary>
    public static async Task<(long Count, TimeSpan Elapsed)> RunAsync<TStream, TEvent>(
        List<List<ProposedEvent>> streams, Func<List<ProposedEvent>, TStream> name, Func<StreamId, long, ProposedEvent, TEvent> prepare, Func<TStream, TEvent[], Task> append, Func<TStream, Task>? confirm = null)
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
            if (confirm is not null)
                await confirm(stream);
        }
    }

    /// <summary>Appends to one stream and waits no more than it has to.</summary>
    sealed class Writer(IEventStore store, CancellationToken cancellationToken)
    {
        readonly Queue<Task> _underWay = new();
        long _revision = -1;

        public async Task AppendAsync(StreamId stream, ProposedEvent[] batch)
        {
            foreach (var part in store.TakesAppendsAhead ? batch.Chunk(PartEvents) : [batch])
            {
                if (_underWay.Count == (store.TakesAppendsAhead ? PartsUnderWay : 1))
                    await _underWay.Dequeue();
                _underWay.Enqueue(store.AppendAsync(stream, ExpectedRevision.Exactly(_revision), part, cancellationToken).AsTask());
                _revision += part.Length;
            }
        }

        public Task ConfirmAsync() => Task.WhenAll(_underWay);
    }
}
