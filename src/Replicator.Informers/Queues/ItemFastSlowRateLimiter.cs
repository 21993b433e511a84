namespace Replicator.Informers.Queues;

/// <summary>Retries an item quickly a number of times, and slowly from then on.</summary>
/// <param name="fast">The delay of the first <paramref name="fastAttempts"/> retries.</param>
/// <param name="slow">The delay of all later ones.</param>
/// <param name="fastAttempts">How many retries are fast.</param>
public sealed class ItemFastSlowRateLimiter<T>(TimeSpan fast, TimeSpan slow, int fastAttempts) : IRateLimiter<T> where T : notnull
{
    readonly Lock _gate = new();
    readonly Dictionary<T, int> _failures = [];

    /// <inheritdoc/>
    public TimeSpan When(T item)
    {
        lock (_gate)
            return (_failures[item] = _failures.GetValueOrDefault(item) + 1) <= fastAttempts ? fast : slow;
    }

    /// <inheritdoc/>
    public void Forget(T item)
    {
        lock (_gate)
            _failures.Remove(item);
    }

    /// <inheritdoc/>
    public int Requeues(T item)
    {
        lock (_gate)
            return _failures.GetValueOrDefault(item);
    }
}
