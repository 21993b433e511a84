using System.CommandLine;
using Replicator.Benchmarks.Feed;

namespace Replicator.Benchmarks;

/// <summary><c>ingest</c>: changes a second from an API server into the synced log, and with the projection keeping up, against a client that splits lines and parses each.</summary>
static class IngestBenchmark
{
    const double LogClaim = 0.5;
    const double ProjectedClaim = 0.3;

    public static Command Create()
    {
        var (pods, changes, runs, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(), CommonOptions.Seed());
        var warmUp = new Option<int>("--warm-up") { Description = "How many changes go before those that count, so that no side is measured while its code is compiled.", HelpName = "N", DefaultValueFactory = _ => 50_000 };
        var command = new Command("ingest", "Changes a second durably in the SQLite log, and projected, against a client that only splits lines and parses each with JsonDocument.") { pods, warmUp, changes, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync(
            result.GetValue(pods), result.GetValue(warmUp), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(int pods, int warmUp, int changes, int runs, int seed, CancellationToken cancellationToken)
    {
        using var feed = FeedFile.Render(pods, warmUp + changes, seed);
        var before = pods + warmUp;
        var (server, url) = await FeedCommand.StartAsync(feed, cancellationToken);
        using (server)
        {
            var trials = await Trial.InterleaveAsync(runs,
                ("split and parse", () => IngestTrials.RunAsync(IngestTrials.Parse, url, before, changes, cancellationToken)),
                ("into the log", () => IngestTrials.RunAsync(IngestTrials.Log, url, before, changes, cancellationToken)),
                ("into log and projection", () => IngestTrials.RunAsync(IngestTrials.Projected, url, before, changes, cancellationToken)));
            var (parsed, logged, projected) = (trials[0], trials[1], trials[2]);
            var baseline = new Measure("lines split and parsed with JsonDocument", parsed.Select(trial => trial.PerSecond).Median(), "changes/s");
            return new Report
            {
                Name = "ingest",
                Parameters = new Dictionary<string, object> { ["pods"] = pods, ["warmUp"] = warmUp, ["changes"] = changes, ["bytesPerChange"] = (double)feed.Bytes / feed.Lines },
                Claims =
                [
                    Claim("log", "changes synced to the log", logged, LogClaim),
                    Claim("projected", "changes synced to the log and projected", projected, ProjectedClaim),
                ],
                Details = new Dictionary<string, object>
                {
                    ["peakMemoryMiBOfBaseline"] = parsed.Max(trial => trial.PeakMemoryMiB),
                    ["peakMemoryMiBOfLog"] = logged.Max(trial => trial.PeakMemoryMiB),
                    ["allocatedBytesPerChangeOfLog"] = logged.Select(trial => (double)trial.AllocatedBytes / trial.Count).Median(),
                    ["cpuMicrosecondsPerChangeOfBaseline"] = parsed.Select(trial => trial.CpuMicroseconds).Median(),
                    ["cpuMicrosecondsPerChangeOfLog"] = logged.Select(trial => trial.CpuMicroseconds).Median(),
                    ["cpuMicrosecondsPerChangeProjected"] = projected.Select(trial => trial.CpuMicroseconds).Median(),
                },
                PeakMemoryMiB = projected.Max(trial => trial.PeakMemoryMiB),
                Runs = runs,
                Seed = seed,
            }.Print();

            Claim Claim(string name, string what, Trial[] trials, double floor) => new(name,
                new Measure(what, trials.Select(trial => trial.PerSecond).Median(), "changes/s"), baseline,
                trials.Zip(parsed, (result, beside) => result.PerSecond / beside.PerSecond).Median(), floor, IsFloor: true);
        }
    }
}
