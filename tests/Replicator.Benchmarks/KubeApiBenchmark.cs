using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Replicator.Benchmarks;

/// <summary><c>kubeapi</c>: what somebody at kubectl waits for of the past, and how fast a list of everything is beside a file of the same bytes that the same web server sends.</summary>
static class KubeApiBenchmark
{
    public const int PodsPerTenant = 720;

    const double ListPatienceMilliseconds = 50, GetPatienceMilliseconds = 5;
    const double FilePart = 0.25;
    const int NamespacePods = 500;
    const int Lists = 400, Gets = 2_000, WarmUps = 50;
    const string FileVerb = "serve-file";

    public static Command Create()
    {
        var (pods, changes, runs, seed, folder) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(), CommonOptions.Seed(), CommonOptions.Folder());
        var command = new Command("kubeapi", "Lists of a namespace and gets of an object as of random instants, against what somebody waits; the list of all pods, against a file of the same bytes.") { pods, changes, runs, seed, folder };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(folder), result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    /// <summary>The hidden verb that serves one file with Kestrel.</summary>
    public static Command CreateFileServer()
    {
        var file = new Argument<string>("FILE");
        var command = new Command(FileVerb) { file };
        command.Hidden = true;
        command.SetAction(async (result, cancellationToken) =>
        {
            var path = result.GetValue(file)!;
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Logging.ClearProviders();
            await using var app = builder.Build();
            app.MapGet("/", () => TypedResults.PhysicalFile(path, "application/json"));
            await app.StartAsync(cancellationToken);
            Console.WriteLine(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
            await Console.In.ReadToEndAsync(cancellationToken);
            await app.StopAsync(cancellationToken);
            Trial.Print(0, TimeSpan.Zero);
        });
        return command;
    }

    static async Task<int> RunAsync(string? folder, int pods, int changes, int runs, int seed, CancellationToken cancellationToken)
    {
        using var feed = await RecordedFeed.OpenAsync(folder, pods, changes, seed, PodsPerTenant, cancellationToken);
        using var server = ChildProcess.Start(AsOfBenchmark.Verb, feed.Path);
        using var client = await ClientAsync(server, cancellationToken);
        var random = new Random(seed);
        var (@namespace, names) = await FindNamespaceAsync(client, feed, cancellationToken);
        string Collection(string instant, string scope) => $"clusters/{RecordedFeed.Cluster}/as-of/{Uri.EscapeDataString(instant)}/api/v1/{scope}pods";
        string OfNamespace(string instant) => Collection(instant, $"namespaces/{@namespace}/");
        // Every question is of another moment, as it is when somebody asks for two hours ago: nothing that was remembered of one moment helps with the next.
        string ByVersion() => $"rv:{random.NextInt64(long.Parse(feed.First.Version, CultureInfo.InvariantCulture), long.Parse(feed.Last.Version, CultureInfo.InvariantCulture))}";
        string ByTime() => Text(feed.First.Time + (feed.Last.Time - feed.First.Time) * random.NextDouble());

        (string Name, Func<string> Path, string? Accept, int Count, double Patience)[] questions =
        [
            ($"list of {names.Count} pods of a namespace, by resource version", () => OfNamespace(ByVersion()), null, Lists, ListPatienceMilliseconds),
            ($"list of {names.Count} pods of a namespace, by time", () => OfNamespace(ByTime()), null, Lists, ListPatienceMilliseconds),
            ($"table of {names.Count} pods of a namespace, by time", () => OfNamespace(ByTime()), "application/json;as=Table;v=v1;g=meta.k8s.io", Lists, ListPatienceMilliseconds),
            ("get of a pod, by resource version", () => $"{OfNamespace(ByVersion())}/{names[random.Next(names.Count)]}", null, Gets, GetPatienceMilliseconds),
            ("get of a pod, by time", () => $"{OfNamespace(ByTime())}/{names[random.Next(names.Count)]}", null, Gets, GetPatienceMilliseconds),
        ];
        var claims = new List<Claim>();
        foreach (var (name, path, accept, count, patience) in questions)
        {
            var times = new double[count];
            var bytes = 0L;
            // The first requests of a kind pay for what is compiled.
            for (var index = -WarmUps; index < count; index++)
            {
                var started = Stopwatch.GetTimestamp();
                bytes = await ReadAsync(client, path(), accept, cancellationToken);
                if (index >= 0)
                    times[index] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            }
            await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{name}: median {times.Median():F2} ms, p99 {times.Percentile(0.99):F2} ms, most {times.Max():F2} ms; {bytes} bytes"));
            claims.Add(new Claim(name, new Measure($"p99 of {count} requests, one after the other", times.Percentile(0.99), "ms"), new Measure("what somebody waits", patience, "ms"), times.Percentile(0.99) / patience, 1, IsFloor: false));
        }

        var whole = Collection(Text(feed.Middle.Time), "");
        var (served, files) = await CompareWithFileAsync(client, whole, runs, cancellationToken);
        claims.Add(new Claim($"list of {pods} pods", new Measure($"list of {pods} pods as of the middle", served.Median(), "MB/s"), new Measure("a file of the same bytes by the same web server", files.Median(), "MB/s"),
            served.Zip(files, (one, other) => one / other).Median(), FilePart, IsFloor: true));
        server.CloseInput();
        var peak = await server.ReadTrialAsync(cancellationToken);
        return new Report
        {
            Name = "kubeapi",
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["changes"] = changes, ["namespacePods"] = names.Count },
            Claims = claims,
            PeakMemoryMiB = peak.PeakMemoryMiB,
            Runs = runs,
            Seed = seed,
        }.Print();
    }

