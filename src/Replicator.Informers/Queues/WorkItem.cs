namespace Replicator.Informers.Queues;

/// <summary>An item that a worker has in hand. Until it is disposed no other worker gets the same item; what is added of it meanwhile is given out again afterwards.</summary>
public sealed class WorkItem<T> : IDisposable where T : notnull
{
    WorkQueue<T>? _queue;

    internal WorkItem(WorkQueue<T> queue, T item) => (_queue, Item) = (queue, item);

    /// <summary>The item.</summary>
    public T Item { get; }

    /// <summary>Says that the worker is done with the item, whether or not it succeeded. Later calls do nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _queue, null)?.Done(Item);
}
