using System.Threading.Channels;

namespace Replicator.Informers.Caching;

/// <summary>A handler of a <see cref="SharedInformer"/>. Disposing removes it.</summary>
public sealed class HandlerRegistration : IAsyncDisposable
{
    readonly SharedInformer _informer;
    readonly IResourceEventHandler _handler;
    readonly HandlerOptions _options;
    readonly EventBuffer _buffer;
    readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly CancellationTokenSource _stop = new();
    readonly KeyValuePair<string, object?>[] _tags;
    readonly ITimer? _resync;
    readonly Lock _gate = new();
    readonly Task _running;
    long _delivered, _failures;

    internal HandlerRegistration(SharedInformer informer, IResourceEventHandler handler, HandlerOptions options, TimeSpan resyncPeriod, TimeProvider time)
    {
        (_informer, _handler, _options) = (informer, handler, options);
        _buffer = new EventBuffer(options.BufferedEvents);
        _tags = [InformersTelemetry.Tag(informer.Type), new("handler", options.Name)];
        if (resyncPeriod > TimeSpan.Zero)
            _resync = time.CreateTimer(_ => informer.Resync(this), null, resyncPeriod, resyncPeriod);
        _running = Task.Run(RunAsync);
    }

    /// <summary>Whether the handler has handled the whole of the initial list. Says that it works on a complete picture.</summary>
    public bool HasSynced
    {
        get
        {
            lock (_gate)
                return _buffer.HasSynced;
        }
    }

    /// <summary>How many entries wait.</summary>
    public int Pending
    {
        get
        {
            lock (_gate)
                return _buffer.Count;
        }
    }

    /// <summary>How many events were merged into others because the handler was slow.</summary>
    public long Coalesced
    {
        get
        {
            lock (_gate)
                return _buffer.Coalesced;
        }
    }

    /// <summary>How many events the handler has handled, failures included.</summary>
    public long Delivered => Interlocked.Read(ref _delivered);

    /// <summary>How many times the handler has failed.</summary>
    public long Failures => Interlocked.Read(ref _failures);

    /// <summary>Waits for <see cref="HasSynced"/>.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled, or the handler removed before.</exception>
    public Task WaitForSyncAsync(CancellationToken cancellationToken) => _synced.Task.WaitAsync(cancellationToken);

    /// <summary>Removes the handler and waits until it handles nothing any more. Never to be awaited by the handler itself, which it would wait for.</summary>
    public async ValueTask DisposeAsync()
    {
        _informer.Remove(this);
        await StopAsync().ConfigureAwait(false);
    }

    internal void Add(in ResourceEvent change)
    {
        lock (_gate)
            _buffer.Add(change);
    }

    internal void MarkSynced()
    {
        lock (_gate)
            _buffer.MarkSynced();
    }

    /// <summary>Says that there may be something to take.</summary>
    internal void Signal() => _signal.Writer.TryWrite(true);

    internal async ValueTask StopAsync()
    {
        if (_resync is not null)
            await _resync.DisposeAsync().ConfigureAwait(false);
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _synced.TrySetCanceled();
    }

    async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await _signal.Reader.ReadAsync(_stop.Token).ConfigureAwait(false);
                while (TryTake(out var first, out var second))
                {
                    await HandleAsync(first).ConfigureAwait(false);
                    await HandleAsync(second).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Removed or stopped: what waits is not wanted any more.
        }
    }

    bool TryTake(out ResourceEvent? first, out ResourceEvent? second)
    {
        bool taken;
        lock (_gate)
        {
            _buffer.Settle();
            taken = _buffer.TryTake(out first, out second);
            if (_buffer.HasSynced)
                _synced.TrySetResult();
        }
        _stop.Token.ThrowIfCancellationRequested();
        return taken;
    }

    async ValueTask HandleAsync(ResourceEvent? change)
    {
        if (change is not { } given)
            return;
        Interlocked.Increment(ref _delivered);
        try
        {
            await _handler.HandleAsync(given, _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw;
        }
        // A handler's mistake must not keep the next event from it, nor any from others.
        catch (Exception exception)
        {
            Interlocked.Increment(ref _failures);
            SharedInformerTelemetry.HandlerFailures.Add(1, _tags);
            _informer.Report($"{_options.Name} failed on {given.Kind} of {given.Object}: {OneLine.Of(exception)}");
        }
    }
}
