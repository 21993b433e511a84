using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.KubeApi;

/// <summary>Finds places in a stream by bisection: of its revisions, which have no holes, times and positions never run backwards.</summary>
sealed class StreamSearch(IEventStore events)
{
    const int CachedMoments = 4096;

    readonly Dictionary<(StreamId, long), StreamMoment> _moments = [];

    /// <summary>Where a stream stands at a time: behind the last event that had been observed by then.</summary>
    public async ValueTask<StreamMoment> FindAsync(StreamId stream, long microseconds, CancellationToken cancellationToken)
    {
        lock (_moments)
        {
            if (_moments.TryGetValue((stream, microseconds), out var known))
                return known;
        }
        var end = await EndAsync(stream, cancellationToken).ConfigureAwait(false);
        var last = await FindLastAsync(stream, end, recorded => HashChain.Microseconds(recorded.Metadata.ObservedAt) <= microseconds, cancellationToken).ConfigureAwait(false);
        var moment = await DescribeAsync(stream, last, cancellationToken).ConfigureAwait(false);
        // Where a later event is there already, no event of that time is still to come.
        if (last < end)
        {
            lock (_moments)
            {
                if (_moments.Count >= CachedMoments)
                    _moments.Clear();
                _moments[(stream, microseconds)] = moment;
            }
        }
        return moment;
    }

    /// <summary>The first revision of a stream behind a position; the one that is still to come where there is none.</summary>
    public async ValueTask<long> FindRevisionAsync(StreamId stream, long position, CancellationToken cancellationToken) =>
        await FindLastAsync(stream, await EndAsync(stream, cancellationToken).ConfigureAwait(false), recorded => recorded.Position <= position, cancellationToken).ConfigureAwait(false) + 1;

    /// <summary>One event without its state; null where the stream does not go so far.</summary>
    public async ValueTask<RecordedEvent?> ReadAsync(StreamId stream, long revision, CancellationToken cancellationToken)
    {
        if (revision < 0)
            return null;
        await foreach (var page in events.ReadStreamAsync(stream, revision, backwards: false, new ReadOptions(States: false, MaxCount: 1), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                if (page.Events.Count > 0)
                    return page.Events[0];
            }
        }
        return null;
    }

    async ValueTask<long> EndAsync(StreamId stream, CancellationToken cancellationToken) =>
        (await events.ListStreamsAsync(stream.Name, cancellationToken).ConfigureAwait(false)).FirstOrDefault(info => info.Stream == stream)?.LastRevision ?? -1;

    async ValueTask<long> FindLastAsync(StreamId stream, long end, Func<RecordedEvent, bool> isBefore, CancellationToken cancellationToken)
    {
        // Most of what is asked for is near the end.
        if (end < 0 || (await ReadAsync(stream, end, cancellationToken).ConfigureAwait(false) is { } newest && isBefore(newest)))
            return end;
        var (low, high) = (-1L, end);
        while (high - low > 1)
        {
            var middle = low + (high - low) / 2;
            if (await ReadAsync(stream, middle, cancellationToken).ConfigureAwait(false) is { } recorded && isBefore(recorded))
                low = middle;
            else
                high = middle;
        }
        return low;
    }

    async ValueTask<StreamMoment> DescribeAsync(StreamId stream, long revision, CancellationToken cancellationToken)
    {
        if (revision < 0)
            return new StreamMoment(-1, 0, "0");
        long? position = null;
        await foreach (var page in events.ReadStreamAsync(stream, revision, backwards: true, new ReadOptions(States: false), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    position ??= recorded.Position;
                    if (IsOrdered(recorded))
                        return new StreamMoment(revision, position.Value, recorded.Metadata.ResourceVersion);
                }
            }
        }
        return new StreamMoment(revision, position ?? 0, "0");
    }

    /// <summary>Whether a watch may resume from the event's version: those of a list come in no order, and what an observer says of itself names none.</summary>
    public static bool IsOrdered(RecordedEvent recorded) => recorded.Type switch
    {
        EventType.SyncCompleted or EventType.Progressed => true,
        EventType.ObjectAdded or EventType.ObjectModified or EventType.ObjectDeleted => recorded.Metadata.Provenance is Provenance.Watch or Provenance.Import,
        _ => false,
    };
}

/// <summary>Where a stream stood at a time.</summary>
/// <param name="Revision">Of the last event; -1 where there was none.</param>
/// <param name="Position">Of the last event; 0 where there was none.</param>
/// <param name="ResourceVersion">From which a watch goes on; <c>0</c> where none is known.</param>
readonly record struct StreamMoment(long Revision, long Position, string ResourceVersion);
