using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.Informers;
using Replicator.Server;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;

namespace Replicator.Benchmarks;

/// <summary>The sides of <see cref="IngestBenchmark"/>, each a process of its own. The list and the first changes are their warm-up: the clocks of time and processor start when those are done.</summary>
static class IngestTrials
{
    public const string Parse = "parse";
    public const string Log = "log";
    public const string Projected = "projected";

    const string Verb = "ingest-trial";

    // Of the stream: the first gap, and the list's beginning and end.
    const int Observations = 3;

    static readonly TimeSpan PollPeriod = TimeSpan.FromMilliseconds(5);

    public static Command Create()
    {
        var (side, url, before, changes) = (new Argument<string>("SIDE"), new Argument<string>("URL"), new Argument<long>("BEFORE"), new Argument<long>("CHANGES"));
        var command = new Command(Verb) { side, url, before, changes };
        command.Hidden = true;
        command.SetAction((result, cancellationToken) => result.GetValue(side) == Parse
            ? ParseAsync(result.GetValue(url)!, result.GetValue(before), result.GetValue(changes), cancellationToken)
            : RecordAsync(result.GetValue(url)!, result.GetValue(before), result.GetValue(changes), result.GetValue(side) == Projected, cancellationToken));
        return command;
    }

    public static Task<Trial> RunAsync(string side, string url, long before, long changes, CancellationToken cancellationToken) =>
        Trial.RunAsync(cancellationToken, Verb, side, url, before.ToString(CultureInfo.InvariantCulture), changes.ToString(CultureInfo.InvariantCulture));

    /// <summary>The baseline, as fast as we know how to write it: one buffer, no copy, no pipe.</summary>
    static async Task ParseAsync(string url, long before, long changes, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        TrialClock? clock = null;
        using var response = await client.GetAsync($"{url}/api/v1/pods?watch=true", HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[1 << 20];
        var (start, end, left) = (0, 0, before + changes);
        while (left > 0)
        {
            var feed = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (feed >= 0)
            {
                using var line = JsonDocument.Parse(buffer.AsMemory(start, feed));
                start += feed + 1;
                if (!line.RootElement.GetProperty("type"u8).ValueEquals("BOOKMARK"u8))
                    left--;
                if (left == changes)
                    clock ??= new TrialClock();
                continue;
            }
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            var read = await body.ReadAsync(buffer.AsMemory(end), cancellationToken);
            if (read == 0)
                throw new BenchmarkException($"The feed ended {left} changes early.");
            end += read;
        }
        clock!.Print(changes);
    }

    static async Task RecordAsync(string url, long before, long changes, bool projected, CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("kubeconfig"), $$"""
            apiVersion: v1
            kind: Config
            current-context: feed
            contexts: [{ name: feed, context: { cluster: feed, user: feed } }]
            clusters: [{ name: feed, cluster: { server: "{{url}}" } }]
            users: [{ name: feed, user: { } }]
            """, cancellationToken);
        using var connection = ClusterConnection.Open(new ClusterOptions { KubeconfigPath = folder.File("kubeconfig") });
        await using var data = await SqliteDataFolder.OpenAsync(folder.File("data"));
        using var projector = new Projector(data.Events, data.Snapshots);
        var key = RedactionKey.LoadOrCreate(data.RedactionKeyPath);
        using var recorders = new RecorderSinks(data.Events, new CollectorFence(data.Events, RecordedFeed.Cluster, TimeProvider.System), RecordedFeed.Cluster, RecordingRules.None, new RuleCounts(RecordedFeed.Cluster), () => new Redactor(key), new ReplicatorHealth(), NullLogger.Instance, TimeProvider.System);
        var sinks = new CountingSinks(recorders, before, changes);
        var reflector = new Reflector(connection.Client, RecordedFeed.Pods, sinks, new ReflectorOptions { Problem = problem => Console.Error.WriteLine(problem.Message) }, TimeProvider.System);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var timer = new PeriodicTimer(PollPeriod);

        var reflecting = Task.Run(() => reflector.RunAsync(stopping.Token), cancellationToken);
        var projecting = projected ? Task.Run(() => projector.RunAsync(stopping.Token), cancellationToken) : Task.CompletedTask;
        await await Task.WhenAny(sinks.Done, reflecting);
        var head = before + changes + Observations;
        while (projected && await data.Snapshots.GetCheckpointAsync(cancellationToken) < head)
        {
            if (projecting.IsFaulted)
                await projecting;
            await timer.WaitForNextTickAsync(cancellationToken);
        }
        sinks.Clock!.Stop();

        await stopping.CancelAsync();
        await reflecting;
        await projecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (await data.Events.GetHeadAsync(cancellationToken) is var actual && actual != head)
            throw new BenchmarkException($"The log ends at position {actual} instead of {head}: the rate would be that of another work.");
        sinks.Clock.Print(sinks.Counted);
    }

    /// <summary>The recorder's sinks, a clock that starts when what goes before is durable, and word when all changes are.</summary>
    sealed class CountingSinks(IDeltaSinkFactory inner, long before, long changes) : IDeltaSinkFactory
    {
        readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        long _left = before + changes;

        public Task Done => _done.Task;

        public TrialClock? Clock { get; private set; }

        /// <summary>How many changes came after the clock was started.</summary>
        public long Counted { get; private set; }

        public async ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken) => new Sink(this, await inner.OpenAsync(type, cancellationToken), changes);

        public ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken) => inner.HandleDiscoveryAsync(snapshot, cancellationToken);

        sealed class Sink(CountingSinks sinks, IDeltaSink inner, long changes) : IDeltaSink
        {
            public string? ResumeVersion => inner.ResumeVersion;

            public async ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
            {
                var count = 0;
                foreach (var delta in deltas)
                    count += delta.Object.IsEmpty ? 0 : 1;
                await inner.HandleAsync(deltas, cancellationToken);
                if ((sinks._left -= count) <= changes && sinks.Clock is null)
                    (sinks.Clock, sinks.Counted) = (new TrialClock(), sinks._left);
                if (sinks._left == 0)
                    sinks._done.SetResult();
            }

            public ValueTask DisposeAsync() => inner.DisposeAsync();
        }
    }
}
