namespace Replicator.Informers.Queues;

/// <summary>A token bucket over all items together: each call takes a token, and where there is none waits for those before it and its own.</summary>
public sealed class BucketRateLimiter<T> : IRateLimiter<T>
{
    readonly double _perSecond;
    readonly int _burst;
    readonly TimeProvider _time;
    readonly Lock _gate = new();
    double _tokens;
    long _filledAt;

    /// <summary>Creates a full bucket.</summary>
    /// <param name="perSecond">How many tokens come in a second.</param>
    /// <param name="burst">How many the bucket holds.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate or the burst is not positive: no item would ever come through.</exception>
    public BucketRateLimiter(double perSecond, int burst, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(perSecond);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(burst);
        (_perSecond, _burst, _time, _tokens, _filledAt) = (perSecond, burst, time, burst, time.GetTimestamp());
    }

    /// <inheritdoc/>
    public TimeSpan When(T item)
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            // Below zero are the tokens that earlier calls have spoken for.
            _tokens = Math.Min(_burst, _tokens + _time.GetElapsedTime(_filledAt, now).TotalSeconds * _perSecond) - 1;
            _filledAt = now;
            return _tokens >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(-_tokens / _perSecond);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Does nothing: the bucket knows no items.</remarks>
    public void Forget(T item)
    {
    }

    /// <inheritdoc/>
    /// <remarks>Always 0: the bucket knows no items.</remarks>
    public int Requeues(T item) => 0;
}
