using System.Diagnostics;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>Durable before visible: SIGKILL at any instant loses nothing and doubles nothing.</summary>
/// <remarks>Each test prints the seed of its instants; <c>REPLICATOR_TEST_SEED</c> repeats them.</remarks>
public sealed class KilledTests(ITestOutputHelper output)
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_whole_pipeline_killed_fifty_times_while_a_replay_runs_loses_nothing_and_doubles_nothing()
    {
        const int kills = 55;
        var random = Killing.Seeded(output);
        using var folder = new TemporaryFolder();
        var data = folder.File("data");
        await using var replay = await SteeredReplay.StartAsync(folder.File("kubeconfig"));
        // The first start takes its lists before the recording plays on.
        var starting = Stopwatch.StartNew();
        TimeSpan start;
        await using (var first = Up(folder.Path, data))
        {
            using var client = new HttpClient { BaseAddress = await first.WaitForApiAsync() };
            start = starting.Elapsed;
            await LiveLog.WaitForAsync(client, first, RecordedShop.FirstVersions);
            await first.KillAsync();
        }
        var image = await CrashImage.TakeAsync(data);
        var (served, grown, running) = (0, 0, Stopwatch.StartNew());
        for (var kill = 1; kill < kills; kill++)
        {
            var before = LogLength(data);
            await using var up = Up(folder.Path, data);
            var slice = SteeredReplay.Length / (kills + 1);
            // As often while it starts as while it records; the recording plays on all the while.
            if (random.Next(2) == 0)
            {
                await replay.PlayAsync(slice, start * 1.5 * random.NextDouble());
            }
            else
            {
                await up.WaitForApiAsync();
                await replay.PlayAsync(slice / 2, TimeSpan.FromMilliseconds(100));
                // There are seconds in which nothing was recorded.
                await WaitForGrowthAsync(data, before, up, atMost: start * 2);
                await replay.PlayAsync(slice / 2, TimeSpan.FromMilliseconds(300) * random.NextDouble());
            }
            Assert.False(up.HasExited, $"It ended by itself: {up.Output}\n{up.Errors}");
            await up.KillAsync();
            served += up.Output.Contains("API at ", StringComparison.Ordinal) ? 1 : 0;
            var next = await CrashImage.TakeAsync(data);
            next.AssertFollows(image);
            grown += next.Hashes.Count > image.Hashes.Count ? 1 : 0;
            image = next;
        }
        Assert.False(replay.HasEnded);
        output.WriteLine($"{kills} kills in {running.Elapsed.TotalSeconds:F0} s, where a start takes {start.TotalSeconds:F1} s: {served} of a process that served, {grown} of one that had recorded something; {image.Hashes.Count} events by then");
        Assert.True(grown > 5, $"Only {grown} of the {kills} killed processes had recorded anything.");
        await FinishAsync(folder.Path, data, replay, wasNeverInterrupted: true);
    }

    [Fact]
    public async Task Killed_while_the_first_lists_are_taken_it_begins_them_again()
    {
        const int kills = 8;
        var random = Killing.Seeded(output);
        using var folder = new TemporaryFolder();
        var data = folder.File("data");
        await using var replay = await SteeredReplay.StartAsync(folder.File("kubeconfig"));
        var image = CrashImage.Nothing;
        for (var kill = 0; kill < kills; kill++)
        {
            var before = LogLength(data);
            await using var up = Up(folder.Path, data);
            await up.WaitForApiAsync();
            await WaitForGrowthAsync(data, before, up);
            await replay.PlayAsync(SteeredReplay.Length / (kills + 1), TimeSpan.FromMilliseconds(100) * random.NextDouble());
            await up.KillAsync();
            var next = await CrashImage.TakeAsync(data);
            next.AssertFollows(image);
            image = next;
        }
        output.WriteLine($"{image.Hashes.Count} events after the last kill");
        await FinishAsync(folder.Path, data, replay, wasNeverInterrupted: false);
    }

    [Fact]
    public async Task An_import_killed_at_any_instant_is_simply_repeated()
    {
        var random = Killing.Seeded(output);
        using var folder = new TemporaryFolder();
        string[] Import(string into) => ["import", TestRecordings.Shop, "--cluster", "shop", "--data", folder.File(into)];
        Assert.Equal(0, (await ReplicatorProcess.RunAsync(folder.Path, Import("whole"))).ExitCode);
        var image = CrashImage.Nothing;
        var partial = 0;
        for (var kill = 0; kill < 10; kill++)
        {
            var before = LogLength(folder.File("data"));
            await using var import = ReplicatorProcess.Start(folder.Path, Import("data"));
            await WaitForGrowthAsync(folder.File("data"), before, import);
            await Task.Delay(TimeSpan.FromMilliseconds(100) * random.NextDouble(), TimeProvider.System, Cancel);
            await import.KillAsync();
            var next = await CrashImage.TakeAsync(folder.File("data"));
            next.AssertFollows(image);
            partial += next.Hashes.Count > image.Hashes.Count ? 1 : 0;
            image = next;
        }
        output.WriteLine($"{partial} of 10 killed imports had recorded something; {image.Hashes.Count} events after the last");
        Assert.Equal(0, (await ReplicatorProcess.RunAsync(folder.Path, Import("data"))).ExitCode);
        (await CrashImage.TakeAsync(folder.File("data"))).AssertFollows(image);
        // A list that was broken off is begun again; nothing else tells that the import was.
        Assert.Equal(await EventsAsync(folder.File("whole")), await EventsAsync(folder.File("data")));

        static async Task<List<string>> EventsAsync(string data)
        {
            await using var host = await ReplicatorHost.StartAsync(data, "http://127.0.0.1:0", publishes: false, Cancel);
            var changes = await LiveLog.ReadChangesAsync(host.Url);
            RecordedShop.AssertCompleteOrConfessed(changes, wasNeverInterrupted: false);
            return [.. changes.Where(change => change["type"]!.GetValue<string>() != "SYNC_STARTED").GroupBy(change => change["stream"]!.GetValue<string>()).OrderBy(stream => stream.Key, StringComparer.Ordinal).SelectMany(stream => stream)
                .Select(change => $"{RecordedShop.KeyOf(change)} {change["observedAt"]} {change["provenance"]}")];
        }
    }

    [Fact]
    public async Task A_killed_rebuild_goes_on_and_readers_keep_the_old_projection_until_it_is_done()
    {
        var random = Killing.Seeded(output);
        using var folder = new TemporaryFolder();
        var data = folder.File("data");
        await using (var opened = await SqliteDataFolder.OpenAsync(data))
        {
            for (var copy = 0; copy < 12; copy++)
                await Core.Recordings.RecordingImport.RunAsync(Core.Recordings.Recording.Open(TestRecordings.Shop), opened.Events, $"shop-{copy}", new Core.Redaction.Redactor(new byte[32]), TimeProvider.System, null, Cancel);
            using var projector = new Core.Projecting.Projector(opened.Events, opened.Snapshots);
            await projector.CatchUpAsync(Cancel);
        }
        var digest = await DigestAsync(data);
        var resumed = 0;
        for (var kill = 0; kill < 6; kill++)
        {
            await using var rebuild = ReplicatorProcess.Start(folder.Path, "rebuild", "--data", data);
            while (!File.Exists(Path.Combine(data, "snapshots-2.db")) && !rebuild.HasExited)
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Cancel);
            await Task.Delay(TimeSpan.FromMilliseconds(100) * random.NextDouble(), TimeProvider.System, Cancel);
            await rebuild.KillAsync();
            if (File.Exists(Path.Combine(data, "snapshots.current")))
                break;
            resumed++;
            Assert.Equal(digest, await DigestAsync(data));
        }
        output.WriteLine($"{resumed} rebuilds were killed before they were done");
        Assert.True(resumed > 0, "No kill fell into a rebuild.");
        var (code, _, errors) = await ReplicatorProcess.RunAsync(folder.Path, "rebuild", "--data", data);
        Assert.True(code == 0, errors);
        Assert.Equal(digest, await DigestAsync(data));

        static async Task<string> DigestAsync(string data)
        {
            await using var opened = await SqliteDataFolder.OpenAsync(data);
            return await opened.Snapshots.ComputeDigestAsync(CancellationToken.None);
        }
    }

    static ReplicatorProcess Up(string folder, string data) =>
        ReplicatorProcess.Start(folder, "up", "--kubeconfig", Path.Combine(folder, "kubeconfig"), "--cluster", "shop", "--data", data, "--listen", "http://127.0.0.1:0");

    /// <summary>Lets the pipeline run once more, until all that was recorded is there, and holds the outcome to the promise.</summary>
    static async Task FinishAsync(string folder, string data, SteeredReplay replay, bool wasNeverInterrupted)
    {
        await replay.PlayToEndAsync();
        await using (var up = Up(folder, data))
        {
            using var client = new HttpClient { BaseAddress = await up.WaitForApiAsync() };
            await LiveLog.WaitForAsync(client, up, RecordedShop.LastVersions);
            Assert.Equal(0, await up.InterruptAsync());
        }
        var (code, output, errors) = await ReplicatorProcess.RunAsync(folder, "verify", "--data", data);
        Assert.True(code == 0, $"{output} {errors}");
        await using (var opened = await SqliteDataFolder.OpenAsync(data))
            await CrashImage.AssertProjectionIsAFoldAsync(opened);
        await using var host = await ReplicatorHost.StartAsync(data, "http://127.0.0.1:0", publishes: false, Cancel);
        RecordedShop.AssertCompleteOrConfessed(await LiveLog.ReadChangesAsync(host.Url), wasNeverInterrupted);
    }

    /// <summary>Waits until the process has written to the log.</summary>
    static async Task WaitForGrowthAsync(string data, long before, ReplicatorProcess process, TimeSpan? atMost = null)
    {
        var waiting = Stopwatch.StartNew();
        while (LogLength(data) == before && !process.HasExited && waiting.Elapsed < (atMost ?? ReplicatorProcess.Hung))
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Cancel);
    }

    static long LogLength(string data) => new FileInfo(Path.Combine(data, "log.db-wal")) is { Exists: true } file ? file.Length : 0;
}