    /// <summary>The rates in MB/s by which a list and a file of its bytes arrive, in turns.</summary>
    static async Task<(double[] Served, double[] Files)> CompareWithFileAsync(HttpClient client, string list, int runs, CancellationToken cancellationToken)
    {
        using var copy = new TestKit.TemporaryFolder();
        var file = copy.File("pods.json");
        await using (var target = File.Create(file))
        await using (var body = await client.GetStreamAsync(list, cancellationToken))
            await body.CopyToAsync(target, cancellationToken);
        using var process = ChildProcess.Start(FileVerb, file);
        using var files = await ClientAsync(process, cancellationToken);
        await ReadAsync(files, "", null, cancellationToken);
        var rates = (Served: new double[runs], Files: new double[runs]);
        for (var run = 0; run < runs; run++)
        {
            rates.Served[run] = await RateAsync(client, list);
            rates.Files[run] = await RateAsync(files, "");
            await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"run {run + 1} of {runs}: list {rates.Served[run]:F0} MB/s, file {rates.Files[run]:F0} MB/s"));
        }
        process.CloseInput();
        await process.ReadTrialAsync(cancellationToken);
        return rates;

        async Task<double> RateAsync(HttpClient from, string path)
        {
            var started = Stopwatch.GetTimestamp();
            var bytes = await ReadAsync(from, path, null, cancellationToken);
            return bytes / 1e6 / Stopwatch.GetElapsedTime(started).TotalSeconds;
        }
    }

    /// <summary>The smallest namespace that has at least <see cref="NamespacePods"/> pods in the middle of the history, and their names.</summary>
    static async Task<(string Namespace, List<string> Names)> FindNamespaceAsync(HttpClient client, RecordedFeed feed, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"clusters/{RecordedFeed.Cluster}/as-of/rv:{feed.Middle.Version}/api/v1/pods");
        request.Headers.TryAddWithoutValidation("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
        using var response = (await client.SendAsync(request, cancellationToken)).EnsureSuccessStatusCode();
        using var list = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
        var namespaces = list.RootElement.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("metadata")).GroupBy(metadata => metadata.GetProperty("namespace").GetString()!, metadata => metadata.GetProperty("name").GetString()!).ToList();
        var chosen = namespaces.Where(group => group.Count() >= NamespacePods).MinBy(group => group.Count())
            ?? throw new BenchmarkException($"No namespace has {NamespacePods} pods, the largest {namespaces.Max(group => group.Count())}: ask for more --pods.");
        return (chosen.Key, [.. chosen]);
    }

    static async Task<HttpClient> ClientAsync(ChildProcess server, CancellationToken cancellationToken) =>
        new() { BaseAddress = new Uri(await server.Output.ReadLineAsync(cancellationToken) ?? throw new BenchmarkException("The server ended before it said where it listens.")) };

    static async Task<long> ReadAsync(HttpClient client, string path, string? accept, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        // A pod that was not there yet is an answer too.
        if (response.StatusCode != System.Net.HttpStatusCode.NotFound)
            response.EnsureSuccessStatusCode();
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[64 * 1024];
        var bytes = 0L;
        while (await body.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            bytes += read;
        return bytes;
    }

    static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);
}
