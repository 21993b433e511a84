using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Robustness;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>
/// A run against an API server with changes in flight and a collector that is ended again and again: the log holds just the versions that the server gave, and its state is the server's own.
/// </summary>
/// <remarks>
/// <c>REPLICATOR_TEST_KUBECONFIG</c> names the kubeconfig of a real server on which a namespace may be created; <c>REPLICATOR_TEST_SECONDS</c> says for how long (default 20). Kill and restart the server meanwhile as you
/// like: that it was away is waited out. The same run is made against the test server always, so that it cannot rot.
/// </remarks>
public sealed class RealServerTests(ITestOutputHelper output)
{
    const string Variable = "REPLICATOR_TEST_KUBECONFIG";

    static readonly GroupResource ConfigMaps = new("", "configmaps");

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_log_of_a_real_server_holds_just_the_versions_that_it_gave()
    {
        var kubeconfig = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(kubeconfig), $"{Variable} is not set: it names the kubeconfig of an API server that may be written to.");
        var seconds = int.Parse(Environment.GetEnvironmentVariable("REPLICATOR_TEST_SECONDS") ?? "20", CultureInfo.InvariantCulture);
        await RunAsync(kubeconfig!, TimeSpan.FromSeconds(seconds));
    }

    [Fact]
    public async Task The_log_of_the_test_server_holds_just_the_versions_that_it_gave()
    {
        using var folder = new TemporaryFolder();
        await using var server = await TestApiServer.StartAsync([ServedType.Pods(), ServedType.ConfigMaps(), ServedType.Namespaces(), ServedType.Nodes()], tls: true);
        await RunAsync(TestKubeconfig.Write(server, folder.File("config")), TimeSpan.FromSeconds(2));
    }

    async Task RunAsync(string kubeconfig, TimeSpan length)
    {
        using var connection = ClusterConnection.Open(new ClusterOptions { KubeconfigPath = kubeconfig });
        await using var store = new InMemoryEventStore();
        using var sinks = new RecorderSinks(store, "real", TimeProvider.System);
        var @namespace = $"replicator-test-{Guid.NewGuid():N}"[..30];
        await SendAsync(connection, HttpMethod.Post, "api/v1/namespaces", "Namespace", @namespace);
        var written = new HashSet<string>(StringComparer.Ordinal);
        var restarts = 0;
        try
        {
            var started = TimeProvider.System.GetTimestamp();
            var traffic = Task.Run(async () =>
            {
                var random = new Random(1);
                var live = new HashSet<string>();
                for (var change = 0; TimeProvider.System.GetElapsedTime(started) < length; change++)
                {
                    var name = $"c{random.Next(12)}";
                    var (method, path) = !live.Contains(name) ? (HttpMethod.Post, $"api/v1/namespaces/{@namespace}/configmaps")
                        : (random.Next(4) == 0 ? HttpMethod.Delete : HttpMethod.Put, $"api/v1/namespaces/{@namespace}/configmaps/{name}");
                    var version = await SendAsync(connection, method, path, "ConfigMap", name, $"{{\"change\":\"{change}\"}}");
                    if (method == HttpMethod.Delete)
                        live.Remove(name);
                    else
                        live.Add(name);
                    // A real server answers a deletion with a Status, which does not say which version it made.
                    if (version is not null && method != HttpMethod.Delete)
                        written.Add(version);
                }
            }, Cancel);
            while (!traffic.IsCompleted)
            {
                using var life = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
                var collecting = new ClusterReflectors(connection.Client, sinks, new ClusterReflectorsOptions(), TimeProvider.System).RunAsync(life.Token);
                life.CancelAfter(length / 4);
                await collecting;
                restarts++;
            }
            await traffic;

            using var last = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            var reflectors = new ClusterReflectors(connection.Client, sinks, new ClusterReflectorsOptions(), TimeProvider.System);
            var running = reflectors.RunAsync(last.Token);
            var types = (await new Discovery(connection.Client, TimeProvider.System).DiscoverAsync(Cancel)).Types;
            foreach (var type in types)
            {
                var (listed, version) = await ListAsync(connection, type);
                await Eventually.HoldsAsync(() => Fold(store, type, version).SetEquals(listed), Cancel, () => $"{type.GroupResource}: the server at {version}: {string.Join(' ', listed)}; the log: {string.Join(' ', Fold(store, type, version))}");
            }
            await last.CancelAsync();
            await running;

            var log = store.Log.Where(recorded => recorded.Stream == new StreamId("real", ConfigMaps)).ToList();
            var recorded = log.Where(one => one.Metadata.Object.Namespace == @namespace && one.Metadata.Object.Name.StartsWith('c') && one.Type != EventType.ObjectDeleted).Select(one => one.Metadata.ResourceVersion).ToList();
            Assert.Equal(recorded.Count, recorded.Distinct().Count());
            // What was written before the first list had come was listed in its last version only.
            if (log.Count(one => one.Type == EventType.GapObserved) == 1)
                Assert.Empty(written.Where(version => ResourceVersion.Compare(version, FirstList(log)) > 0).Except(recorded));
            Assert.Null((await LogVerifier.VerifyAsync(store, null, Cancel)).Problem);
            output.WriteLine($"{written.Count} versions written, {types.Count} types compared, {restarts} collectors, {store.Log.Count} events.");
        }
        finally
        {
            await SendAsync(connection, HttpMethod.Delete, $"api/v1/namespaces/{@namespace}", "Namespace", @namespace);
        }
    }

    static string FirstList(List<RecordedEvent> log) => log.First(one => one.Type == EventType.SyncCompleted).Metadata.ResourceVersion;

    /// <summary>Name, uid and version of everything that lives in the log as of a version.</summary>
    static HashSet<string> Fold(InMemoryEventStore store, ResourceType type, string version)
    {
        var live = new Dictionary<(string, string), string>();
        foreach (var recorded in store.Log.Where(recorded => recorded.Stream == new StreamId("real", type.GroupResource) && recorded.Metadata.Object.Name.Length > 0))
        {
            var metadata = recorded.Metadata;
            if (ResourceVersion.Compare(metadata.ResourceVersion, version) > 0)
                continue;
            var key = (metadata.Object.Namespace, metadata.Object.Name);
            if (recorded.Type == EventType.ObjectDeleted)
                live.Remove(key);
            else
                live[key] = $"{metadata.Object} {metadata.Object.Uid} {metadata.ResourceVersion}";
        }
        return [.. live.Values];
    }

    static async Task<(HashSet<string> Objects, string Version)> ListAsync(ClusterConnection connection, ResourceType type)
    {
        using var list = JsonDocument.Parse(await connection.Client.GetByteArrayAsync(type.CollectionPath, Cancel));
        var objects = list.RootElement.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("metadata")).Select(metadata =>
        {
            var identity = new ObjectIdentity(metadata.TryGetProperty("namespace", out var scope) ? scope.GetString()! : "", metadata.GetProperty("name").GetString()!, metadata.GetProperty("uid").GetString()!);
            return $"{identity} {identity.Uid} {metadata.GetProperty("resourceVersion").GetString()}";
        });
        return (objects.ToHashSet(), list.RootElement.GetProperty("metadata").GetProperty("resourceVersion").GetString()!);
    }

    /// <summary>Writes, for as long as the server is away, and returns the version that it gave.</summary>
    static async Task<string?> SendAsync(ClusterConnection connection, HttpMethod method, string path, string kind, string name, string data = "{}")
    {
        string? version = null;
        await Eventually.HoldsAsync(() => TryAsync(), Cancel);
        return version;

        async Task<bool> TryAsync()
        {
            using var request = new HttpRequestMessage(method, path) { Version = connection.Client.DefaultRequestVersion, VersionPolicy = connection.Client.DefaultVersionPolicy };
            if (method != HttpMethod.Delete)
                request.Content = new StringContent($"{{\"apiVersion\":\"v1\",\"kind\":\"{kind}\",\"metadata\":{{\"name\":\"{name}\"}}{(kind == "ConfigMap" ? $",\"data\":{data}" : "")}}}", Encoding.UTF8, "application/json");
            try
            {
                using var response = await connection.Client.SendAsync(request, Cancel).ConfigureAwait(false);
                // A server that died after it had done so has created or deleted it already.
                if (response.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.NotFound)
                    return true;
                if (!response.IsSuccessStatusCode)
                    return false;
                using var answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(Cancel).ConfigureAwait(false));
                version = answer.RootElement.GetProperty("metadata").TryGetProperty("resourceVersion", out var given) ? given.GetString() : null;
                return true;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }
    }
}
