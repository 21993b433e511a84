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

    /// <remarks>The fence is each stream's own. Of the 59 streams of a cluster either may have been first in one of its own; then both are told.</remarks>
    [Theory]
    [InlineData("postgres")]
    [InlineData("eventstoredb")]
    public async Task Of_two_collectors_that_race_for_one_cluster_the_loser_is_told_and_stops(string engine)
    {
        using var folder = new TemporaryFolder();
        var place = await servers.CreateAsync(engine, folder.File("data"));
        await using var replay = await SteeredReplay.StartAsync(folder.File("kubeconfig"));
        await using var first = Up(folder.Path, place, "first");
        await using var second = Up(folder.Path, place, "second");
        foreach (var racer in new[] { first, second })
        {
            // What is played before both watch is no race. One may have lost by then, over the first lists.
            using var client = new HttpClient { BaseAddress = await racer.WaitForApiAsync() };
            await Eventually.HoldsAsync(async () => first.HasExited || second.HasExited || await WatchesAllAsync(client), Cancel, () => $"{first.Errors}\n{second.Errors}");
        }
        while (!first.HasExited && !second.HasExited && !replay.HasEnded)
            await replay.PlayAsync(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(50));
        await Task.WhenAny(first.WaitForExitAsync(), second.WaitForExitAsync());
        var (loser, other) = first.HasExited ? (first, second) : (second, first);
        await AssertWasToldAsync(loser);
        await replay.PlayToEndAsync();
        if (!other.TryInterrupt())
            await AssertWasToldAsync(other);
        else if (await other.WaitForExitAsync() is not 0 and var code)
            Assert.True(code == 1 && WasTold(other), $"It ended with {code}: {other.Output}\n{other.Errors}");
        await LogImage.TakeAsync(place);
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

    static bool WasTold(ReplicatorProcess loser) => loser.Errors.Contains("another writer appends to it", StringComparison.Ordinal);

    static async Task AssertWasToldAsync(ReplicatorProcess loser)
    {
        var code = await loser.WaitForExitAsync();
        Assert.True(code == 1 && WasTold(loser), $"It ended with {code}: {loser.Output}\n{loser.Errors}");
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
