namespace Replicator.Informers.Queues;

/// <summary>
/// A queue of things to do, after client-go's workqueue: an item that waits already is not added twice, an item that a worker has in hand is given to no other worker, and what is added of it meanwhile is given out
/// when that worker is done. No item that was added before the shutdown is lost.
/// </summary>
/// <remarks>
/// <para>Items are keys, not objects: the worker reads the present state from an informer's indexer, and so does once what several changes asked for. Distinct items come in the order in which they were added.</para>
/// <para>The queue is bounded by the number of distinct items. Safe for concurrent use.</para>
/// </remarks>
public sealed class WorkQueue<T> : IDisposable where T : notnull
{
    readonly TimeProvider _time;
    readonly IRateLimiter<T> _limiter;
    readonly KeyValuePair<string, object?> _tag;
    readonly ITimer _timer;
    readonly Lock _gate = new();

    // What waits for a worker, in order: all of it is dirty and none of it in hand.
    readonly Queue<T> _queue = [];
    readonly LinkedList<TaskCompletionSource<WorkItem<T>?>> _workers = new();

    // What has to be done, and since when; what is being done, and since when. An item may be in both.
    readonly Dictionary<T, long> _dirty = [];
    readonly Dictionary<T, long> _processing = [];

    readonly SortedSet<(long Due, long Number, T Item)> _delayed = new(Comparer<(long Due, long Number, T Item)>.Create((left, right) =>
        left.Due != right.Due ? left.Due.CompareTo(right.Due) : left.Number.CompareTo(right.Number)));
    readonly Dictionary<T, (long Due, long Number)> _dueOf = [];

    TaskCompletionSource? _drained;
    bool _shuttingDown;
    long _number, _adds, _deduplicated, _retries, _refused;

    /// <summary>Creates an empty queue.</summary>
    /// <param name="name">What metrics name it by.</param>
    /// <param name="time">The clock of all delays.</param>
    /// <param name="limiter">How long <see cref="AddRateLimited"/> waits; null for <see cref="RateLimiters.DefaultController{T}"/>.</param>
    public WorkQueue(string name, TimeProvider time, IRateLimiter<T>? limiter = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        (Name, _time, _limiter) = (name, time, limiter ?? RateLimiters.DefaultController<T>(time));
        _tag = new("queue", name);
        _timer = time.CreateTimer(static queue => ((WorkQueue<T>)queue!).AddDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What metrics name it by.</summary>
    public string Name { get; }

    /// <summary>How many items wait for a worker.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _queue.Count;
        }
    }

    /// <summary>Whether the queue takes nothing more.</summary>
    public bool ShuttingDown
    {
        get
        {
            lock (_gate)
                return _shuttingDown;
        }
    }

    /// <summary>How it fares now.</summary>
    public WorkQueueStatistics Statistics
    {
        get
        {
            lock (_gate)
            {
                return new WorkQueueStatistics
                {
                    Depth = _queue.Count,
                    Processing = _processing.Count,
                    Delayed = _delayed.Count,
                    Adds = _adds,
                    Deduplicated = _deduplicated,
                    Retries = _retries,
                    Refused = _refused,
                    LongestRunning = _processing.Count == 0 ? TimeSpan.Zero : _time.GetElapsedTime(_processing.Values.Min()),
                };
            }
        }
    }

    /// <summary>Adds an item, unless it waits already. A queue that shuts down counts it and takes it not.</summary>
    public void Add(T item)
    {
        lock (_gate)
            AddLocked(item);
    }

    /// <summary>Adds an item after a delay. An item that is delayed already comes at the earlier of the two times; one that was added meanwhile comes both times.</summary>
    public void AddAfter(T item, TimeSpan delay)
    {
        lock (_gate)
        {
            if (_shuttingDown)
            {
                _refused++;
                return;
            }
            _retries++;
            WorkQueueTelemetry.Retries.Add(1, _tag);
            if (delay <= TimeSpan.Zero)
            {
                AddLocked(item);
                return;
            }
            var due = _time.GetTimestamp() + (long)Math.Ceiling(delay.TotalSeconds * _time.TimestampFrequency);
            if (_dueOf.TryGetValue(item, out var known))
            {
                if (known.Due <= due)
                    return;
                _delayed.Remove((known.Due, known.Number, item));
            }
            var entry = (due, _number++);
            _dueOf[item] = entry;
            _delayed.Add((entry.due, entry.Item2, item));
            if (_delayed.Min.Number == entry.Item2)
                SetTimer();
        }
    }

    /// <summary>Adds an item that failed, when the rate limiter allows it.</summary>
    public void AddRateLimited(T item) => AddAfter(item, _limiter.When(item));

    /// <summary>Forgets the failures of an item. Says nothing of whether the item waits or is in hand.</summary>
    public void Forget(T item) => _limiter.Forget(item);

    /// <summary>How often the item has failed since it was forgotten.</summary>
    public int Requeues(T item) => _limiter.Requeues(item);

