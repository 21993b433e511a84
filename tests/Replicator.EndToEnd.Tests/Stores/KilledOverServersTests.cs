using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests.Stores;

/// <summary>Durable before visible over the engines that teams run: the program is killed at any instant, and so are the servers under it. <see cref="KilledTests"/> does the same over the embedded stores.</summary>
/// <remarks>Each test prints the seed of its instants; <c>REPLICATOR_TEST_SEED</c> repeats them. <c>REPLICATOR_TEST_KILLS</c> says how many kills there are.</remarks>
public sealed class KilledOverServersTests(StoreServers servers, ITestOutputHelper output) : IClassFixture<StoreServers>
{
    // One of each kind: while its log is away, while it records, while it starts.
    const int UsualKills = 4;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("postgres")]
    [InlineData("eventstoredb")]
    public async Task The_pipeline_and_its_log_killed_again_and_again_while_a_replay_runs_lose_nothing_and_double_nothing(string engine)
    {
        var kills = Killing.Times(UsualKills);
        var random = Killing.Seeded(output);
        using var folder = new TemporaryFolder();
        var place = await servers.CreateAsync(engine, folder.File("data"));
        await using var replay = await SteeredReplay.StartAsync(folder.File("kubeconfig"));
        var starting = Stopwatch.StartNew();
        TimeSpan start;
        await using (var first = Up(folder.Path, place))
        {
            using var client = new HttpClient { BaseAddress = await first.WaitForApiAsync() };
            start = starting.Elapsed;
            await LiveLog.WaitForAsync(client, first, RecordedShop.FirstVersions);
            await first.KillAsync();
        }
        var (image, grown, cuts) = (await LogImage.TakeAsync(place), 0, 0);
        Assert.True(image.Count > 0);
        for (var kill = 1; kill < kills; kill++)
        {
            await using var up = Up(folder.Path, place);
            var slice = SteeredReplay.Length / (kills + 1);
            // Every third time while it starts; else while it records, once in two with its log killed under it and brought back.
            if (kill % 3 == 0)
            {
                await replay.PlayAsync(slice, start * random.NextDouble());
            }
            else
            {
                await up.WaitForApiAsync();
                await replay.PlayAsync(slice / 2, TimeSpan.FromMilliseconds(200));
                if (kill % 3 == 1)
                {
                    await place.KillLogAsync();
                    await replay.PlayAsync(slice / 4, TimeSpan.FromMilliseconds(300) * random.NextDouble());
                    await place.RestartLogAsync();
                    cuts++;
                }
                await WaitForGrowthAsync(place, image.Count, up, atMost: start * 3);
                await replay.PlayAsync(slice / 4, TimeSpan.FromMilliseconds(300) * random.NextDouble());
            }
            Assert.False(up.HasExited, $"It ended by itself: {up.Output}\n{up.Errors}");
            await up.KillAsync();
            var next = await LogImage.TakeAsync(place);
            next.AssertFollows(image);
            grown += next.Count > image.Count ? 1 : 0;
            image = next;
        }
        output.WriteLine($"{kills} kills, {grown} of a process that had recorded something, {cuts} with the log killed before; {image.Count} events by then");
        Assert.True(grown > 0, "No killed process had recorded anything.");

        await replay.PlayToEndAsync();
        await using (var up = Up(folder.Path, place))
        {
            var api = await up.WaitForApiAsync();
            using var client = new HttpClient { BaseAddress = api };
            await LiveLog.WaitForAsync(client, up, RecordedShop.LastVersions);
            RecordedShop.AssertCompleteOrConfessed(await LiveLog.ReadChangesAsync(api), wasNeverInterrupted: true);
            Assert.Equal(0, await up.InterruptAsync());
        }
        (await LogImage.TakeAsync(place)).AssertFollows(image);
        await LogImage.AssertProjectionIsAFoldAsync(place);
    }

    [Fact]
    public async Task Of_two_collectors_that_race_for_one_cluster_one_goes_on_and_the_loser_is_told_and_stops()
    {
        using var folder = new TemporaryFolder();
        var place = await servers.CreateAsync("eventstoredb", folder.File("data"));
        await using var replay = await SteeredReplay.StartAsync(folder.File("kubeconfig"));
        await using var first = Up(folder.Path, place, "first");
        await using var second = Up(folder.Path, place, "second");
        foreach (var racer in new[] { first, second })
        {
            // What is played before both watch is no race. One may have lost by then, over the first lists.
            using var client = new HttpClient { BaseAddress = await racer.WaitForApiAsync() };
            await WaitForWatchesAsync(client, racer);
        }
        var (loser, winner) = await RaceAsync(replay, first, second);
        await AssertGoesOnAsync(place, replay, winner, loser, wasNeverInterrupted: false);
    }

    [Fact]
    public async Task A_collector_that_is_started_beside_a_running_one_takes_the_cluster_over_without_a_gap()
    {
        using var folder = new TemporaryFolder();
        var place = await servers.CreateAsync("postgres", folder.File("data"));
        await using var replay = await SteeredReplay.StartAsync(folder.File("kubeconfig"));
        await using var first = Up(folder.Path, place, "first");
        using (var client = new HttpClient { BaseAddress = await first.WaitForApiAsync() })
            await LiveLog.WaitForAsync(client, first, RecordedShop.FirstVersions);
        await using var second = Up(folder.Path, place, "second");
        using (var client = new HttpClient { BaseAddress = await second.WaitForApiAsync() })
            await WaitForWatchesAsync(client, second);
        var (loser, winner) = await RaceAsync(replay, first, second);
        Assert.Same(second, winner);
        await AssertGoesOnAsync(place, replay, winner, loser, wasNeverInterrupted: true);
    }

    /// <summary>Plays on until one of two collectors has ended, and returns which.</summary>
    static async Task<(ReplicatorProcess Loser, ReplicatorProcess Winner)> RaceAsync(SteeredReplay replay, ReplicatorProcess first, ReplicatorProcess second)
    {
        await Eventually.HoldsAsync(async () =>
        {
            if (!replay.HasEnded)
                await replay.PlayAsync(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(50));
            return first.HasExited || second.HasExited;
        }, Cancel, () => $"{first.Errors}\n{second.Errors}");
        return first.HasExited ? (first, second) : (second, first);
    }

    /// <summary>The loser has said by whom it was driven out; the other one records all that comes, and the log is whole.</summary>
    static async Task AssertGoesOnAsync(StorePlace place, SteeredReplay replay, ReplicatorProcess winner, ReplicatorProcess loser, bool wasNeverInterrupted)
    {
        var code = await loser.WaitForExitAsync();
        Assert.True(code == 1 && loser.Errors.Contains("Cluster 'shop' is collected by another process since ", StringComparison.Ordinal) && loser.Errors.Contains($"(process {winner.Id} on ", StringComparison.Ordinal), $"It ended with {code}: {loser.Output}\n{loser.Errors}");
        await replay.PlayToEndAsync();
        var api = await winner.WaitForApiAsync();
        using (var client = new HttpClient { BaseAddress = api })
            await LiveLog.WaitForAsync(client, winner, RecordedShop.LastVersions);
        RecordedShop.AssertCompleteOrConfessed(await LiveLog.ReadChangesAsync(api), wasNeverInterrupted);
        Assert.Equal(0, await winner.InterruptAsync());
        await LogImage.TakeAsync(place);
        await LogImage.AssertProjectionIsAFoldAsync(place);
    }

    /// <summary>Waits until it watches every type, or has ended.</summary>
    static async Task WaitForWatchesAsync(HttpClient client, ReplicatorProcess process)
    {
        // Asked for without a pause, the status of all types takes all of a core.
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!process.HasExited && !await WatchesAllAsync(client))
            await timer.WaitForNextTickAsync(Cancel);
    }

    static async Task<bool> WatchesAllAsync(HttpClient client)
    {
        try
        {
            using var response = await client.GetAsync(new Uri("api/v1/clusters/shop/status", UriKind.Relative), Cancel);
            if (response.StatusCode == HttpStatusCode.NotFound)
                return false;
            var types = JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(Cancel))!["types"]!.AsArray();
            return types.Count >= RecordedShop.FirstVersions.Count && types.All(type => type!["state"]?.GetValue<string>() == "Watching");
        }
        catch (HttpRequestException)
        {
            // It is ending.
            return false;
        }
    }

    static ReplicatorProcess Up(string folder, StorePlace place, string data = "data") =>
        ReplicatorProcess.Start(folder, place.Environment, "up", "--kubeconfig", Path.Combine(folder, "kubeconfig"), "--cluster", "shop", "--data", Path.Combine(folder, data), "--listen", "http://127.0.0.1:0");

    /// <summary>Waits until the process has written to the log; there are seconds in which nothing was recorded.</summary>
    static async Task WaitForGrowthAsync(StorePlace place, int before, ReplicatorProcess process, TimeSpan atMost)
    {
        var (events, _, _, opened) = await place.OpenAsync();
        await using (opened)
        {
            for (var waiting = Stopwatch.StartNew(); !process.HasExited && waiting.Elapsed < atMost;)
            {
                try
                {
                    if ((await events.ListStreamsAsync("", Cancel)).Sum(stream => stream.LastRevision + 1) > before)
                        return;
                }
                catch (StoreUnavailableException)
                {
                    // It is only just coming back.
                }
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancel);
            }
        }
    }
}
