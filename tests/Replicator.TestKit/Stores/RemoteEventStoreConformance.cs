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
    public Task A_store_that_is_killed_again_and_again_loses_nothing_and_doubles_nothing() => StoreOutages.AssertNothingIsLostAsync(Store, outages: 4, told: 2, CutAsync, RestoreAsync);

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
