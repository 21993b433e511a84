using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using k8s;
using k8s.Models;
using Replicator.Core.Kubernetes;
using Replicator.Informers;
using Replicator.Informers.Caching;

namespace Replicator.Benchmarks;

/// <summary>The sides of <see cref="InformerBenchmark"/> and <see cref="ColdStartBenchmark"/>, each a process of its own: both hold the latest version of every pod and can find it by name and by namespace.</summary>
static class InformerTrials
{
    /// <summary>A <see cref="SharedInformer"/> as it comes, with an index by namespace.</summary>
    public const string Informer = "informer";

    /// <summary>KubernetesClient's own watch of typed pods, into a dictionary.</summary>
    public const string Client = "kubernetesclient";

    /// <summary>The value that says how many bytes of heap an object takes once all garbage is collected.</summary>
    public const string HeapBytesPerObject = "heapBytesPerObject";

    const string Verb = "informer-trial";

    // Of the deltas: the list's beginning and end.
    const int Markers = 2;

    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly TimeSpan PollPeriod = TimeSpan.FromMilliseconds(2);

    public static Command Create()
    {
        var (side, url, lines) = (new Argument<string>("SIDE"), new Argument<string>("URL"), new Argument<long>("LINES"));
        var command = new Command(Verb) { side, url, lines };
        command.Hidden = true;
        command.SetAction((result, cancellationToken) => result.GetValue(side) == Client
            ? HoldTypedAsync(result.GetValue(url)!, result.GetValue(lines), cancellationToken)
            : HoldInIndexerAsync(result.GetValue(url)!, result.GetValue(lines), cancellationToken));
        return command;
    }

    public static Task<Trial> RunAsync(string side, string url, long lines, CancellationToken cancellationToken) =>
        Trial.RunAsync(cancellationToken, Verb, side, url, lines.ToString(CultureInfo.InvariantCulture));

    static async Task HoldInIndexerAsync(string url, long lines, CancellationToken cancellationToken)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var client = new HttpClient { BaseAddress = new Uri($"{url}/"), Timeout = Timeout.InfiniteTimeSpan };
        await using var informer = new SharedInformer(client, Pods, new SharedInformerOptions
        {
            Indexes = new Dictionary<string, IndexFunction> { ["namespace"] = IndexFunctions.Namespace },
            Reflector = new ReflectorOptions { Problem = problem => Console.Error.WriteLine(problem.Message) },
        }, TimeProvider.System);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var timer = new PeriodicTimer(PollPeriod);

        var watch = Stopwatch.StartNew();
        var running = Task.Run(() => informer.RunAsync(stopping.Token), cancellationToken);
        while (informer.Health.Deltas < lines + Markers)
        {
            if (running.IsCompleted)
                await running;
            await timer.WaitForNextTickAsync(cancellationToken);
        }
        var elapsed = watch.Elapsed;
        if (!informer.HasSynced || informer.Duplicates > 0)
            throw new BenchmarkException($"The informer is not synced, or saw {informer.Duplicates} duplicates: the rate would be that of another work.");
        Print(lines, elapsed, informer.Indexer.Count, before, informer.Indexer.List().Sum(item => (long)item.HeldBytes));
        GC.KeepAlive(informer);
        await stopping.CancelAsync();
        await running;
    }

    static async Task HoldTypedAsync(string url, long lines, CancellationToken cancellationToken)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var client = new Kubernetes(new KubernetesClientConfiguration { Host = url });
        var (pods, namespaces) = (new Dictionary<(string, string), V1Pod>(), new Dictionary<string, HashSet<string>>());

        var watch = Stopwatch.StartNew();
        var left = lines;
        await foreach (var (kind, pod) in client.CoreV1.WatchListPodForAllNamespacesAsync(allowWatchBookmarks: true, onError: exception => throw exception, cancellationToken: cancellationToken))
        {
            if (kind == WatchEventType.Bookmark)
                continue;
            var (scope, name) = (pod.Metadata.NamespaceProperty, pod.Metadata.Name);
            if (kind == WatchEventType.Deleted)
            {
                pods.Remove((scope, name));
                namespaces[scope].Remove(name);
            }
            else
            {
                pods[(scope, name)] = pod;
                if (!namespaces.TryGetValue(scope, out var names))
                    namespaces.Add(scope, names = []);
                names.Add(name);
            }
            if (--left == 0)
                break;
        }
        var elapsed = watch.Elapsed;
        if (left > 0)
            throw new BenchmarkException($"The feed ended {left} changes early.");
        Print(lines, elapsed, pods.Count, before, 0);
        GC.KeepAlive(pods);
        GC.KeepAlive(namespaces);
    }

    static void Print(long lines, TimeSpan elapsed, int objects, long before, long heldBytes)
    {
        using var process = Process.GetCurrentProcess();
        var (cpu, peak) = (process.TotalProcessorTime.TotalSeconds, ProcessMemory.PeakMiB());
        Trial.Print(lines, elapsed, new Dictionary<string, double>
        {
            ["cpuSeconds"] = cpu,
            ["objects"] = objects,
            ["peakMemoryMiB"] = peak,
            [HeapBytesPerObject] = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)objects,
            ["heldBytesPerObject"] = heldBytes / (double)objects,
        });
    }
}
