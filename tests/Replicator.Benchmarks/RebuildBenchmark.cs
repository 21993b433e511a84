using System.CommandLine;
using Replicator.Core.Projecting;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite;

namespace Replicator.Benchmarks;

/// <summary><c>rebuild</c>: events a second into a new generation of the projection, against reading the log alone.</summary>
static class RebuildBenchmark
{
    const double RebuildClaim = 0.4;
    const string Verb = "rebuild-trial";
    const string Read = "read";
    const string Rebuild = "rebuild";

    public static Command Create()
    {
        var (pods, changes, runs, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(), CommonOptions.Seed());
        var command = new Command("rebuild", "Events a second through a rebuild of the projection, against reading the log alone, states included.") { pods, changes, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    /// <summary>The hidden verb that runs a side.</summary>
    public static Command CreateTrial()
    {
        var (side, folder) = (new Argument<string>("SIDE"), new Argument<string>("FOLDER"));
        var command = new Command(Verb) { side, folder };
        command.Hidden = true;
        command.SetAction((result, cancellationToken) => TrialAsync(result.GetValue(side)!, result.GetValue(folder)!, cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(int pods, int changes, int runs, int seed, CancellationToken cancellationToken)
    {
        using var feed = await RecordedFeed.RecordAsync(pods, changes, seed, raw: null, cancellationToken);
        var trials = await Trial.InterleaveAsync(runs,
            ("reading", () => Trial.RunAsync(cancellationToken, Verb, Read, feed.Path)),
            ("rebuilding", () => Trial.RunAsync(cancellationToken, Verb, Rebuild, feed.Path)));
        var (reading, rebuilding) = (trials[0], trials[1]);
        return new Report
        {
            Name = "rebuild",
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["changes"] = changes },
            Claims =
            [
                new Claim("rebuild", new Measure("events into a new generation of the snapshots", rebuilding.Select(trial => trial.PerSecond).Median(), "events/s"),
                    new Measure("events read from the log with their states", reading.Select(trial => trial.PerSecond).Median(), "events/s"),
                    rebuilding.Zip(reading, (result, beside) => result.PerSecond / beside.PerSecond).Median(), RebuildClaim, IsFloor: true),
            ],
            Details = new Dictionary<string, object>
            {
                ["peakMemoryMiBOfReading"] = reading.Max(trial => trial.PeakMemoryMiB),
                ["cpuMicrosecondsPerEventOfReading"] = reading.Select(trial => trial.CpuMicroseconds).Median(),
                ["cpuMicrosecondsPerEventOfRebuilding"] = rebuilding.Select(trial => trial.CpuMicroseconds).Median(),
            },
            PeakMemoryMiB = rebuilding.Max(trial => trial.PeakMemoryMiB),
            Runs = runs,
            Seed = seed,
        }.Print();
    }

    static async Task TrialAsync(string side, string path, CancellationToken cancellationToken)
    {
        await using var data = await SqliteDataFolder.OpenAsync(path);
        using var projector = new Projector(data.Events, data.Snapshots);
        var clock = new TrialClock();
        var count = 0L;
        if (side == Rebuild)
        {
            await projector.RebuildAsync(progress: null, cancellationToken);
            count = await data.Events.GetHeadAsync(cancellationToken);
        }
        else
        {
            await foreach (var page in data.Events.ReadAllAsync(0, new ReadOptions(), cancellationToken))
            {
                using (page)
                    count += page.Events.Count;
            }
        }
        clock.Print(count);
    }
}
