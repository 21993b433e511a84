using System.CommandLine;
using Replicator.TestKit.Servers;

namespace Replicator.Benchmarks;

/// <summary>
/// <c>append-marten</c>: events a second into the log on PostgreSQL, against Marten's bare QuickAppend of the same rows into the tables that Marten makes; <c>project-marten</c>: changes a second into the snapshots, against
/// <c>COPY</c> of the same rows. Each on a server of its own with every safeguard on, each trial in a database of its own.
/// </summary>
static class MartenBenchmarks
{
    const double AppendClaim = 0.8;
    const double ProjectClaim = 0.25;

    public static Command CreateAppend()
    {
        var (pods, changes, runs, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(3), CommonOptions.Seed());
        pods.DefaultValueFactory = _ => 4_096;
        // Some seconds: in two of them a good part is the compiler's.
        changes.DefaultValueFactory = _ => 120_000;
        var command = new Command("append-marten", "Events a second into the log on PostgreSQL, against Marten's bare QuickAppend of the same rows into its own tables.") { pods, changes, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync("append-marten", "events", AppendClaim, (MartenTrials.Append, "events appended with expected revision, patches and positions in order"),
            [(MartenTrials.BareAppend, "Marten's bare QuickAppend of the same rows"), (MartenTrials.BareAppendToOurs, "the same into the tables as 'migrate' leaves them")],
            result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    public static Command CreateProject()
    {
        var (pods, changes, runs, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(3), CommonOptions.Seed());
        pods.DefaultValueFactory = _ => 4_096;
        changes.DefaultValueFactory = _ => 30_000;
        var command = new Command("project-marten", "Changes a second into the snapshots on PostgreSQL, against COPY of the same rows.") { pods, changes, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync("project-marten", "changes", ProjectClaim, (MartenTrials.Project, "changes projected, a page a transaction"), [(MartenTrials.BareCopy, "one COPY of the same version rows")],
            result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    /// <summary>Runs a side beside what it is compared with: the claim is of the first of these, the ratios to the others are among the details.</summary>
    static async Task<int> RunAsync(string name, string unit, double floor, (string Verb, string What) side, (string Verb, string What)[] baselines, int pods, int changes, int runs, int seed, CancellationToken cancellationToken)
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
            return await MartenTrials.RunAsync(verb, server.ConnectionString(database), pods, changes, seed, cancellationToken);
        }
        var trials = await Trial.InterleaveAsync(runs, [.. baselines.Append(side).Select(one => (one.What, (Func<Task<Trial>>)(() => Run(one.Verb))))]);
        var (bare, ours) = (trials[0], trials[^1]);
        double RatioTo(Trial[] others) => ours.Zip(others, (result, beside) => result.PerSecond / beside.PerSecond).Median();
        var details = new Dictionary<string, object>
        {
            ["bytesPerState"] = ours.Select(trial => trial.Values["bytesPerState"]).Median(),
            ["cpuMicrosecondsEach"] = ours.Select(trial => trial.CpuMicroseconds).Median(),
            ["cpuMicrosecondsEachOfBaseline"] = bare.Select(trial => trial.CpuMicroseconds).Median(),
        };
        for (var other = 1; other < baselines.Length; other++)
            details[$"ratio to {baselines[other].What}"] = RatioTo(trials[other]);
        return new Report
        {
            Name = name,
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["changes"] = changes, ["streams"] = AmplifiedEvents.Streams, ["batch"] = AmplifiedEvents.Batch },
            Claims =
            [
                new Claim(name, new Measure(side.What, ours.Select(trial => trial.PerSecond).Median(), $"{unit}/s"), new Measure(baselines[0].What, bare.Select(trial => trial.PerSecond).Median(), $"{unit}/s"), RatioTo(bare), floor, IsFloor: true),
            ],
            Details = details,
            PeakMemoryMiB = ours.Max(trial => trial.PeakMemoryMiB),
            Runs = runs,
            Seed = seed,
        }.Print();
    }
}
