namespace Replicator.Informers.Queues;

/// <summary>The longest of several limiters' delays.</summary>
/// <param name="limiters">Each is asked every time.</param>
public sealed class MaxOfRateLimiter<T>(params IReadOnlyList<IRateLimiter<T>> limiters) : IRateLimiter<T>
{
    /// <inheritdoc/>
    public TimeSpan When(T item)
    {
        var longest = TimeSpan.Zero;
        foreach (var limiter in limiters)
        {
            var delay = limiter.When(item);
            if (delay > longest)
                longest = delay;
        }
        return longest;
    }

    /// <inheritdoc/>
    public void Forget(T item)
    {
        foreach (var limiter in limiters)
            limiter.Forget(item);
    }

    /// <inheritdoc/>
    public int Requeues(T item) => limiters.Max(limiter => limiter.Requeues(item));
}
