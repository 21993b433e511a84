namespace Replicator.Informers.Queues;

/// <summary>Says how long an item that failed has to wait before it is tried again (client-go's workqueue.RateLimiter). Safe for concurrent use.</summary>
public interface IRateLimiter<in T>
{
    /// <summary>Counts a failure of the item and says how long to wait for it.</summary>
    TimeSpan When(T item);

    /// <summary>Forgets the item's failures: it succeeded, or is given up. Without this call an item is remembered for ever.</summary>
    void Forget(T item);

    /// <summary>How often the item has failed since it was forgotten.</summary>
    int Requeues(T item);
}
