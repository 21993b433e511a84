using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.KubeApi;

/// <summary>Follows the end of the log once for all watches: it runs while any is open, and keeps the last changes of each stream that is watched. Thread-safe.</summary>
/// <remarks>A watch reads what is kept at its own pace. One that falls behind it reads the log instead, so that a slow client costs no memory and misses nothing.</remarks>
sealed class LiveTail(IEventStore events, TimeProvider time) : IAsyncDisposable
{
    static readonly TimeSpan RestartDelay = TimeSpan.FromSeconds(1);

    readonly SemaphoreSlim _starting = new(1, 1);
    readonly Lock _lock = new();
    readonly Dictionary<StreamId, LiveStream> _streams = [];
    CancellationTokenSource? _stopping;
    Task _following = Task.CompletedTask;

    /// <summary>How many streams are followed.</summary>
    public int Streams
    {
        get
        {
            lock (_lock)
                return _streams.Count;
        }
    }

    /// <summary>How many watches wait for what they bring.</summary>
    public int Watchers
    {
        get
        {
            lock (_lock)
                return _streams.Values.Sum(live => live.Watchers);
        }
    }

    /// <summary>Begins to follow a stream: from when this returns, every change that is appended raises <see cref="LiveStream.Changed"/>.</summary>
    public async ValueTask<LiveStream> OpenAsync(StreamId stream, CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_stopping is null)
            {
                var head = await events.GetHeadAsync(cancellationToken).ConfigureAwait(false);
                _stopping = new CancellationTokenSource();
                var token = _stopping.Token;
                _following = Task.Run(() => FollowAsync(head, token), CancellationToken.None);
            }
            lock (_lock)
            {
                if (!_streams.TryGetValue(stream, out var live))
                    _streams[stream] = live = new LiveStream(stream);
                live.Watchers++;
                return live;
            }
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>Ends what <see cref="OpenAsync"/> began.</summary>
    public async ValueTask CloseAsync(LiveStream live)
    {
        await _starting.WaitAsync().ConfigureAwait(false);
        try
        {
            bool isLast;
            lock (_lock)
            {
                if (--live.Watchers == 0)
                    _streams.Remove(live.Stream);
                isLast = _streams.Count == 0;
            }
            if (isLast)
                await StopAsync().ConfigureAwait(false);
        }
        finally
        {
            _starting.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _starting.Dispose();
    }

    async ValueTask StopAsync()
    {
        if (_stopping is not { } stopping)
            return;
        _stopping = null;
        await stopping.CancelAsync().ConfigureAwait(false);
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stopping.Dispose();
    }

    async Task FollowAsync(long after, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await foreach (var page in events.SubscribeAsync(after, new ReadOptions(), cancellationToken).ConfigureAwait(false))
                {
                    using (page)
                    {
                        Deliver(page);
                        after = page.Position;
                    }
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // Whoever waits then asks the log, and says what is wrong with it.
                lock (_lock)
                {
                    foreach (var live in _streams.Values)
                        live.Raise();
                }
                await Task.Delay(RestartDelay, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    void Deliver(EventPage page)
    {
        lock (_lock)
        {
            foreach (var recorded in page.Events)
            {
                if (_streams.TryGetValue(recorded.Stream, out var live))
                    live.Keep(recorded);
            }
            foreach (var stream in page.Events.Select(recorded => recorded.Stream).Distinct())
            {
                if (_streams.TryGetValue(stream, out var live))
                    live.Raise();
            }
        }
    }
}

/// <summary>The last changes of a stream. Thread-safe.</summary>
sealed class LiveStream(StreamId stream)
{
    const int MaxEvents = 1024;
    const long MaxBytes = 4L * 1024 * 1024;

    readonly Lock _lock = new();
    readonly Queue<RecordedEvent> _events = [];
    TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    long _first = -1, _bytes;

    public StreamId Stream { get; } = stream;

    public int Watchers { get; set; }

    /// <summary>Done when the next change has been appended. Take it before reading.</summary>
    public Task Changed
    {
        get
        {
            lock (_lock)
                return _changed.Task;
        }
    }

    /// <summary>The changes from a revision on that are kept; null where it lies before them, so that the log has to be read.</summary>
    public IReadOnlyList<RecordedEvent>? Read(long revision)
    {
        lock (_lock)
            return _events.Count == 0 || revision < _first ? null : [.. _events.Skip((int)Math.Min(revision - _first, _events.Count))];
    }

    public void Keep(RecordedEvent recorded)
    {
        lock (_lock)
        {
            if (_events.Count == 0)
                _first = recorded.Revision;
            // The page's buffer is gone when it is disposed.
            var kept = new RecordedEvent { Position = recorded.Position, Stream = recorded.Stream, Revision = recorded.Revision, Type = recorded.Type, Metadata = recorded.Metadata, State = recorded.State.ToArray(), Hash = ReadOnlyMemory<byte>.Empty };
            _events.Enqueue(kept);
            _bytes += kept.State.Length;
            while (_events.Count > MaxEvents || (_bytes > MaxBytes && _events.Count > 1))
            {
                _bytes -= _events.Dequeue().State.Length;
                _first++;
            }
        }
    }

    public void Raise()
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            changed = _changed;
            _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        changed.SetResult();
    }
}
