using System.Collections.Concurrent;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Replicator.Informers.Queues;
using Xunit;

namespace Replicator.Informers.Tests.Queues;

/// <summary>What client-go's workqueue promises, case by case, and its rules against a model.</summary>
public sealed class WorkQueueTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    readonly FakeTimeProvider _time = new();

    WorkQueue<string> NewQueue() => new("test", _time);

    [Fact]
    public async Task An_item_added_twice_before_it_is_taken_comes_once()
    {
        using var queue = NewQueue();
        queue.Add("bar");
        queue.Add("bar");
        using (var work = await queue.GetAsync(Token))
            Assert.Equal("bar", work!.Item);
        Assert.Equal(0, queue.Count);
        Assert.Equal((1, 1), (queue.Statistics.Adds, queue.Statistics.Deduplicated));
    }

    [Fact]
    public async Task Distinct_items_come_in_the_order_in_which_they_were_added()
    {
        using var queue = NewQueue();
        foreach (var item in (string[])["foo", "bar", "foo", "baz"])
            queue.Add(item);
        Assert.Equal(3, queue.Count);
        foreach (var expected in (string[])["foo", "bar", "baz"])
        {
            using var work = await queue.GetAsync(Token);
            Assert.Equal(expected, work!.Item);
        }
    }

    [Fact]
    public async Task An_item_added_while_in_hand_is_held_back_until_its_worker_is_done_and_comes_once_more()
    {
        using var queue = NewQueue();
        queue.Add("foo");
        var first = await queue.GetAsync(Token);
        queue.Add("foo");
        queue.Add("foo");
        Assert.Equal(0, queue.Count);
        var second = queue.GetAsync(Token);
        Assert.False(second.IsCompleted);
        first!.Dispose();
        (await second)!.Dispose();
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public async Task Being_done_with_an_item_twice_does_nothing()
    {
        using var queue = NewQueue();
        queue.Add("foo");
        var first = await queue.GetAsync(Token);
        first!.Dispose();
        queue.Add("foo");
        using var second = await queue.GetAsync(Token);
        queue.Add("foo");
        first.Dispose();
        Assert.Equal(0, queue.Count);
        Assert.Equal(1, queue.Statistics.Processing);
    }

    [Fact]
    public async Task After_the_shutdown_workers_get_what_waits_and_then_the_end()
    {
        using var queue = NewQueue();
        queue.Add("foo");
        queue.ShutDown();
        queue.Add("added after shutdown");
        queue.AddAfter("delayed after shutdown", TimeSpan.FromSeconds(1));
        using (var work = await queue.GetAsync(Token))
            Assert.Equal("foo", work!.Item);
        Assert.Null(await queue.GetAsync(Token));
        Assert.Equal(2, queue.Statistics.Refused);
    }

    [Fact]
    public async Task The_shutdown_wakes_every_worker_that_waits()
    {
        using var queue = NewQueue();
        var workers = Enumerable.Range(0, 5).Select(_ => queue.GetAsync(Token).AsTask()).ToList();
        queue.ShutDown();
        Assert.All(await Task.WhenAll(workers), Assert.Null);
    }

    [Fact]
    public async Task A_draining_shutdown_waits_until_workers_are_done()
    {
        using var queue = NewQueue();
        queue.Add("foo");
        queue.Add("bar");
        var (first, second) = (await queue.GetAsync(Token), await queue.GetAsync(Token));
        var drained = queue.ShutDownWithDrainAsync(Token);
        Assert.Null(await queue.GetAsync(Token));
        first!.Dispose();
        Assert.False(drained.IsCompleted);
        second!.Dispose();
        await drained;
    }

    [Fact]
    public async Task A_draining_shutdown_waits_for_what_was_added_while_in_hand_too()
    {
        using var queue = NewQueue();
        queue.Add("foo");
        var first = await queue.GetAsync(Token);
        queue.Add("foo");
        var drained = queue.ShutDownWithDrainAsync(Token);
        first!.Dispose();
        Assert.False(drained.IsCompleted);
        (await queue.GetAsync(Token))!.Dispose();
        await drained;
        Assert.Null(await queue.GetAsync(Token));
    }

    [Fact]
    public async Task A_draining_shutdown_waits_for_what_no_worker_has_taken_yet()
    {
        using var queue = NewQueue();
        queue.Add("foo");
        var drained = queue.ShutDownWithDrainAsync(Token);
        Assert.False(drained.IsCompleted);
        (await queue.GetAsync(Token))!.Dispose();
        await drained;
    }

    [Fact]
    public async Task A_second_shutdown_ends_the_wait_of_a_draining_one()
    {
        using var queue = NewQueue();
        queue.Add("foo");
        using var work = await queue.GetAsync(Token);
        var drained = queue.ShutDownWithDrainAsync(Token);
        queue.ShutDown();
        await drained;
    }

    [Fact]
    public async Task A_worker_that_gives_up_waiting_leaves_the_item_to_the_next()
    {
        using var queue = NewQueue();
        using var cancellation = new CancellationTokenSource();
        var impatient = queue.GetAsync(cancellation.Token).AsTask();
        var patient = queue.GetAsync(Token).AsTask();
        await cancellation.CancelAsync();
        queue.Add("foo");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        using var work = await patient;
        Assert.Equal("foo", work!.Item);
    }

    [Fact]
    public void A_delayed_item_comes_when_its_time_has_come_and_not_before()
    {
        using var queue = NewQueue();
        queue.AddAfter("foo", TimeSpan.FromMilliseconds(50));
        Assert.Equal((0, 1), (queue.Count, queue.Statistics.Delayed));
        _time.Advance(TimeSpan.FromMilliseconds(49));
        Assert.Equal(0, queue.Count);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal((1, 0), (queue.Count, queue.Statistics.Delayed));
    }

    [Fact]
    public async Task An_item_delayed_twice_comes_once_at_the_earlier_time()
    {
        using var queue = NewQueue();
        queue.AddAfter("foo", TimeSpan.FromMilliseconds(50));
        queue.AddAfter("foo", TimeSpan.FromMilliseconds(30));
        queue.AddAfter("foo", TimeSpan.FromMilliseconds(70));
        Assert.Equal(1, queue.Statistics.Delayed);
        _time.Advance(TimeSpan.FromMilliseconds(30));
        (await queue.GetAsync(Token))!.Dispose();
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public async Task Delayed_items_come_in_the_order_of_their_times()
    {
        using var queue = NewQueue();
        queue.AddAfter("late", TimeSpan.FromMilliseconds(30));
        queue.AddAfter("early", TimeSpan.FromMilliseconds(10));
        queue.AddAfter("now", TimeSpan.Zero);
        _time.Advance(TimeSpan.FromMilliseconds(40));
        foreach (var expected in (string[])["now", "early", "late"])
        {
            using var work = await queue.GetAsync(Token);
            Assert.Equal(expected, work!.Item);
        }
    }

    [Fact]
    public async Task An_item_that_fails_waits_twice_as_long_each_time_until_it_is_forgotten()
    {
        using var queue = NewQueue();
        foreach (var milliseconds in (int[])[5, 10, 20])
        {
            queue.AddRateLimited("foo");
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds - 1));
            Assert.Equal(0, queue.Count);
            _time.Advance(TimeSpan.FromMilliseconds(1));
            Assert.Equal(1, queue.Count);
            (await queue.GetAsync(Token))!.Dispose();
        }
        Assert.Equal(3, queue.Requeues("foo"));
        queue.Forget("foo");
        Assert.Equal(0, queue.Requeues("foo"));
        queue.AddRateLimited("foo");
        _time.Advance(TimeSpan.FromMilliseconds(5));
        Assert.Equal(1, queue.Count);
    }

    [Fact]
    public async Task A_stuck_worker_shows()
    {
        using var queue = NewQueue();
        queue.Add("foo");
        using var work = await queue.GetAsync(Token);
        _time.Advance(TimeSpan.FromMinutes(3));
        Assert.Equal(TimeSpan.FromMinutes(3), queue.Statistics.LongestRunning);
    }

    [Fact]
    public async Task An_item_whose_worker_fails_is_tried_again_until_it_succeeds()
    {
        using var queue = new WorkQueue<string>("test", TimeProvider.System);
        var (tries, failures) = (0, 0);
        var running = queue.RunAsync(2, (item, _) =>
        {
            if (Interlocked.Increment(ref tries) < 4)
                throw new InvalidOperationException($"{item} is not ready");
            queue.ShutDown();
            return ValueTask.CompletedTask;
        }, (_, _) => Interlocked.Increment(ref failures), Token);
        queue.Add("foo");
        await running;
        Assert.Equal((4, 3), (tries, failures));
        Assert.Equal(0, queue.Requeues("foo"));
    }

    [Fact]
    public async Task Cancelled_workers_end_without_an_error()
    {
        using var queue = NewQueue();
        using var cancellation = new CancellationTokenSource();
        var running = queue.RunAsync(3, (_, _) => ValueTask.CompletedTask, null, cancellation.Token);
        await cancellation.CancelAsync();
        await running;
    }

    [Fact]
    public async Task No_item_is_lost_and_none_is_in_two_hands_whatever_producers_and_workers_do()
    {
        const int items = 40, rounds = 250, workers = 8;
        using var queue = new WorkQueue<int>("test", TimeProvider.System);
        var wanted = new long[items];
        var seen = new long[items];
        var inHand = new int[items];
        var problems = new ConcurrentQueue<string>();
        var working = queue.RunAsync(workers, async (item, _) =>
        {
            if (Interlocked.Increment(ref inHand[item]) != 1)
                problems.Enqueue($"{item} was in two hands");
            // What was asked for by now is what this turn answers; what is asked for later needs another.
            var version = Volatile.Read(ref wanted[item]);
            await Task.Yield();
            Volatile.Write(ref seen[item], version);
            Interlocked.Decrement(ref inHand[item]);
        }, null, Token);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(producer => Task.Run(() =>
        {
            var random = new Random(producer);
            for (var round = 0; round < rounds * items / 4; round++)
            {
                var item = random.Next(items);
                Interlocked.Increment(ref wanted[item]);
                if (random.Next(5) == 0)
                    queue.AddAfter(item, TimeSpan.FromTicks(random.Next(20_000)));
                queue.Add(item);
            }
        }, Token)));
        await queue.ShutDownWithDrainAsync(Token);
        await working;
        Assert.Empty(problems);
        Assert.Equal(wanted, seen);
    }

    [Fact]
    public async Task The_queue_does_what_its_rules_say_in_every_order_of_calls()
    {
        // 0 to 4 add the item, 5 to 9 take one, 10 to 14 finish the item where it is in hand.
        await Gen.Int[0, 14].Array[0, 60].SampleAsync(async steps =>
        {
            using var queue = new WorkQueue<int>("test", _time);
            var (waiting, processing, dirty) = (new List<int>(), new Dictionary<int, WorkItem<int>>(), new HashSet<int>());
            foreach (var step in steps)
            {
                var item = step % 5;
                switch (step / 5)
                {
                    case 0:
                        queue.Add(item);
                        if (dirty.Add(item) && !processing.ContainsKey(item))
                            waiting.Add(item);
                        break;
                    case 1 when waiting.Count > 0:
                        var taken = (await queue.GetAsync(CancellationToken.None))!;
                        if (taken.Item != waiting[0])
                            return false;
                        processing.Add(taken.Item, taken);
                        dirty.Remove(taken.Item);
                        waiting.RemoveAt(0);
                        break;
                    case 2 when processing.Remove(item, out var work):
                        work.Dispose();
                        if (dirty.Contains(item))
                            waiting.Add(item);
                        break;
                    default:
                        break;
                }
                if (queue.Count != waiting.Count || queue.Statistics.Processing != processing.Count)
                    return false;
            }
            return true;
        });
    }
}
