using Replicator.Core.Storage;
using Xunit;

namespace Replicator.TestKit.Stores;

/// <summary>What an event store that lives in another process must do besides: say that it is away, lose nothing, and go on when it is back.</summary>
public abstract class RemoteEventStoreConformance : EventStoreConformance
{
    TaskCompletionSource _back = Completed();

    /// <summary>Takes the store away at once, as a crash does. What it has acknowledged survives.</summary>
    protected abstract Task CutAsync();

    /// <summary>Brings it back with what it held.</summary>
    protected abstract Task RestoreAsync();

    [Fact]
    public async Task Whoever_asks_while_the_store_is_away_is_told_in_one_line()
    {
        var writer = new Writer(Store, Pods);
        await writer.Append(("a", "1", "{}"));
        await AwayAsync();
        Func<Task>[] calls =
        [
            () => writer.Append(("a", "2", "{}")),
            async () => await Store.GetHeadAsync(Cancel),
            async () => await Store.ListStreamsAsync("", Cancel),
            () => Shown(Store.ReadAllAsync(0, new ReadOptions(), Cancel)),
            () => Shown(Store.ReadStreamAsync(writer.Stream, 0, backwards: false, new ReadOptions(), Cancel)),
        ];
        foreach (var call in calls)
        {
            var told = await Assert.ThrowsAsync<StoreUnavailableException>(call);
            Assert.DoesNotContain('\n', told.Message);
            Assert.EndsWith(".", told.Message, StringComparison.Ordinal);
        }
        await BackAsync();
        await Persist(() => writer.Append(("a", "2", "{}")));
        Assert.Equal(writer.Written.Select(Show), await Shown(Store.ReadAllAsync(0, new ReadOptions(), Cancel)));
    }

    [Fact]
    public async Task A_store_that_is_killed_again_and_again_loses_nothing_and_doubles_nothing()
    {
        const int cuts = 4, between = 60;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var (acknowledged, unanswered, rounds) = (0, 0, 0);
        var writers = new[] { new Writer(Store, Pods), new Writer(Store, Deployments) };
        var writing = Task.WhenAll(writers.Select(writer => Task.Run(async () =>
        {
            for (var version = 1; Volatile.Read(ref rounds) < cuts || Volatile.Read(ref acknowledged) < cuts * between; version += 2)
            {
                var (first, second) = (version, version + 1);
                await Persist(() => writer.Append(("a", $"{first}", $$"""{"v":{{first}}}"""), ($"o{version % 5}", $"{second}", $$"""{"v":{{second}}}""")), () => Interlocked.Increment(ref unanswered));
                Interlocked.Increment(ref acknowledged);
            }
        }, Cancel)));
        var seen = new List<(long Position, string Shown)>();
        var follower = Follow(0, new ReadOptions(), page =>
        {
            lock (seen)
                seen.AddRange(page.Events.Select(recorded => (recorded.Position, Show(recorded))));
        }, stop.Token);

        for (; rounds < cuts; Interlocked.Increment(ref rounds))
        {
            var target = (rounds + 1) * between;
            await Until(() => Volatile.Read(ref acknowledged) >= target, writing);
            var before = Volatile.Read(ref unanswered);
            await AwayAsync();
            // Both writers have found out.
            await Until(() => Volatile.Read(ref unanswered) >= before + writers.Length, writing);
            await BackAsync();
        }
        await writing;
        var written = writers.Sum(writer => writer.Written.Count);
        await Until(() => { lock (seen) return seen.Count >= written; }, follower);
        await stop.CancelAsync();
        await follower;

        Assert.Equal(seen.OrderBy(one => one.Position), seen);
        foreach (var writer in writers)
            Assert.Equal(writer.Written.Select(Show), seen.Where(one => one.Shown.StartsWith($"{writer.Stream} ", StringComparison.Ordinal)).Select(one => one.Shown));
        Assert.Equal(new LogVerification(written, null, null), await LogVerifier.VerifyAsync(Store, null, Cancel));
    }

    protected override Task UntilBackAsync() => Volatile.Read(ref _back).Task;

    async Task AwayAsync()
    {
        Volatile.Write(ref _back, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await CutAsync();
    }

    async Task BackAsync()
    {
        await RestoreAsync();
        Volatile.Read(ref _back).SetResult();
    }

    static TaskCompletionSource Completed()
    {
        var completed = new TaskCompletionSource();
        completed.SetResult();
        return completed;
    }

    /// <summary>Repeats what a store that is away could not do, until it is done.</summary>
    protected async Task Persist(Func<Task> call, Action? refused = null)
    {
        while (true)
        {
            try
            {
                await call();
                return;
            }
            catch (StoreUnavailableException)
            {
                Cancel.ThrowIfCancellationRequested();
                refused?.Invoke();
                await UntilBackAsync();
            }
        }
    }
}
