using System.Text;
using k8s;
using k8s.Models;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Informers.Caching;
using Replicator.TestKit;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>Watches of the present, while changes are recorded: as many as there are, they read the end of the log once.</summary>
public sealed class PresentWatchTests : IAsyncLifetime
{
    const string Pods = "live/now/api/v1/pods";

    static readonly ResourceType Type = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly DateTimeOffset Start = new(2026, 1, 31, 3, 0, 0, TimeSpan.Zero);

    PastRig _rig = null!;
    StreamRecorder _recorder = null!;
    int _version = 10;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _rig = await PastRig.StartAsync(Start.AddHours(1));
        _recorder = await StreamRecorder.OpenAsync(_rig.Data.Events, "live", Type.GroupResource, new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, Cancel);
        await _recorder.HandleAsync([Delta(DeltaKind.ListStarted, ""), Delta(DeltaKind.Listed, "5", "web-0"), Delta(DeltaKind.ListCompleted, "10")], Cancel);
        await _rig.Projector.CatchUpAsync(Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        _recorder.Dispose();
        await _rig.DisposeAsync();
    }

    [Fact]
    public async Task All_watches_share_one_tail_of_the_log()
    {
        const int watchers = 20, changes = 100;
        var watches = new List<OpenWatch>();
        for (var number = 0; number < watchers; number++)
            watches.Add(await _rig.WatchAsync($"{Pods}?watch=true&resourceVersion=10"));
        await Eventually.HoldsAsync(() => _rig.Waiting == watchers, Cancel);
        for (var change = 0; change < changes; change++)
            await RecordAsync();
        var expected = Enumerable.Range(11, changes).Select(version => $"{version}").ToList();
        foreach (var watch in watches)
            Assert.Equal(expected, (await watch.ReadAsync(changes)).Select(line => line["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>()));
        Assert.Equal(1, _rig.Log.Subscriptions);
        // Each has looked whether it is at the end; none reads the log for a change.
        Assert.True(_rig.Log.Reads < 5 * watchers, $"{_rig.Log.Reads}");
        watches.ForEach(watch => watch.Dispose());
        await Eventually.HoldsAsync(() => _rig.Waiting == 0, Cancel);
    }

    [Fact]
    public async Task A_watch_that_does_not_read_misses_nothing_and_holds_nobody_up()
    {
        // More than a tail keeps and more than the sockets between hold.
        const int changes = 3000;
        using var slow = await _rig.WatchAsync($"{Pods}?watch=true&resourceVersion=10");
        using var quick = await _rig.WatchAsync($"{Pods}?watch=true&resourceVersion=10");
        await Eventually.HoldsAsync(() => _rig.Waiting == 2, Cancel);
        var reading = quick.ReadAsync(changes);
        for (var change = 0; change < changes; change += 100)
            await RecordAsync(100, new string('x', 8 * 1024));
        var expected = Enumerable.Range(11, changes).Select(version => $"{version}").ToList();
        Assert.Equal(expected, (await reading).Select(line => line["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>()));
        Assert.Equal(expected, (await slow.ReadAsync(changes)).Select(line => line["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("now")]
    [InlineData("now@10x")]
    public async Task Our_informer_follows_the_present(string instant)
    {
        using var client = new HttpClient { BaseAddress = new Uri(_rig.Url, $"live/{instant}/"), Timeout = Timeout.InfiniteTimeSpan };
        await using var informer = new SharedInformer(client, Type, new SharedInformerOptions(), TimeProvider.System);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var running = informer.RunAsync(stopping.Token);
        string Held() => string.Join(", ", informer.Indexer.List().Select(item => $"{item.Key} {item.ResourceVersion}"));
        await Eventually.HoldsAsync(() => Held() == "shop/web-0 5", Cancel, Held);
        await RecordAsync(3);
        await Eventually.HoldsAsync(() => Held() == "shop/web-0 13", Cancel, Held);
        await stopping.CancelAsync();
        await running;
    }

    [Fact]
    public async Task KubernetesClient_follows_the_present_with_bookmarks_while_nothing_happens()
    {
        using var client = new Kubernetes(new KubernetesClientConfiguration { Host = new Uri(_rig.Url, "live/now").AbsoluteUri });
        var list = await client.CoreV1.ListNamespacedPodAsync("shop", cancellationToken: Cancel);
        var watching = Task.Run(async () =>
        {
            var seen = new List<string>();
            await foreach (var (type, pod) in client.CoreV1.WatchListNamespacedPodAsync("shop", resourceVersion: list.ResourceVersion(), allowWatchBookmarks: true, cancellationToken: Cancel))
            {
                seen.Add($"{type} {pod.ResourceVersion()}");
                if (seen.Count(line => line.StartsWith("Modified", StringComparison.Ordinal)) == 2)
                    break;
            }
            return seen;
        }, Cancel);
        await Eventually.HoldsAsync(() => _rig.Waiting == 1, Cancel);
        await RecordAsync();
        // What is quiet for a minute says how far it has come.
        await Eventually.HoldsAsync(() =>
        {
            _rig.Clock.Advance(TimeSpan.FromSeconds(20));
            return _rig.Clock.GetUtcNow() > Start.AddHours(1).AddMinutes(10);
        }, Cancel);
        await RecordAsync();
        var lines = await watching;
        Assert.Equal(["Modified 11", "Modified 12"], lines.Where(line => line.StartsWith("Modified", StringComparison.Ordinal)));
        Assert.All(lines.Where(line => line.StartsWith("Bookmark", StringComparison.Ordinal)), line => Assert.True(line is "Bookmark 10" or "Bookmark 11", line));
    }

    async Task RecordAsync(int count = 1, string label = "x")
    {
        await _recorder.HandleAsync([.. Enumerable.Range(0, count).Select(_ => Delta(DeltaKind.Modified, $"{++_version}", "web-0", label))], Cancel);
        await _rig.Projector.CatchUpAsync(Cancel);
    }

    static Delta Delta(DeltaKind kind, string version, string name = "", string text = "") => new()
    {
        Kind = kind,
        ResourceVersion = version,
        ObservedAt = Start,
        Provenance = kind == DeltaKind.Modified ? Provenance.Watch : Provenance.List,
        Type = Type,
        Object = name.Length == 0 ? default : Encoding.UTF8.GetBytes($$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","namespace":"shop","uid":"u","resourceVersion":"{{{version}}}","annotations":{"a":"{{{text}}}"} } }"""),
    };
}
