using Replicator.Core.Storage;
using Xunit;

namespace Replicator.TestKit.Stores;

/// <summary>Work on a store that goes away again and again, by whatever means.</summary>
public static class StoreOutages
{
    const int BatchesBetween = 60;
    static readonly TimeSpan RepeatPeriod = TimeSpan.FromMilliseconds(20);

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Two writers and a follower go on through every outage. In the end all that was acknowledged is there once, in order, and was seen in that order.</summary>
    /// <param name="store">The store, which is empty.</param>
    /// <param name="outages">How often it goes away.</param>
    /// <param name="told">How many of their appends must fail before the store comes back: 0 where they wait for it instead.</param>
    /// <param name="away">Takes it away.</param>
    /// <param name="back">Brings it back.</param>
    /// <param name="repeats">Whether it is taken away again until so many appends have failed: where it is away for an instant only, which may fall between two appends.</param>
    public static async Task AssertNothingIsLostAsync(IEventStore store, int outages, int told, Func<Task> away, Func<Task> back, bool repeats = false)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var returned = new TaskCompletionSource();
        returned.SetResult();
        var (acknowledged, unanswered, rounds) = (0, 0, 0);
        var writers = new[] { new EventStoreConformance.Writer(store, EventStoreConformance.Pods), new EventStoreConformance.Writer(store, EventStoreConformance.Deployments) };
        var writing = Task.WhenAll(writers.Select(writer => Task.Run(async () =>
        {
            for (var version = 1; Volatile.Read(ref rounds) < outages; version += 2)
            {
                var (first, second) = (version, version + 1);
                await PersistAsync(() => writer.Append(("a", $"{first}", $$"""{"v":{{first}}}"""), ($"o{version % 5}", $"{second}", $$"""{"v":{{second}}}""")));
                Interlocked.Increment(ref acknowledged);
            }
        }, Cancel)));
        var seen = new List<(long Position, string Shown)>();
        var following = Task.Run(FollowAsync, Cancel);

        for (; rounds < outages; Interlocked.Increment(ref rounds))
        {
            // Counted from here: while the writers are only just connecting again there is nothing to take away.
            var target = Volatile.Read(ref acknowledged) + BatchesBetween;
            await EventStoreConformance.Until(() => Volatile.Read(ref acknowledged) >= target, writing);
            var before = Volatile.Read(ref unanswered);
            Volatile.Write(ref returned, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            await away();
            while (repeats && Volatile.Read(ref unanswered) < before + told && !writing.IsCompleted)
            {
                await Task.Delay(RepeatPeriod, TimeProvider.System, Cancel);
                await away();
            }
            await EventStoreConformance.Until(() => Volatile.Read(ref unanswered) >= before + told, writing);
            await back();
            Volatile.Read(ref returned).SetResult();
        }
        await writing;
        var written = writers.Sum(writer => writer.Written.Count);
        await EventStoreConformance.Until(() => { lock (seen) return seen.Count >= written; }, following);
        await stop.CancelAsync();
        await following;

        Assert.Equal(seen.OrderBy(one => one.Position), seen);
        foreach (var writer in writers)
            Assert.Equal(writer.Written.Select(EventStoreConformance.Show), seen.Where(one => one.Shown.StartsWith($"{writer.Stream} ", StringComparison.Ordinal)).Select(one => one.Shown));
        Assert.Equal(new LogVerification(written, null, null), await LogVerifier.VerifyAsync(store, null, Cancel));

        async Task PersistAsync(Func<Task> append)
        {
            while (true)
            {
                try
                {
                    await append();
                    return;
                }
                catch (StoreUnavailableException)
                {
                    Interlocked.Increment(ref unanswered);
                    // A store that is only slow to come back is asked again and again.
                    await Volatile.Read(ref returned).Task.WaitAsync(Cancel);
                }
            }
        }

        async Task FollowAsync()
        {
            for (var after = 0L; ;)
            {
                try
                {
                    await foreach (var page in store.SubscribeAsync(after, new ReadOptions(), stop.Token))
                    {
                        using (page)
                        {
                            lock (seen)
                                seen.AddRange(page.Events.Select(recorded => (recorded.Position, EventStoreConformance.Show(recorded))));
                        }
                        after = page.Position;
                    }
                }
                catch (OperationCanceledException) when (stop.IsCancellationRequested)
                {
                    return;
                }
                catch (StoreUnavailableException)
                {
                    await Volatile.Read(ref returned).Task.WaitAsync(Cancel);
                }
            }
        }
    }
}
