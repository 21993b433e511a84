using Microsoft.Extensions.Configuration;
using Replicator.Configuration;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.SelfChecking;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;

namespace Replicator.EndToEnd.Tests;

/// <summary>The whole pipeline over a data folder, collecting from the API servers of a test.</summary>
sealed class CollectingHost : IAsyncDisposable
{
    public static readonly GroupResource Pods = new("", "pods");

    readonly TemporaryFolder _folder;
    readonly CancellationTokenSource _stop = new();
    readonly List<Task> _running = [];

    CollectingHost(TemporaryFolder folder, ReplicatorHost host) => (_folder, Host) = (folder, host);

    public ReplicatorHost Host { get; }

    public static async Task<CollectingHost> StartAsync(TemporaryFolder folder) =>
        new(folder, await ReplicatorHost.StartAsync(folder.File("data"), "http://127.0.0.1:0", publishes: false, CancellationToken.None));

    /// <summary>Over a host that is started already, and ends with this.</summary>
    public static CollectingHost Over(TemporaryFolder folder, ReplicatorHost host) => new(folder, host);

    /// <summary>Begins to collect a cluster.</summary>
    public ClusterCollector Add(string id, TestApiServer server, string yaml = "", bool isOnly = false, TimeProvider? time = null)
    {
        var file = _folder.File($"{id}.yaml");
        File.WriteAllText(file, yaml);
        var settings = Settings.Load(new ConfigurationBuilder().AddInMemoryCollection(YamlSettings.Read(file)).Build()).Cluster with
        {
            Kubeconfig = TestKubeconfig.Write(server, _folder.File($"{id}-kubeconfig.yaml")),
        };
        var collector = new ClusterCollector(id, settings, Host, isOnly, time ?? TimeProvider.System);
        _running.Add(Task.Run(() => collector.RunAsync(_stop.Token)));
        return collector;
    }

    /// <summary>Waits until a cluster's pods are watched and the log has what the server has.</summary>
    public async Task CaughtUpAsync(string id, TestApiServer server, CancellationToken cancellationToken)
    {
        await Eventually.HoldsAsync(() => server.Model.Watching("pods") == 1 && Live(id).SequenceEqual(server.Model.List(Pods).Select(one => $"{one.Object} {one.Revision}").Order(StringComparer.Ordinal)),
            cancellationToken, () => $"The log of '{id}' has {string.Join(", ", Live(id))}; its collector is {Host.Health.GetCollector(id)}.");
    }

    /// <summary>The events of a cluster's pods.</summary>
    public IReadOnlyList<RecordedEvent> Events(string id) => [.. ReadAsync(id).ToBlockingEnumerable()];

    public List<string> Shown(string id) => [.. Events(id).Select(recorded => recorded.Metadata.Object.Name.Length == 0 ? $"{recorded.Type}" : $"{recorded.Type} {recorded.Metadata.Object.Name} {recorded.Metadata.ResourceVersion}")];

    public static async Task<TypeCheck> CheckAsync(ClusterCollector collector, CancellationToken cancellationToken)
    {
        TypeCheck? pods = null;
        await foreach (var check in collector.CheckAsync(cancellationToken))
            pods = check.Type.GroupResource == Pods ? check : pods;
        return pods ?? throw new InvalidOperationException($"Pods were not checked; the collector is {collector.Activity}.");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var running in _running)
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Host.DisposeAsync();
        _stop.Dispose();
    }

    IEnumerable<string> Live(string id)
    {
        var live = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var recorded in Events(id))
        {
            if (recorded.Type is EventType.ObjectAdded or EventType.ObjectModified)
                live[recorded.Metadata.Object.ToString()] = recorded.Metadata.ResourceVersion;
            else if (recorded.Type == EventType.ObjectDeleted)
                live.Remove(recorded.Metadata.Object.ToString());
        }
        return live.Select(pair => $"{pair.Key} {pair.Value}").Order(StringComparer.Ordinal);
    }

    async IAsyncEnumerable<RecordedEvent> ReadAsync(string id)
    {
        await foreach (var page in Host.Data.Events.ReadStreamAsync(new StreamId(id, Pods), 0, backwards: false, new ReadOptions(States: false), CancellationToken.None))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                    yield return recorded;
            }
        }
    }
}
