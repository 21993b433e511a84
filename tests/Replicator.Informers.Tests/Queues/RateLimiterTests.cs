using Microsoft.Extensions.Time.Testing;
using Replicator.Informers.Queues;
using Xunit;

namespace Replicator.Informers.Tests.Queues;

/// <summary>The tables of client-go's default_rate_limiters_test.go.</summary>
public sealed class RateLimiterTests
{
    [Fact]
    public void Exponential_delays_double_for_each_item_by_itself_up_to_the_longest()
    {
        var limiter = new ItemExponentialFailureRateLimiter<string>(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1));
        Assert.Equal([1, 2, 4, 8, 16], Enumerable.Range(0, 5).Select(_ => limiter.When("one").TotalMilliseconds));
        Assert.Equal([1, 2], Enumerable.Range(0, 2).Select(_ => limiter.When("two").TotalMilliseconds));
        Assert.Equal((5, 2), (limiter.Requeues("one"), limiter.Requeues("two")));
        limiter.Forget("one");
        Assert.Equal(0, limiter.Requeues("one"));
        Assert.Equal(TimeSpan.FromMilliseconds(1), limiter.When("one"));
    }

    [Fact]
    public void Exponential_delays_never_overflow()
    {
        var limiter = new ItemExponentialFailureRateLimiter<string>(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1000));
        for (var failure = 0; failure < 20; failure++)
            limiter.When("overflow1");
        Assert.Equal(TimeSpan.FromSeconds(1000), limiter.When("overflow1"));
        for (var failure = 0; failure < 2000; failure++)
            limiter.When("overflow2");
        Assert.Equal(TimeSpan.FromSeconds(1000), limiter.When("overflow2"));
        // A longest delay that the calculation would overflow.
        var unbounded = new ItemExponentialFailureRateLimiter<string>(TimeSpan.FromMinutes(1), TimeSpan.MaxValue);
        for (var failure = 0; failure < 1000; failure++)
            unbounded.When("one");
        Assert.Equal(TimeSpan.MaxValue, unbounded.When("one"));
    }

    [Fact]
    public void The_first_retries_are_fast_and_all_later_ones_slow()
    {
        var limiter = new ItemFastSlowRateLimiter<string>(TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(10), fastAttempts: 3);
        Assert.Equal([5, 5, 5, 10_000, 10_000], Enumerable.Range(0, 5).Select(_ => limiter.When("one").TotalMilliseconds));
        Assert.Equal(5, limiter.Requeues("one"));
        limiter.Forget("one");
        Assert.Equal(5, limiter.When("one").TotalMilliseconds);
    }

    [Fact]
    public void The_longest_of_several_delays_holds()
    {
        var limiter = new MaxOfRateLimiter<string>(
            new ItemFastSlowRateLimiter<string>(TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(3), fastAttempts: 3),
            new ItemExponentialFailureRateLimiter<string>(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1)));
        Assert.Equal([5, 5, 5, 3000, 3000], Enumerable.Range(0, 5).Select(_ => limiter.When("one").TotalMilliseconds));
        Assert.Equal(5, limiter.Requeues("one"));
        limiter.Forget("one");
        Assert.Equal(0, limiter.Requeues("one"));
    }

    [Fact]
    public void A_bucket_grants_its_burst_at_once_and_makes_the_rest_queue_up()
    {
        var time = new FakeTimeProvider();
        var limiter = new BucketRateLimiter<string>(perSecond: 10, burst: 3, time);
        Assert.Equal([0, 0, 0, 100, 200], Enumerable.Range(0, 5).Select(_ => Math.Round(limiter.When("any").TotalMilliseconds)));
        // Two tokens are spoken for; a second brings ten, of which the bucket holds three.
        time.Advance(TimeSpan.FromMilliseconds(300));
        Assert.Equal([0, 100], Enumerable.Range(0, 2).Select(_ => Math.Round(limiter.When("any").TotalMilliseconds)));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal([0, 0, 0, 100], Enumerable.Range(0, 4).Select(_ => Math.Round(limiter.When("any").TotalMilliseconds)));
    }
}
