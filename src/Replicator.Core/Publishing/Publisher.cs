using System.Diagnostics.Metrics;
using Replicator.Core.Diagnostics;
using Replicator.Core.Storage;

namespace Replicator.Core.Publishing;

/// <summary>Follows the log and carries it to the bus. The log is the outbox: publish, await the confirmation, then store the position; so a crash in between publishes again, never skips.</summary>
/// <remarks>While the broker confirms nothing, the publisher holds one page of the log and waits: memory stays as it is, and the lag grows where it can be seen.</remarks>
public sealed class Publisher : IDisposable
{
    /// <summary>The name under which the position is kept where there is one publisher.</summary>
    public const string DefaultName = "publisher";

    /// <summary>How long the bus may take to confirm a page before that is called a fault.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // Half of what a Prometheus scrape usually waits, so that each sees a new number.
    static readonly TimeSpan MonitorPeriod = TimeSpan.FromSeconds(5);

    readonly IEventStore _events;
    readonly ICheckpointStore _checkpoints;
    readonly IChangePublisher _bus;
    readonly TimeProvider _time;
    readonly string _name;
    readonly Meter _meter = new(CoreTelemetry.Name);
    long _head, _position, _waitingSince;
    volatile bool _waiting;

    /// <summary>Follows the log, which must be cancelled by <see cref="RunAsync"/>'s token before this is disposed.</summary>
    /// <param name="events">The log.</param>
    /// <param name="checkpoints">Where the position is kept.</param>
    /// <param name="bus">The bus.</param>
    /// <param name="time">The clock that waits are measured by.</param>
    /// <param name="name">The name under which the position is kept.</param>
    public Publisher(IEventStore events, ICheckpointStore checkpoints, IChangePublisher bus, TimeProvider time, string name = DefaultName)
    {
        (_events, _checkpoints, _bus, _time, _name) = (events, checkpoints, bus, time, name);
        _meter.CreateObservableGauge("replicator.publisher.position", () => Volatile.Read(ref _position), "{position}", "The position up to which the bus has confirmed the log.");
        _meter.CreateObservableGauge("replicator.publisher.lag", () => Lag, "{position}", "By how many positions the bus is behind the log.");
        _meter.CreateObservableGauge("replicator.publisher.waiting", () => Waiting.TotalSeconds, "s", "For how long the oldest page of changes has been waiting for the bus to confirm it; 0 where none is.");
    }

    /// <summary>By how many positions the bus is behind the log, as of at most five seconds ago.</summary>
    public long Lag => Math.Max(0, Volatile.Read(ref _head) - Volatile.Read(ref _position));

    /// <summary>For how long the page that is being published has been waiting to be confirmed.</summary>
    public TimeSpan Waiting => _waiting ? _time.GetElapsedTime(Volatile.Read(ref _waitingSince)) : TimeSpan.Zero;

    /// <summary>Raised with one line when nothing has been confirmed for <see cref="Patience"/>, again every few seconds, and with null when the bus confirms again.</summary>
    public event Action<string?>? Stalled;

    /// <summary>Follows the log from the stored position until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var checkpoint = await _checkpoints.ReadAsync(_name, cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _position, checkpoint);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var monitoring = MonitorAsync(stop.Token);
        try
        {
            await foreach (var page in _events.SubscribeAsync(checkpoint, new ReadOptions(States: false), cancellationToken).ConfigureAwait(false))
            {
                using (page)
                    await PublishAsync(page, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await monitoring.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    async ValueTask PublishAsync(EventPage page, CancellationToken cancellationToken)
    {
        if (page.Position > Volatile.Read(ref _head))
            Volatile.Write(ref _head, page.Position);
        Volatile.Write(ref _waitingSince, _time.GetTimestamp());
        _waiting = true;
        try
        {
            await _bus.PublishAsync(page.Events, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _waiting = false;
        }
        await _checkpoints.WriteAsync(_name, page.Position, cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _position, page.Position);
        CoreTelemetry.ChangesPublished.Add(page.Events.Count);
    }

    /// <summary>Measures how far the log is ahead, and says when the bus does not confirm: who waits for the broker cannot say so himself.</summary>
    async Task MonitorAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(MonitorPeriod, _time);
        var stalled = false;
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken).ConfigureAwait(false))
            {
                if (await TryReadHeadAsync(cancellationToken).ConfigureAwait(false) is { } head)
                    Volatile.Write(ref _head, head);
                var waiting = Waiting;
                if (waiting >= Patience)
                {
                    stalled = true;
                    Stalled?.Invoke($"{_bus.Destination} has confirmed nothing for {(long)waiting.TotalSeconds} s, {Lag} positions of the log wait: {_bus.LastError ?? "it is away, or short of memory or disk"}");
                }
                else if (stalled)
                {
                    stalled = false;
                    Stalled?.Invoke(null);
                }
            }
        }
        finally
        {
            if (stalled)
                Stalled?.Invoke(null);
        }
    }

    /// <summary>Null while the store is away: who reads the log says so, and the lag stays what it was last known to be.</summary>
    async ValueTask<long?> TryReadHeadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _events.GetHeadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }
}
