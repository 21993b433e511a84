using k8s;
using k8s.Models;
using Replicator.Core.Kubernetes;
using Replicator.Informers.Caching;
using Replicator.TestKit;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>The past as clients see it that know nothing of it: our own informer, and KubernetesClient.</summary>
public sealed class PastClientsTests(PastShop shop) : IClassFixture<PastShop>
{
    readonly PastRig _rig = shop.Rig;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Our_informer_lists_the_past_and_follows_it_to_the_present()
    {
        using var client = new HttpClient { BaseAddress = new Uri(_rig.Url, "shop/rv:700@max/"), Timeout = Timeout.InfiniteTimeSpan };
        var pods = new ResourceType("", "v1", "pods", "Pod", Namespaced: true);
        var expected = (await _rig.GetAsync("shop/now/api/v1/pods"))["items"]!.AsArray().Select(pod => $"{pod!["metadata"]!["namespace"]}/{pod["metadata"]!["name"]} {pod["metadata"]!["resourceVersion"]}").Order(StringComparer.Ordinal).ToList();
        var past = (await _rig.GetAsync("shop/rv:700/api/v1/pods"))["items"]!.AsArray().Count;
        Assert.NotEqual(expected.Count, past);
        await using var informer = new SharedInformer(client, pods, new SharedInformerOptions(), TimeProvider.System);
        var (initial, changes) = (0, 0);
        await using var registration = informer.AddHandler(new ResourceEventHandler(change => _ = change.IsInInitialList ? Interlocked.Increment(ref initial) : Interlocked.Increment(ref changes)));
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var running = informer.RunAsync(stopping.Token);
        List<string> Held() => [.. informer.Indexer.List().Select(item => $"{item.Key} {item.ResourceVersion}").Order(StringComparer.Ordinal)];
        await Eventually.HoldsAsync(() => Held().SequenceEqual(expected), Cancel, () => string.Join(", ", Held().Except(expected)));
        Assert.Equal(past, initial);
        await stopping.CancelAsync();
        await running;
    }

    [Fact]
    public async Task KubernetesClient_lists_reads_and_watches_typed_objects_of_the_past()
    {
        using var client = new Kubernetes(new KubernetesClientConfiguration { Host = new Uri(_rig.Url, "shop/rv:700@max").AbsoluteUri });
        var list = await client.CoreV1.ListNamespacedPodAsync("shop", cancellationToken: Cancel);
        Assert.Equal("700", list.ResourceVersion());
        Assert.Equal(list.Items[0].Metadata.Uid, (await client.CoreV1.ReadNamespacedPodAsync(list.Items[0].Name(), "shop", cancellationToken: Cancel)).Metadata.Uid);
        var expected = RecordedLines.Read("core_v1_pods").Where(line => line.IsLive && line.Type != "BOOKMARK" && line.Key.StartsWith("shop/", StringComparison.Ordinal) && ResourceVersion.Compare(line.Version, "700") > 0)
            .Select(line => $"{line.Type} {line.Key} {line.Version}").ToList();
        var watched = new List<string>();
        await foreach (var (type, pod) in client.CoreV1.WatchListNamespacedPodAsync("shop", resourceVersion: "700", cancellationToken: Cancel))
        {
            watched.Add($"{type.ToString().ToUpperInvariant()} {pod.Namespace()}/{pod.Name()} {pod.ResourceVersion()}");
            if (watched.Count == expected.Count)
                break;
        }
        Assert.Equal(expected, watched);
    }
}
