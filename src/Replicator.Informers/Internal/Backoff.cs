namespace Replicator.Informers;

/// <summary>client-go's back-off for reflectors: 0.8 s, doubled up to 30 s, spread by up to its own length, begun anew after two quiet minutes. That is about 0.22 requests a second from a type that always fails at first, 0.03 in the end.</summary>
sealed class Backoff(TimeProvider time, Func<double> jitter)
{
    static readonly TimeSpan First = TimeSpan.FromMilliseconds(800);
    static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    static readonly TimeSpan Reset = TimeSpan.FromMinutes(2);

    TimeSpan _next = First;
    long? _last;

    public TimeSpan Next()
    {
        var now = time.GetTimestamp();
        if (_last is { } last && time.GetElapsedTime(last, now) > Reset)
            _next = First;
        _last = now;
        var delay = _next * (1 + jitter());
        _next = Min(_next * 2, Longest);
        return Min(delay, Longest);
    }

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
