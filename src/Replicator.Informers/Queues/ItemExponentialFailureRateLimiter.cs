namespace Replicator.Informers.Queues;

/// <summary>Doubles an item's delay with each of its failures: <c>first · 2^failures</c>, up to <paramref name="longest"/>.</summary>
/// <param name="first">The delay after the first failure.</param>
/// <param name="longest">The longest delay.</param>
public sealed class ItemExponentialFailureRateLimiter<T>(TimeSpan first, TimeSpan longest) : IRateLimiter<T> where T : notnull
{
    readonly Lock _gate = new();
    readonly Dictionary<T, int> _failures = [];

    /// <inheritdoc/>
    public TimeSpan When(T item)
    {
        int failures;
        lock (_gate)
        {
            _failures.TryGetValue(item, out failures);
            _failures[item] = failures + 1;
        }
        // In doubles, so that the thousandth failure does not overflow into a short wait.
        var ticks = first.Ticks * Math.Pow(2, failures);
        return ticks >= longest.Ticks ? longest : TimeSpan.FromTicks((long)ticks);
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