    /// <summary>Waits for an item; dispose it when done with it. Null when the queue is shutting down and empty: the worker ends.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled; no item was taken.</exception>
    public async ValueTask<WorkItem<T>?> GetAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // The item is handed to the worker under the lock, so that a worker that gives up either has it or leaves it to the next.
        var worker = new LinkedListNode<TaskCompletionSource<WorkItem<T>?>>(new(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_gate)
        {
            if (_queue.TryDequeue(out var item))
            {
                WorkQueueTelemetry.Depth.Add(-1, _tag);
                return Take(item);
            }
            if (_shuttingDown)
                return null;
            _workers.AddLast(worker);
        }
        using var registration = cancellationToken.UnsafeRegister(static (worker, token) => ((TaskCompletionSource<WorkItem<T>?>)worker!).TrySetCanceled(token), worker.Value);
        try
        {
            return await worker.Value.Task.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                if (worker.List is not null)
                    _workers.Remove(worker);
            }
            throw;
        }
    }

    /// <summary>
    /// Works until the queue is shut down and empty: an item that succeeds is forgotten, one that fails is tried again when the rate limiter allows it, for ever.
    /// </summary>
    /// <param name="workers">How many items may be in hand at a time.</param>
    /// <param name="process">Does what the item asks for. Its exceptions, <see cref="OperationCanceledException"/> after cancellation excepted, mean "try again".</param>
    /// <param name="failed">Told of each failure, for a log line.</param>
    /// <param name="cancellationToken">Ends the workers, each after its item.</param>
    public async Task RunAsync(int workers, Func<T, CancellationToken, ValueTask> process, Action<T, Exception>? failed, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(workers);
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(WorkAsync, CancellationToken.None))).ConfigureAwait(false);

        async Task WorkAsync()
        {
            try
            {
                while (await GetAsync(cancellationToken).ConfigureAwait(false) is { } work)
                {
                    using (work)
                    {
                        try
                        {
                            await process(work.Item, cancellationToken).ConfigureAwait(false);
                            Forget(work.Item);
                        }
                        // Whatever it was, the item is tried again; who wants to give up catches it in the worker.
                        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
                        {
                            WorkQueueTelemetry.Failures.Add(1, _tag);
                            AddRateLimited(work.Item);
                            failed?.Invoke(work.Item, exception);
                        }
                    }
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // The run was cancelled; its caller knows.
            }
        }
    }

    /// <summary>Takes nothing more. Workers get what waits already, and then null; what is delayed is given up. Ends the wait of <see cref="ShutDownWithDrainAsync"/>.</summary>
    public void ShutDown()
    {
        lock (_gate)
        {
            BeginShutDown();
            _drained?.TrySetResult();
        }
    }

    /// <summary>Takes nothing more, and waits until workers have done all that was added, what is marked again while in hand included.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled; the queue goes on shutting down.</exception>
    public async Task ShutDownWithDrainAsync(CancellationToken cancellationToken)
    {
        Task drained;
        lock (_gate)
        {
            BeginShutDown();
            _drained ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            CheckDrained();
            drained = _drained.Task;
        }
        await drained.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Shuts the queue down.</summary>
    public void Dispose()
    {
        ShutDown();
        _timer.Dispose();
    }

    internal void Done(T item)
    {
        lock (_gate)
        {
            if (_processing.Remove(item, out var started))
                WorkQueueTelemetry.Worked.Record(_time.GetElapsedTime(started).TotalSeconds, _tag);
            if (_dirty.ContainsKey(item))
                Enqueue(item);
            CheckDrained();
        }
    }

    void AddLocked(T item)
    {
        if (_shuttingDown)
        {
            _refused++;
            return;
        }
        if (!_dirty.TryAdd(item, _time.GetTimestamp()))
        {
            _deduplicated++;
            return;
        }
        _adds++;
        WorkQueueTelemetry.Adds.Add(1, _tag);
        if (!_processing.ContainsKey(item))
            Enqueue(item);
    }

    void Enqueue(T item)
    {
        while (_workers.First is { } worker)
        {
            _workers.RemoveFirst();
            if (worker.Value.TrySetResult(new WorkItem<T>(this, item)))
            {
                MarkTaken(item);
                return;
            }
        }
        _queue.Enqueue(item);
        WorkQueueTelemetry.Depth.Add(1, _tag);
    }

    WorkItem<T> Take(T item)
    {
        MarkTaken(item);
        return new WorkItem<T>(this, item);
    }

    void MarkTaken(T item)
    {
        var now = _time.GetTimestamp();
        _dirty.Remove(item, out var added);
        WorkQueueTelemetry.Waited.Record(_time.GetElapsedTime(added, now).TotalSeconds, _tag);
        _processing[item] = now;
    }

    void BeginShutDown()
    {
        if (_shuttingDown)
            return;
        _shuttingDown = true;
        _refused += _delayed.Count;
        _delayed.Clear();
        _dueOf.Clear();
        foreach (var worker in _workers)
            worker.TrySetResult(null);
        _workers.Clear();
    }

    void CheckDrained()
    {
        if (_queue.Count == 0 && _processing.Count == 0)
            _drained?.TrySetResult();
    }

    void AddDue()
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            while (_delayed.Count > 0 && _delayed.Min is var first && first.Due <= now)
            {
                _delayed.Remove(first);
                _dueOf.Remove(first.Item);
                AddLocked(first.Item);
            }
            if (_delayed.Count > 0)
                SetTimer();
        }
    }

    void SetTimer()
    {
        // Timers keep whole milliseconds; one that rings early finds nothing due and is set again.
        var wait = _time.GetElapsedTime(_time.GetTimestamp(), _delayed.Min.Due);
        _timer.Change(TimeSpan.FromMilliseconds(Math.Clamp(Math.Ceiling(wait.TotalMilliseconds), 0, int.MaxValue)), Timeout.InfiniteTimeSpan);
    }
}
