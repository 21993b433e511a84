using System.CommandLine;
using Replicator.Storage.Marten;
using Replicator.TestKit.Servers;

namespace Replicator.Benchmarks;

/// <summary>
/// <c>append-marten</c>: events a second into the log on PostgreSQL, against Marten's bare QuickAppend of the same rows; <c>project-marten</c>: changes a second into the snapshots, against <c>COPY</c> of the same rows. Each on a
/// server of its own with every safeguard on, each trial in a database of its own.
/// </summary>
static class MartenBenchmarks
{
    const double AppendClaim = 0.8;
    const double ProjectClaim = 0.25;

    public static Command CreateAppend()
    {
        var (pods, changes, runs, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(3), CommonOptions.Seed());
        pods.DefaultValueFactory = _ => 4_096;
        changes.DefaultValueFactory = _ => 30_000;
        var command = new Command("append-marten", "Events a second into the log on PostgreSQL, against Marten's bare QuickAppend of the same rows.") { pods, changes, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync("append-marten", "events", AppendClaim, MartenTrials.BareAppend, "Marten's bare QuickAppend of the same rows", MartenTrials.Append, "events appended with expected revision, patches and positions in order",
            result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    public static Command CreateProject()
    {
        var (pods, changes, runs, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(3), CommonOptions.Seed());
        pods.DefaultValueFactory = _ => 4_096;
        changes.DefaultValueFactory = _ => 30_000;
        var command = new Command("project-marten", "Changes a second into the snapshots on PostgreSQL, against COPY of the same rows.") { pods, changes, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync("project-marten", "changes", ProjectClaim, MartenTrials.BareCopy, "one COPY of the same version rows", MartenTrials.Project, "changes projected, a page a transaction",
            result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(string name, string unit, double floor, string baselineSide, string baselineWhat, string side, string what, int pods, int changes, int runs, int seed, CancellationToken cancellationToken)
    {
        await using var server = new PostgresServer(syncs: true);
        await server.InitializeAsync();
        if (server.Unavailable is { } reason)
            throw new BenchmarkException(reason);
        var databases = 0;
        async Task<Trial> Run(string verb)
        {
            var database = $"trial{++databases}";
            await server.CreateDatabaseAsync(database);
            await MartenStores.MigrateAsync(server.ConnectionString(database) + ";Pooling=false", cancellationToken: cancellationToken);
            return await MartenTrials.RunAsync(verb, server.ConnectionString(database), pods, changes, seed, cancellationToken);
        }
        var trials = await Trial.InterleaveAsync(runs, (baselineWhat, () => Run(baselineSide)), (what, () => Run(side)));
        var (bare, ours) = (trials[0], trials[1]);
        return new Report
        {
            Name = name,
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["changes"] = changes, ["streams"] = AmplifiedEvents.Streams, ["batch"] = AmplifiedEvents.Batch },
            Claims =
            [
                new Claim(name, new Measure(what, ours.Select(trial => trial.PerSecond).Median(), $"{unit}/s"), new Measure(baselineWhat, bare.Select(trial => trial.PerSecond).Median(), $"{unit}/s"),
                    ours.Zip(bare, (result, beside) => result.PerSecond / beside.PerSecond).Median(), floor, IsFloor: true),
            ],
            Details = new Dictionary<string, object>
            {
                ["bytesPerState"] = ours.Select(trial => trial.Values["bytesPerState"]).Median(),
                ["cpuMicrosecondsEach"] = ours.Select(trial => trial.Values["cpuSeconds"] * 1e6 / trial.Count).Median(),
                ["cpuMicrosecondsEachOfBaseline"] = bare.Select(trial => trial.Values["cpuSeconds"] * 1e6 / trial.Count).Median(),
            },
            PeakMemoryMiB = ours.Max(trial => trial.PeakMemoryMiB),
            Runs = runs,
            Seed = seed,
        }.Print();
    }
}
