using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.Server;

/// <summary>Knows when a read of the log has come to the end of its interval, so that it need not go on to the end of the log.</summary>
/// <remarks>
/// The times of a stream never run backwards, those of two streams may: a stream is done once it has shown an event that is not before the bound, or has none left, and the read is once all streams are. Resource
/// versions within a list come in no order, so an interval that ends at one is read to the end.
/// </remarks>
sealed class UpperBound
{
    readonly long _to;
    readonly Dictionary<StreamId, long>? _open;

    UpperBound(long to, Dictionary<StreamId, long>? open) => (_to, _open) = (to, open);

    /// <summary>The end of the log.</summary>
    public static UpperBound None { get; } = new(0, null);

    /// <summary>Whether nothing of the interval is left.</summary>
    public bool IsReached => _open is { Count: 0 };

    /// <summary>The bound of a query whose read begins after a position.</summary>
    public static async ValueTask<UpperBound> FindAsync(IEventStore events, ChangeQuery query, long after, CancellationToken cancellationToken)
    {
        if (query.To is not { Kind: CutKind.Time } to)
            return None;
        var streams = await events.ListStreamsAsync(query.StreamPrefix, cancellationToken).ConfigureAwait(false);
        return new UpperBound(to.Value, streams.Where(stream => stream.LastPosition > after).ToDictionary(stream => stream.Stream, stream => stream.LastPosition));
    }

    /// <summary>Says that an event was read.</summary>
    public void Pass(RecordedEvent recorded)
    {
        if (_open is not null && HashChain.Microseconds(recorded.Metadata.ObservedAt) >= _to)
            _open.Remove(recorded.Stream);
    }

    /// <summary>Says that everything up to a position was read.</summary>
    public void Pass(long position)
    {
        if (_open is null)
            return;
        foreach (var (stream, last) in _open)
        {
            if (last <= position)
                _open.Remove(stream);
        }
    }
}
