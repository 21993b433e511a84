using System.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace Replicator.Benchmarks;

/// <summary><c>asof</c>: a list of all pods as of a past instant over HTTP, against the same list of the present.</summary>
static class AsOfBenchmark
{
    const double PastClaim = 2;
    public const string Verb = "serve-data";

    public static Command Create()
    {
        var (pods, changes, runs, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(15), CommonOptions.Seed());
        var command = new Command("asof", "The first byte and the whole of a list of pods as of a past instant, against the same list of the present.") { pods, changes, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    /// <summary>The hidden verb that serves a data folder as <c>replicator up</c> does.</summary>
    public static Command CreateServer()
    {
        var folder = new Argument<string>("FOLDER");
        var command = new Command(Verb) { folder };
        command.Hidden = true;
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var host = await ReplicatorHost.StartAsync(result.GetValue(folder)!, "http://127.0.0.1:0", publishes: false, cancellationToken);
            Console.WriteLine(host.Url);
            // The end of standard input is that of whoever asked for the server.
            await Console.In.ReadToEndAsync(cancellationToken);
            Trial.Print(0, TimeSpan.Zero);
        });
        return command;
    }

    static async Task<int> RunAsync(int pods, int changes, int runs, int seed, CancellationToken cancellationToken)
    {
        using var feed = await RecordedFeed.RecordAsync(pods, changes, seed, raw: null, cancellationToken);
        using var server = ChildProcess.Start(Verb, feed.Path);
        using var client = new HttpClient { BaseAddress = new Uri(await server.Output.ReadLineAsync(cancellationToken) ?? throw new BenchmarkException("The server ended before it said where it listens.")) };
        var instants = new[] { "now", $"rv:{feed.Middle.Version}", feed.Middle.Time.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture) };
        var times = instants.Select(_ => new (double First, double Whole, long Bytes)[runs]).ToArray();
        // What is compiled and cached at the first request is no property of past or present.
        foreach (var instant in instants)
            await ListAsync(client, instant, cancellationToken);
        for (var run = 0; run < runs; run++)
        {
            for (var index = 0; index < instants.Length; index++)
            {
                var list = times[index][run] = await ListAsync(client, instants[index], cancellationToken);
                await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"run {run + 1} of {runs}, {instants[index]}: first byte after {list.First * 1e3:F1} ms, {list.Bytes / 1e6:F1} MB after {list.Whole * 1e3:F1} ms"));
            }
        }
        server.CloseInput();
        var peak = await server.ReadTrialAsync(cancellationToken);
        Claim Of(string name, int index, string what, Func<(double First, double Whole, long Bytes), double> part) => new(name,
            new Measure($"{what} of {pods} pods as of {instants[index]}", times[index].Select(part).Median() * 1e3, "ms"),
            new Measure($"{what} of {pods} pods as of now", times[0].Select(part).Median() * 1e3, "ms"),
            times[index].Zip(times[0], (past, present) => part(past) / part(present)).Median(), PastClaim, IsFloor: false);
        return new Report
        {
            Name = "asof",
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["changes"] = changes },
            Claims =
            [
                Of("first byte by resource version", 1, "first byte of a list", time => time.First),
                Of("whole body by resource version", 1, "whole list", time => time.Whole),
                Of("first byte by time", 2, "first byte of a list", time => time.First),
                Of("whole body by time", 2, "whole list", time => time.Whole),
            ],
            Details = new Dictionary<string, object> { ["bytes"] = times[0][0].Bytes },
            PeakMemoryMiB = peak.PeakMemoryMiB,
            Runs = runs,
            Seed = seed,
        }.Print();
    }

    static async Task<(double First, double Whole, long Bytes)> ListAsync(HttpClient client, string instant, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        using var response = await client.GetAsync($"clusters/{RecordedFeed.Cluster}/as-of/{Uri.EscapeDataString(instant)}/api/v1/pods", HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[64 * 1024];
        var (first, bytes) = (0.0, 0L);
        while (await body.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            if (bytes == 0)
                first = Stopwatch.GetElapsedTime(started).TotalSeconds;
            bytes += read;
        }
        return (first, Stopwatch.GetElapsedTime(started).TotalSeconds, bytes);
    }
}
