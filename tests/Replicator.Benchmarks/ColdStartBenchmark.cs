using System.CommandLine;
using Replicator.Benchmarks.Feed;

namespace Replicator.Benchmarks;

/// <summary><c>coldstart</c>: how long an informer takes from nothing to synced, and how much memory.</summary>
static class ColdStartBenchmark
{
    const double RateClaim = 4;
    const double MemoryClaim = 1.0 / 3;

    // The bound that is stated: what the runtime, the client and the buffers take, and so much for each object. Garbage that the collector has not come to yet is in it.
    const double BaseMiB = 160;
    const double BytesPerObject = 2048;

    public static Command Create()
    {
        var pods = new Option<int>("--pods") { Description = "How many pods there are.", HelpName = "N", DefaultValueFactory = _ => 50_000 };
        var (runs, seed) = (CommonOptions.Runs(usual: 3), CommonOptions.Seed());
        var command = new Command("coldstart", "Seconds from an empty process to 'synced' over a streaming list of 50,000 pods, and its peak memory against a stated bound.") { pods, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(pods), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(int pods, int runs, int seed, CancellationToken cancellationToken)
    {
        using var feed = FeedFile.Render(pods, changes: 0, seed);
        var (server, url) = await FeedCommand.StartAsync(feed, cancellationToken);
        using var serving = server;
        var trials = await Trial.InterleaveAsync(runs,
            ("KubernetesClient", () => InformerTrials.RunAsync(InformerTrials.Client, url, feed.Lines, cancellationToken)),
            ("SharedInformer", () => InformerTrials.RunAsync(InformerTrials.Informer, url, feed.Lines, cancellationToken)));
        var (client, informer) = (trials[0], trials[1]);
        var (bound, peak) = (BaseMiB + pods * BytesPerObject / 1024 / 1024, informer.Max(trial => trial.PeakMemoryMiB));
        var details = new Dictionary<string, object>
        {
            ["secondsToSynced"] = informer.Select(trial => trial.Seconds).Median(),
            ["secondsToSyncedOfClient"] = client.Select(trial => trial.Seconds).Median(),
        };
        InformerClaims.AddDetails(details, pods, client, informer);
        return new Report
        {
            Name = "coldstart",
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["bytesPerPod"] = (double)feed.Bytes / feed.Lines },
            Claims =
            [
                .. InformerClaims.Of(pods, client, informer, RateClaim, MemoryClaim, BytesPerObject),
                new Claim("bound", new Measure("most memory of any run", peak, "MiB"), new Measure($"{BaseMiB} MiB and {BytesPerObject} B for each object", bound, "MiB"), peak / bound, 1, IsFloor: false),
            ],
            Details = details,
            PeakMemoryMiB = peak,
            Runs = runs,
            Seed = seed,
        }.Print();
    }
}
