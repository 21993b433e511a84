namespace Replicator.Informers.Queues;

/// <summary>The rate limiters that controllers use.</summary>
public static class RateLimiters
{
    /// <summary>
    /// client-go's default: an item waits 5 ms after its first failure, doubled up to 1,000 s; all items together are retried at 10 a second, after a burst of 100.
    /// </summary>
    public static IRateLimiter<T> DefaultController<T>(TimeProvider time) where T : notnull => new MaxOfRateLimiter<T>(
        new ItemExponentialFailureRateLimiter<T>(TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(1000)),
        new BucketRateLimiter<T>(perSecond: 10, burst: 100, time));
}
