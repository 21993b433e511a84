using System.Diagnostics;
using MassTransit;
using Microsoft.Extensions.Logging;
using Replicator.Contracts;
using Replicator.Core.Diagnostics;
using Replicator.Core.Events;
using Replicator.Core.Publishing;

namespace Replicator.Bus;

/// <summary>Publishes <see cref="ResourceChanged"/> messages through MassTransit, many at a time but an object's one after the other. Calls must not overlap.</summary>
/// <remarks>
/// MassTransit sends concurrent publishes in no certain order and repeats each by itself after a lost connection, so order is kept here: a message is handed over when the broker has confirmed the one before it of the same object, and an
/// event about the observer when everything before it is confirmed.
/// </remarks>
public sealed class MassTransitPublisher : IChangePublisher, IDisposable
{
    /// <summary>The header that carries the W3C trace context (https://www.w3.org/TR/trace-context/) of the watch line, or of the publish that is its child.</summary>
    public const string TraceParentHeader = "traceparent";

    // Where MassTransit's consumers look for the trace that they continue.
    const string MassTransitTraceHeader = "MT-Activity-Id";

    static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500);
    static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(15);
    static readonly TimeSpan WatchPeriod = TimeSpan.FromSeconds(10);

    readonly IBus _bus;
    readonly BusOptions _options;
    readonly TimeProvider _time;
    readonly ConnectionErrors _errors;
    readonly ILogger _logger;
    readonly Dictionary<ObjectKey, Task> _last = [];
    readonly List<Task> _sending = [];
    readonly SemaphoreSlim _window;
    readonly ITimer _watchdog;
    ISendEndpoint? _endpoint;
    volatile Attempt? _current;
    long _lastConfirmed;
    volatile string? _lastError;

    internal MassTransitPublisher(IBus bus, BusOptions options, TimeProvider time, ConnectionErrors errors, ILogger logger)
    {
        (_bus, _options, _time, _errors, _logger) = (bus, options, time, errors, logger);
        _window = new SemaphoreSlim(options.Window);
        _watchdog = time.CreateTimer(_ => FailWhatIsStuck(), null, WatchPeriod, WatchPeriod);
    }

    /// <inheritdoc/>
    public string Destination => _options.ToString();

    /// <inheritdoc/>
    public string? LastError => _lastError ?? _errors.Last;

    /// <inheritdoc/>
    public async ValueTask PublishAsync(IReadOnlyList<RecordedEvent> events, CancellationToken cancellationToken)
    {
        var attempt = new Attempt(events);
        _errors.Clear();
        for (var delay = FirstDelay; ; delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay)
        {
            await SendAsync(attempt, cancellationToken).ConfigureAwait(false);
            _lastError = attempt.Error?.GetBaseException().Message.ReplaceLineEndings(" ");
            if (attempt.Error is null)
                return;
            cancellationToken.ThrowIfCancellationRequested();
            CoreTelemetry.PublishRetries.Add(1);
            _logger.LogWarning("{Destination} did not take a change and is asked again in {Seconds} s: {Error}", Destination, delay.TotalSeconds, _lastError);
            // It may belong to a transport that has ended.
            _endpoint = null;
            await Task.Delay(delay, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _watchdog.Dispose();
        _window.Dispose();
    }

    /// <summary>Sends what is not confirmed yet, and returns when nothing is under way any more: all confirmed, or <see cref="Attempt.Error"/> set.</summary>
    async Task SendAsync(Attempt attempt, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        attempt.Begin(stop);
        Volatile.Write(ref _lastConfirmed, _time.GetTimestamp());
        _current = attempt;
        for (var i = 0; i < attempt.Events.Count && attempt.Error is null; i++)
        {
            if (attempt.Confirmed[i])
                continue;
            var recorded = attempt.Events[i];
            var aboutObserver = recorded.Metadata.Object.Name.Length == 0;
            if (aboutObserver)
                await SettleAsync().ConfigureAwait(false);
            // Every message under way gives its place back, whether it was confirmed, failed or was stopped; so this wait needs no token.
            await _window.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            var key = new ObjectKey(recorded.Stream, recorded.Metadata.Object.Namespace, recorded.Metadata.Object.Name);
            var task = SendAsync(attempt, i, _last.GetValueOrDefault(key), stop.Token);
            if (!task.IsCompleted)
            {
                _last[key] = task;
                _sending.Add(task);
            }
            if (aboutObserver)
                await SettleAsync().ConfigureAwait(false);
        }
        await SettleAsync().ConfigureAwait(false);
        _current = null;
        await attempt.EndAsync().ConfigureAwait(false);
    }

    /// <summary>The last resort where neither the client nor MassTransit notices that nothing will come any more.</summary>
    void FailWhatIsStuck()
    {
        if (_current is { } attempt && _time.GetElapsedTime(Volatile.Read(ref _lastConfirmed)) is var silence && silence >= _options.ConfirmTimeout)
            attempt.Fail(new TimeoutException(_errors.Last ?? $"Nothing was confirmed for {(long)silence.TotalSeconds} s."));
    }

    async Task SettleAsync()
    {
        // They never fail: what went wrong is in the attempt.
        foreach (var task in _sending)
            await task.ConfigureAwait(false);
        _sending.Clear();
        _last.Clear();
    }

    async Task SendAsync(Attempt attempt, int index, Task? before, CancellationToken cancellationToken)
    {
        try
        {
            if (before is { IsCompleted: false })
                await before.ConfigureAwait(false);
            // The one before it of the same object may have failed.
            if (attempt.Error is not null)
                return;
            var recorded = attempt.Events[index];
            var started = _time.GetTimestamp();
            CoreTelemetry.PublishesInFlight.Add(1);
            try
            {
                await SendAsync(recorded, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                CoreTelemetry.PublishesInFlight.Add(-1);
            }
            attempt.Confirmed[index] = true;
            Volatile.Write(ref _lastConfirmed, _time.GetTimestamp());
            CoreTelemetry.ConfirmDuration.Record(_time.GetElapsedTime(started).TotalSeconds);
        }
        catch (Exception exception)
        {
            // Whatever it is, the change must not be skipped: the rest is held back, and this one tried again.
            attempt.Fail(exception);
        }
        finally
        {
            _window.Release();
        }
    }

    async Task SendAsync(RecordedEvent recorded, CancellationToken cancellationToken)
    {
        // A span of its own only where the watch line was traced: an import of a million events would otherwise be a million traces.
        using var activity = recorded.Metadata.TraceParent is { } parent ? CoreTelemetry.Source.StartActivity("replicator.publisher.publish", ActivityKind.Producer, parent) : null;
        activity?.SetTag("resource", recorded.Metadata.Type.GroupResource.ToString());
        var trace = activity?.Id ?? recorded.Metadata.TraceParent;
        _endpoint ??= await _bus.GetPublishSendEndpoint<ResourceChanged>().ConfigureAwait(false);
        var message = Message(recorded);
        await _endpoint.Send(message, Pipe.Execute<SendContext<ResourceChanged>>(context =>
        {
            context.MessageId = recorded.Id;
            context.Durable = true;
            context.TrySetRoutingKey(ChangeRouting.KeyOf(message.Cluster, message.Group, message.Resource, message.Namespace));
            if (trace is not null)
            {
                context.Headers.Set(TraceParentHeader, trace);
                context.Headers.Set(MassTransitTraceHeader, trace);
            }
        }), cancellationToken).ConfigureAwait(false);
    }

    static ResourceChanged Message(RecordedEvent recorded)
    {
        var metadata = recorded.Metadata;
        return new ResourceChanged
        {
            EventId = recorded.Id,
            Position = recorded.Position,
            Stream = recorded.Stream.Name,
            Revision = recorded.Revision,
            Type = EventNames.Of(recorded.Type),
            Cluster = metadata.Cluster,
            Group = metadata.Type.Group,
            Version = metadata.Type.Version,
            Resource = metadata.Type.Resource,
            Kind = metadata.Type.Kind,
            Namespace = metadata.Object.Namespace,
            Name = metadata.Object.Name,
            Uid = metadata.Object.Uid,
            ResourceVersion = metadata.ResourceVersion,
            ObservedAt = metadata.ObservedAt,
            Provenance = EventNames.Of(metadata.Provenance),
            Hash = Convert.ToHexStringLower(recorded.Hash.Span),
            GapFrom = metadata.GapFrom,
            GapFromTime = metadata.GapFromTime,
            Reason = metadata.Reason,
        };
    }

    /// <summary>What must stay in order among itself: by name, not by uid, so that an object's deletion comes before its successor's creation.</summary>
    readonly record struct ObjectKey(StreamId Stream, string Namespace, string Name);

    /// <summary>A page on its way, over as many rounds as it takes.</summary>
    sealed class Attempt(IReadOnlyList<RecordedEvent> events)
    {
        readonly Lock _lock = new();
        CancellationTokenSource? _stop;
        Task _stopping = Task.CompletedTask;
        Exception? _error;

        public IReadOnlyList<RecordedEvent> Events { get; } = events;

        public bool[] Confirmed { get; } = new bool[events.Count];

        /// <summary>What went wrong first in this round.</summary>
        public Exception? Error => Volatile.Read(ref _error);

        public void Begin(CancellationTokenSource stop)
        {
            lock (_lock)
                (_stop, _error) = (stop, null);
        }

        /// <summary>Keeps the first error and stops what is under way: MassTransit would go on trying for hours.</summary>
        public void Fail(Exception exception)
        {
            lock (_lock)
            {
                if (_error is not null || _stop is null)
                    return;
                Volatile.Write(ref _error, exception);
                _stopping = _stop.CancelAsync();
            }
        }

        public Task EndAsync()
        {
            lock (_lock)
            {
                _stop = null;
                return _stopping;
            }
        }
    }
}
