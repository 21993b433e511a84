using System.Collections.Concurrent;

namespace Replicator.Storage.Sqlite.Snapshots;

/// <summary>Threads of their own, as many as there are cores, for work that only computes; what it brings is awaited.</summary>
/// <remarks>
/// On the thread pool such work stands in front of what is done in microseconds and waited for by a client: each piece of a list that is sent takes several turns of the pool, and each turn waited for a batch of states to be
/// made. So a list of 50,000 pods left a third of two cores idle, and whatever else was asked meanwhile waited too. Continuations of these tasks run on the pool.
/// </remarks>
sealed class DecodingThreads : TaskScheduler, IDisposable
{
    readonly BlockingCollection<Task> _tasks = [];
    readonly Lock _gate = new();
    Thread[]? _threads;

    public override int MaximumConcurrencyLevel => Environment.ProcessorCount;

    /// <summary>Begins a piece of work.</summary>
    /// <exception cref="ObjectDisposedException">The threads have ended.</exception>
    public Task<T> Run<T>(Func<T> work)
    {
        ObjectDisposedException.ThrowIf(_tasks.IsAddingCompleted, this);
        return Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this);
    }

    /// <summary>Ends the threads when what was begun is done.</summary>
    public void Dispose()
    {
        _tasks.CompleteAdding();
        foreach (var thread in _threads ?? [])
            thread.Join();
        _tasks.Dispose();
    }

    protected override void QueueTask(Task task)
    {
        // Most processes never list so much.
        if (_threads is null)
        {
            lock (_gate)
                _threads ??= [.. Enumerable.Range(0, MaximumConcurrencyLevel).Select(_ => Start())];
        }
        _tasks.Add(task);
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => _tasks;

    Thread Start()
    {
        var thread = new Thread(() =>
        {
            foreach (var task in _tasks.GetConsumingEnumerable())
                TryExecuteTask(task);
        })
        {
            IsBackground = true,
            Name = "Decoding",
        };
        thread.Start();
        return thread;
    }
}
