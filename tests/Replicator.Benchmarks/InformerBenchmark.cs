using System.CommandLine;
using Replicator.Benchmarks.Feed;

namespace Replicator.Benchmarks;

/// <summary><c>informer</c>: changes a second into an indexer, and the memory that it takes, against KubernetesClient's own typed watch.</summary>
static class InformerBenchmark
{
    const double RateClaim = 4;
    const double MemoryClaim = 1.0 / 3;
    const double BytesPerObject = 2048;

    static readonly int[] Sizes = [5_000, 50_000];

    public static Command Create()
    {
        var (changes, runs, seed) = (CommonOptions.Changes(), CommonOptions.Runs(usual: 3), CommonOptions.Seed());
        var command = new Command("informer", "Changes a second, peak memory and bytes per object of a SharedInformer, for 5,000 and 50,000 pods, against KubernetesClient's typed watch; both hold the latest version of every object.") { changes, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(int changes, int runs, int seed, CancellationToken cancellationToken)
    {
        var (claims, details, peak) = (new List<Claim>(), new Dictionary<string, object>(), 0.0);
        foreach (var pods in Sizes)
        {
            using var feed = FeedFile.Render(pods, changes, seed);
            var (server, url) = await FeedCommand.StartAsync(feed, cancellationToken);
            using var serving = server;
            var trials = await Trial.InterleaveAsync(runs,
                ($"KubernetesClient, {pods} pods", () => InformerTrials.RunAsync(InformerTrials.Client, url, feed.Lines, cancellationToken)),
                ($"SharedInformer, {pods} pods", () => InformerTrials.RunAsync(InformerTrials.Informer, url, feed.Lines, cancellationToken)));
            claims.AddRange(InformerClaims.Of(pods, trials[0], trials[1], RateClaim, MemoryClaim, BytesPerObject));
            InformerClaims.AddDetails(details, pods, trials[0], trials[1]);
            peak = Math.Max(peak, trials[1].Max(trial => trial.PeakMemoryMiB));
        }
        return new Report
        {
            Name = "informer",
            Parameters = new Dictionary<string, object> { ["pods"] = Sizes, ["changes"] = changes },
            Claims = claims,
            Details = details,
            PeakMemoryMiB = peak,
            Runs = runs,
            Seed = seed,
        }.Print();
    }
}
