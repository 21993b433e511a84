using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Replicator.Benchmarks;

/// <summary><c>diff</c>: what differs between two moments with 20,000 changes between them, over HTTP, against the two seconds that somebody waits.</summary>
static class DiffBenchmark
{
    const double PatienceSeconds = 2;

    public static Command Create()
    {
        var (pods, changes, runs, seed, folder) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(), CommonOptions.Seed(), CommonOptions.Folder());
        var command = new Command("diff", "The diff of the last 20,000 changes, field by field and as unified diffs, against two seconds.") { pods, changes, runs, seed, folder };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(folder), result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(string? folder, int pods, int changes, int runs, int seed, CancellationToken cancellationToken)
    {
        using var feed = await RecordedFeed.OpenAsync(folder, pods, changes, seed, KubeApiBenchmark.PodsPerTenant, cancellationToken);
        using var server = ChildProcess.Start(AsOfBenchmark.Verb, feed.Path);
        using var client = new HttpClient { BaseAddress = new Uri(await server.Output.ReadLineAsync(cancellationToken) ?? throw new BenchmarkException("The server ended before it said where it listens.")) };
        (string Name, string From, string Accept)[] questions =
        [
            ("fields, by resource version", $"rv:{feed.Late.Version}", "application/json"),
            ("fields, by time", feed.Late.Time.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture), "application/json"),
            ("unified, by resource version", $"rv:{feed.Late.Version}", "text/x-diff"),
        ];
        var times = questions.Select(_ => new double[runs]).ToArray();
        var bytes = new long[questions.Length];
        var objects = 0;
        // The first request of each kind pays for what is compiled.
        for (var run = -1; run < runs; run++)
        {
            for (var index = 0; index < questions.Length; index++)
            {
                var (name, from, accept) = questions[index];
                var started = Stopwatch.GetTimestamp();
                using var request = new HttpRequestMessage(HttpMethod.Get, $"api/v1/clusters/{RecordedFeed.Cluster}/diff?from={Uri.EscapeDataString(from)}&to=now");
                request.Headers.Accept.ParseAdd(accept);
                using var response = await client.SendAsync(request, cancellationToken);
                var body = await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync(cancellationToken);
                var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
                bytes[index] = body.Length;
                if (run < 0)
                {
                    if (index == 0)
                        objects = Count(body);
                    continue;
                }
                times[index][run] = seconds;
                await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"run {run + 1} of {runs}, {name}: {body.Length / 1e6:F1} MB after {seconds * 1e3:F0} ms"));
            }
        }
        server.CloseInput();
        var peak = await server.ReadTrialAsync(cancellationToken);
        return new Report
        {
            Name = "diff",
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["changes"] = changes, ["between"] = Math.Min(changes, RecordedFeed.LateChanges) },
            Claims = [.. questions.Select((question, index) => new Claim(question.Name, new Measure($"diff over {Math.Min(changes, RecordedFeed.LateChanges)} changes", times[index].Median(), "s"),
                new Measure("what somebody waits", PatienceSeconds, "s"), times[index].Median() / PatienceSeconds, 1, IsFloor: false))],
            Details = new Dictionary<string, object> { ["objects"] = objects, ["bytes"] = bytes },
            PeakMemoryMiB = peak.PeakMemoryMiB,
            Runs = runs,
            Seed = seed,
        }.Print();
    }

    static int Count(byte[] body)
    {
        using var document = JsonDocument.Parse(body);
        return document.RootElement.GetProperty("items").GetArrayLength();
    }
}
