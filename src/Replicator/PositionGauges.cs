using System.Diagnostics.Metrics;
using Replicator.Core.Storage;

namespace Replicator;

/// <summary>Measures how far log and projection are; the difference of the two is the projection's lag. They are looked up now and then, for a scrape must not wait for a store that is away.</summary>
sealed class PositionGauges : IDisposable
{
    // Half of what a Prometheus scrape usually waits, so that each sees a new number.
    static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    readonly IEventStore _events;
    readonly ISnapshotStore _snapshots;
    readonly TimeProvider _time;
    readonly Meter _meter = new("Replicator");
    long _head, _checkpoint;

    public PositionGauges(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
    {
        (_events, _snapshots, _time) = (events, snapshots, time);
        _meter.CreateObservableGauge("replicator.log.position", () => Volatile.Read(ref _head), "{position}", "The position of the log's last event.");
        _meter.CreateObservableGauge("replicator.projection.position", () => Volatile.Read(ref _checkpoint), "{position}", "The position up to which the projection has applied the log.");
    }

    /// <summary>Looks them up until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Period, _time);
        do
        {
            try
            {
                // The projection first: what is written between the two would otherwise make it look ahead of the log.
                Volatile.Write(ref _checkpoint, await _snapshots.GetCheckpointAsync(cancellationToken));
                Volatile.Write(ref _head, await _events.GetHeadAsync(cancellationToken));
            }
            catch (StoreUnavailableException)
            {
                // Who needs the store says so, and the numbers stay what they were last known to be.
            }
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
    }

    public void Dispose() => _meter.Dispose();
}
