using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;

namespace Replicator.Informers.Queues;

/// <summary>
/// A queue that gives out every delta of a type in order, none merged and none dropped: client-go's RealFIFO, for a recorder that is to read on while an append is under way. Bounded by the bytes of a
/// <see cref="ByteBudget"/>: who adds waits at the limit.
/// </summary>
/// <remarks>One may add and one may take at a time. An empty queue takes one batch whatever its size, so that a taker who waits is always served.</remarks>
public sealed class DeltaQueue : IDisposable
{
    // What a delta takes besides its object, roughly: so that markers and bookmarks are bounded too.
    const int Overhead = 128;

    readonly ByteBudget.Account _account;
    readonly Queue<DeltaBatchLease> _batches = [];
    readonly Lock _gate = new();
    TaskCompletionSource? _added;
    Exception? _failure;
    bool _completed;

    /// <summary>Creates an empty queue.</summary>
    public DeltaQueue(ByteBudget budget)
    {
        ArgumentNullException.ThrowIfNull(budget);
        _account = budget.Open();
    }

    /// <summary>Copies deltas into the queue, and waits while the budget is used up.</summary>
    /// <exception cref="Exception">What <see cref="Complete"/> was given: nobody takes any more.</exception>
    /// <exception cref="InvalidOperationException">The queue is complete.</exception>
    public async ValueTask AddAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(deltas);
        if (deltas.Count == 0)
            return;
        await _account.WaitForRoomAsync(cancellationToken).ConfigureAwait(false);
        var bytes = 0L;
        foreach (var delta in deltas)
            bytes += delta.Object.Length + Overhead;
        lock (_gate)
        {
            if (_failure is not null)
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_failure);
            if (_completed)
                throw new InvalidOperationException("The queue is complete; nobody would take what is added.");
            _account.Take(bytes);
            _batches.Enqueue(new DeltaBatchLease(deltas, bytes, _account.Return));
            Signal();
        }
    }

    /// <summary>Waits for the next deltas. Null when the queue is complete and empty.</summary>
    public async ValueTask<DeltaBatchLease?> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task added;
            lock (_gate)
            {
                if (_batches.TryDequeue(out var batch))
                    return batch;
                if (_completed)
                    return null;
                _added ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                added = _added.Task;
            }
            _account.Starve(true);
            try
            {
                await added.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _account.Starve(false);
            }
        }
    }

    /// <summary>Says that nothing more comes, or with a failure that nobody takes any more: what waits is dropped then, and who adds gets the failure.</summary>
    public void Complete(Exception? failure = null)
    {
        lock (_gate)
        {
            _completed = true;
            _failure ??= failure;
            while (failure is not null && _batches.TryDequeue(out var batch))
                batch.Dispose();
            Signal();
        }
        if (failure is not null)
            _account.Starve(true);
    }

    /// <summary>Drops what waits.</summary>
    public void Dispose()
    {
        Complete(new ObjectDisposedException(nameof(DeltaQueue)));
        _account.Dispose();
    }

    /// <summary>
    /// Puts a queue before each sink of a factory, so that a reflector reads on while the sink is busy. A reflector's resume point may then be ahead of what is durable; a sink that fails has the reflector open it
    /// again, and so go back to the durable one.
    /// </summary>
    public static IDeltaSinkFactory Before(IDeltaSinkFactory sinks, ByteBudget budget) => new QueueingSinks(sinks, budget);

    void Signal()
    {
        _added?.TrySetResult();
        _added = null;
    }

    sealed class QueueingSinks(IDeltaSinkFactory inner, ByteBudget budget) : IDeltaSinkFactory
    {
        public async ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken) =>
            new QueueingSink(await inner.OpenAsync(type, cancellationToken).ConfigureAwait(false), budget, cancellationToken);

        public ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken) => inner.HandleDiscoveryAsync(snapshot, cancellationToken);
    }

    sealed class QueueingSink : IDeltaSink
    {
        readonly IDeltaSink _inner;
        readonly DeltaQueue _queue;
        readonly Task _running;
        bool _needsList;

        public QueueingSink(IDeltaSink inner, ByteBudget budget, CancellationToken cancellationToken)
        {
            (_inner, _queue, ResumeVersion, RecordedVersion) = (inner, new DeltaQueue(budget), inner.ResumeVersion, inner.RecordedVersion);
            _running = Task.Run(() => RunAsync(cancellationToken), CancellationToken.None);
        }

        public string? ResumeVersion { get; }

        public string? RecordedVersion { get; }

        // Told once, however late: what was handed over since is recorded, and the list comes after it.
        public bool NeedsList => Interlocked.Exchange(ref _needsList, false);

        public ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken) => _queue.AddAsync(deltas, cancellationToken);

        public async ValueTask DisposeAsync()
        {
            _queue.Complete();
            await _running.ConfigureAwait(false);
            _queue.Dispose();
            await _inner.DisposeAsync().ConfigureAwait(false);
        }

        async Task RunAsync(CancellationToken cancellationToken)
        {
            try
            {
                while (await _queue.TakeAsync(cancellationToken).ConfigureAwait(false) is { } batch)
                {
                    using (batch)
                        await _inner.HandleAsync(batch.Deltas, cancellationToken).ConfigureAwait(false);
                    if (_inner.NeedsList)
                        Volatile.Write(ref _needsList, true);
                }
            }
            // The reflector gets it with its next batch, and does with it what it does with a sink's.
            catch (Exception exception)
            {
                _queue.Complete(exception);
            }
        }
    }
}
