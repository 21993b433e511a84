using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
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
/// event about the observer when everything before it is confirmed. Where one fails, everything under way is stopped, the bus is given up, and what was not confirmed goes out again over a new one.
/// </remarks>
public sealed class MassTransitPublisher : IChangePublisher, IDisposable
{
    /// <summary>The header that carries the W3C trace context (https://www.w3.org/TR/trace-context/) of the watch line, or of the publish that is its child.</summary>
    public const string TraceParentHeader = "traceparent";

    // Where MassTransit's consumers look for the trace that they continue.
    const string MassTransitTraceHeader = "MT-Activity-Id";

    static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500);
    static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);

    // How often it is looked whether anything is confirmed. Where nothing was in that time, the bus is asked why.
    static readonly TimeSpan WatchPeriod = TimeSpan.FromSeconds(10);

    // A send that is cancelled ends at once. One that does not is stuck in the client for good.
    static readonly TimeSpan SettlePatience = TimeSpan.FromSeconds(10);

    readonly ISendBus _bus;
    readonly BusOptions _options;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly ITimer _watchdog;
    volatile Round? _current;
    volatile string? _lastError;

    internal MassTransitPublisher(ISendBus bus, BusOptions options, TimeProvider time, ILogger logger)
    {
        (_bus, _options, _time, _logger) = (bus, options, time, logger);
        _bus.Failed += Fail;
        _watchdog = time.CreateTimer(_ => Watch(), null, WatchPeriod, WatchPeriod);
    }

    /// <inheritdoc/>
    public string Destination => _options.ToString();

    /// <inheritdoc/>
    public string? LastError => _lastError;

    /// <inheritdoc/>
    public async ValueTask PublishAsync(IReadOnlyList<RecordedEvent> events, CancellationToken cancellationToken)
    {
        var confirmed = new bool[events.Count];
        for (var delay = FirstDelay; ; delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay)
        {
            var before = confirmed.Count(one => one);
            var error = await SendAsync(events, confirmed, cancellationToken).ConfigureAwait(false);
            if (error is not null)
                cancellationToken.ThrowIfCancellationRequested();
            _lastError = error?.GetBaseException().Message.ReplaceLineEndings(" ");
            if (error is null)
                return;
            CoreTelemetry.PublishRetries.Add(1);
            // A bus that took something is worth asking soon.
            if (confirmed.Count(one => one) > before)
                delay = FirstDelay;
            _logger.LogWarning("{Destination} did not take a change and is asked again in {Seconds} s: {Error}", Destination, delay.TotalSeconds, _lastError);
            await _bus.ResetAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(delay, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _bus.Failed -= Fail;
        _watchdog.Dispose();
    }

    /// <summary>Sends what is not confirmed yet, and returns when nothing is under way any more: null, and all is confirmed, or what went wrong first.</summary>
    async Task<Exception?> SendAsync(IReadOnlyList<RecordedEvent> events, bool[] confirmed, CancellationToken cancellationToken)
    {
        using var round = new Round(events, confirmed, _options.Window, _time, cancellationToken);
        _current = round;
        try
        {
            round.Endpoint = await _bus.OpenAsync(round.Token).ConfigureAwait(false);
            for (var i = 0; i < events.Count && round.Error is null; i++)
            {
                if (confirmed[i])
                    continue;
                var metadata = events[i].Metadata;
                var aboutObserver = metadata.Object.Name.Length == 0;
                if (aboutObserver)
                    await SettleAsync(round).ConfigureAwait(false);
                await EnterWindowAsync(round).ConfigureAwait(false);
                if (round.Error is not null)
                    break;
                var key = new ObjectKey(events[i].Stream, metadata.Object.Namespace, metadata.Object.Name);
                round.Add(key, SendAsync(round, i, round.LastOf(key)));
                if (aboutObserver)
                    await SettleAsync(round).ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            round.Fail(exception);
        }
        await SettleAsync(round).ConfigureAwait(false);
        _current = null;
        return round.Error;
    }

    void Fail(Exception exception) => _current?.Fail(exception);

    /// <summary>Not by the token: whoever else listens to it may keep its cancellation from getting here.</summary>
    static async ValueTask EnterWindowAsync(Round round)
    {
        var free = round.Window.WaitAsync(CancellationToken.None);
        if (!free.IsCompletedSuccessfully)
            await Task.WhenAny(free, round.Failed).ConfigureAwait(false);
    }

    /// <summary>The last resort where neither the client nor MassTransit notices that nothing will come any more.</summary>
    void Watch()
    {
        if (_current is not { } round || round.Silence is not { } silence || silence < WatchPeriod)
            return;
        if (silence >= _options.ConfirmTimeout)
            round.Fail(new TimeoutException($"Nothing was confirmed for {(long)silence.TotalSeconds} s."));
        else if (round.Endpoint is not null && round.TryAsk())
            _ = AskAsync(round);
    }

    /// <summary>Asks the bus why it confirms nothing. One that is short of memory or disk is waited for; sending again would only give it more to keep. One that is away is given up.</summary>
    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "Whatever keeps the bus from answering, the round has failed by it.")]
    async Task AskAsync(Round round)
    {
        var isBlocked = false;
        try
        {
            await _bus.AskAsync(KeyOf(round.Events[0].Metadata), reason =>
            {
                isBlocked = true;
                CoreTelemetry.PublishersBlocked.Add(1);
                round.Pause();
                _lastError = $"it takes no messages for now: {reason}";
                _logger.LogWarning("{Destination} takes no messages for now: {Reason}", Destination, reason);
            }, round.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            round.Fail(exception);
        }
        if (isBlocked)
        {
            CoreTelemetry.PublishersBlocked.Add(-1);
            if (round.Error is null)
            {
                _lastError = null;
                _logger.LogInformation("{Destination} takes messages again.", Destination);
            }
        }
        round.Resume();
    }

    /// <summary>Waits until nothing is under way. What does not end when its round has failed is left behind: its token is cancelled, so that it sends nothing any more whenever it wakes, and its bus is given up.</summary>
    async Task SettleAsync(Round round)
    {
        var sending = round.SettleAsync();
        if (await Task.WhenAny(sending, round.Failed).ConfigureAwait(false) == sending)
            return;
        try
        {
            await sending.WaitAsync(SettlePatience, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            var abandoned = round.Abandon();
            CoreTelemetry.PublishesAbandoned.Add(abandoned);
            _logger.LogWarning("{Count} messages to {Destination} did not end when they were cancelled, and are sent again over a new connection.", abandoned, Destination);
        }
    }

    async Task SendAsync(Round round, int index, Task? before)
    {
        try
        {
            if (before is { IsCompleted: false })
                await before.ConfigureAwait(false);
            // The one before it of the same object may have failed.
            if (round.Error is not null)
                return;
            var started = _time.GetTimestamp();
            round.Enter();
            try
            {
                await SendAsync(round.Endpoint!, round.Events[index], round.Token).ConfigureAwait(false);
            }
            finally
            {
                round.Leave();
            }
            round.Confirm(index);
            CoreTelemetry.ConfirmDuration.Record(_time.GetElapsedTime(started).TotalSeconds);
        }
        catch (Exception exception)
        {
            // Whatever it is, the change must not be skipped: the rest is held back, and this one tried again.
            round.Fail(exception);
        }
        finally
        {
            round.Window.Release();
        }
    }

    static async Task SendAsync(ISendEndpoint endpoint, RecordedEvent recorded, CancellationToken cancellationToken)
    {
        // A span of its own only where the watch line was traced: an import of a million events would otherwise be a million traces.
        using var activity = recorded.Metadata.TraceParent is { } parent ? CoreTelemetry.Source.StartActivity("replicator.publisher.publish", ActivityKind.Producer, parent) : null;
        activity?.SetTag("resource", recorded.Metadata.Type.GroupResource.ToString());
        var trace = activity?.Id ?? recorded.Metadata.TraceParent;
        var message = ToMessage(recorded);
        await endpoint.Send(message, Pipe.Execute<SendContext<ResourceChanged>>(context =>
        {
            context.Serializer = ChangeSerializer.Instance;
            context.MessageId = recorded.Id;
            context.Durable = true;
            context.TrySetRoutingKey(KeyOf(recorded.Metadata));
            if (trace is not null)
            {
                context.Headers.Set(TraceParentHeader, trace);
                context.Headers.Set(MassTransitTraceHeader, trace);
            }
        }), cancellationToken).ConfigureAwait(false);
    }

    static string KeyOf(EventMetadata metadata) => ChangeRouting.KeyOf(metadata.Cluster, metadata.Type.Group, metadata.Type.Resource, metadata.Object.Namespace);

    /// <summary>The message that an event becomes.</summary>
    public static ResourceChanged ToMessage(RecordedEvent recorded)
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

    /// <summary>One try to get a page confirmed. Nothing of it reaches into the next: what is left behind finds its own round failed.</summary>
    sealed class Round : IDisposable
    {
        readonly Lock _lock = new();
        readonly TimeProvider _time;
        readonly CancellationTokenSource _stop = new();
        readonly CancellationTokenRegistration _stopped;
        readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly bool[] _confirmed;
        readonly Dictionary<ObjectKey, Task> _last = [];
        readonly List<Task> _sending = [];
        Exception? _error;
        int _inFlight;
        Task _stopping = Task.CompletedTask;
        bool _abandoned, _ended;
        long _lastConfirmed;
        int _asking;
        volatile bool _paused;

        public Round(IReadOnlyList<RecordedEvent> events, bool[] confirmed, int window, TimeProvider time, CancellationToken cancellationToken)
        {
            (Events, _confirmed, _time) = (events, confirmed, time);
            Window = new SemaphoreSlim(window);
            Token = _stop.Token;
            _lastConfirmed = time.GetTimestamp();
            _stopped = cancellationToken.UnsafeRegister(static (round, token) => ((Round)round!).Fail(new OperationCanceledException(token)), this);
        }

        public IReadOnlyList<RecordedEvent> Events { get; }

        /// <summary>Where this round sends; set before anything is.</summary>
        public ISendEndpoint? Endpoint { get; set; }

        /// <summary>How many messages may still be begun.</summary>
        public SemaphoreSlim Window { get; }

        /// <summary>Cancelled when the round has failed: MassTransit would go on trying for hours.</summary>
        public CancellationToken Token { get; }

        /// <summary>Completes when the round has failed or is cancelled, whatever becomes of those who listen to <see cref="Token"/>.</summary>
        public Task Failed => _failed.Task;

        /// <summary>What went wrong first.</summary>
        public Exception? Error => Volatile.Read(ref _error);

        /// <summary>For how long nothing was confirmed; null where nothing can be, for now.</summary>
        public TimeSpan? Silence => _paused ? null : _time.GetElapsedTime(Volatile.Read(ref _lastConfirmed));

        /// <summary>What is under way of an object. Only the publishing loop calls it and the two below.</summary>
        public Task? LastOf(ObjectKey key) => _last.GetValueOrDefault(key);

        /// <summary>Takes note of a send that has begun.</summary>
        public void Add(ObjectKey key, Task send)
        {
            if (send.IsCompleted)
                return;
            _last[key] = send;
            _sending.Add(send);
        }

        /// <summary>Completes when everything that was begun has ended. Sends never fail: what went wrong is in <see cref="Error"/>.</summary>
        public async Task SettleAsync()
        {
            Task[] sending = [.. _sending];
            _sending.Clear();
            _last.Clear();
            foreach (var send in sending)
                await send.ConfigureAwait(false);
        }

        public void Enter()
        {
            lock (_lock)
                _inFlight++;
            CoreTelemetry.PublishesInFlight.Add(1);
        }

        public void Leave()
        {
            lock (_lock)
            {
                if (_abandoned)
                    return;
                _inFlight--;
            }
            CoreTelemetry.PublishesInFlight.Add(-1);
        }

        public void Confirm(int index)
        {
            _confirmed[index] = true;
            Volatile.Write(ref _lastConfirmed, _time.GetTimestamp());
        }

        /// <summary>Whether nobody asks already. Who does ends with <see cref="Resume"/>.</summary>
        public bool TryAsk() => Interlocked.Exchange(ref _asking, 1) == 0;

        /// <summary>Says that nothing can be confirmed for now.</summary>
        public void Pause() => _paused = true;

        /// <summary>Ends the asking. Where it was paused, the silence begins anew.</summary>
        public void Resume()
        {
            if (_paused)
                Volatile.Write(ref _lastConfirmed, _time.GetTimestamp());
            _paused = false;
            Volatile.Write(ref _asking, 0);
        }

        /// <summary>Counts nothing of what is under way any more, and returns how many messages that are.</summary>
        public int Abandon()
        {
            int left;
            lock (_lock)
                (left, _abandoned) = (_inFlight, true);
            CoreTelemetry.PublishesInFlight.Add(-left);
            return left;
        }

        /// <summary>Keeps the first error and stops what is under way.</summary>
        public void Fail(Exception exception)
        {
            lock (_lock)
            {
                if (_error is not null || _ended)
                    return;
                Volatile.Write(ref _error, exception);
                // First, and not by the token: its listeners are clients whose own waits may keep the last of them from hearing it.
                _failed.TrySetResult();
                _stopping = _stop.CancelAsync();
            }
        }

        public void Dispose()
        {
            lock (_lock)
                _ended = true;
            _stopped.Dispose();
            // The window is left to whoever may still come back to it; it holds nothing.
            _stopping.ContinueWith(_ => _stop.Dispose(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }
}
