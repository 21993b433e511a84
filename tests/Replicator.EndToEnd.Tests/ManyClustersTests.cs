using System.Net;
using System.Text.Json.Nodes;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>Many clusters in one process: each on its own.</summary>
public sealed class ManyClustersTests : IAsyncLifetime
{
    static readonly GroupResource Pods = CollectingHost.Pods;

    readonly TemporaryFolder _folder = new();
    readonly HttpClient _client = new();
    TestApiServer _east = null!, _west = null!;
    CollectingHost _host = null!;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        (_east, _west) = (await TestApiServer.StartAsync([ServedType.Pods(), ServedType.ConfigMaps()]), await TestApiServer.StartAsync([ServedType.Pods(), ServedType.ConfigMaps()]));
        _host = await CollectingHost.StartAsync(_folder);
        _client.BaseAddress = _host.Host.Url;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _host.DisposeAsync();
        await _east.DisposeAsync();
        await _west.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task One_that_is_killed_stops_no_other_and_is_caught_up_with_when_it_is_back()
    {
        Put(_east, "a");
        Put(_west, "x");
        _host.Add("east", _east);
        _host.Add("west", _west);
        await BothAsync();

        _west.Kill();
        await StateAsync("west", "Unreachable");
        Put(_west, "y");
        Put(_east, "b");
        await _host.CaughtUpAsync("east", _east, Cancel);
        Assert.Equal("Collecting", _host.Host.Health.GetCollector("east")!.State);
        using (var ready = await _client.GetAsync("readyz", Cancel))
        {
            var answer = JsonNode.Parse(await ready.Content.ReadAsStringAsync(Cancel))!;
            Assert.Equal((HttpStatusCode.OK, "degraded", "Collecting"), (ready.StatusCode, answer["status"]!.GetValue<string>(), answer["clusters"]!["east"]!["state"]!.GetValue<string>()));
        }

        _west.StartAgain();
        await BothAsync();
        await StateAsync("west", "Collecting");
        Assert.Contains("ObjectAdded y 3", _host.Shown("west"));
        Assert.Null((await LogVerifier.VerifyAsync(_host.Host.Data.Events, null, Cancel)).Problem);
    }

    [Fact]
    public async Task One_that_cannot_be_reached_at_the_start_is_shown_and_waited_for()
    {
        _west.Kill();
        Put(_east, "a");
        Put(_west, "x");
        _host.Add("east", _east);
        _host.Add("west", _west);
        await _host.CaughtUpAsync("east", _east, Cancel);
        await StateAsync("west", "Unreachable");
        var status = JsonNode.Parse(await _client.GetStringAsync("api/v1/clusters", Cancel))!["items"]!.AsArray().Single(cluster => cluster!["cluster"]!.GetValue<string>() == "west")!;
        Assert.Contains("cannot be reached", status["error"]!.GetValue<string>(), StringComparison.Ordinal);
        _west.StartAgain();
        await BothAsync();
    }

    [Fact]
    public async Task A_kubeconfig_that_is_missing_stops_no_other_and_ends_a_single_one()
    {
        Put(_east, "a");
        _host.Add("east", _east);
        var missing = Settings.Load(new Microsoft.Extensions.Configuration.ConfigurationBuilder().Build()).Cluster with { Kubeconfig = _folder.File("nowhere.yaml") };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var running = Task.Run(() => new ClusterCollector("west", missing, _host.Host, isOnly: false, TimeProvider.System).RunAsync(stop.Token), Cancel);
        await StateAsync("west", "Failed");
        await _host.CaughtUpAsync("east", _east, Cancel);
        Assert.Contains("nowhere.yaml", _host.Host.Health.GetCollector("west")!.Error, StringComparison.Ordinal);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        var refusal = await Assert.ThrowsAsync<Informers.ClusterConfigurationException>(() => new ClusterCollector("only", missing, _host.Host, isOnly: true, TimeProvider.System).RunAsync(Cancel));
        Assert.Contains("nowhere.yaml", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_is_recorded_by_its_own_rules_which_the_log_and_the_status_show()
    {
        foreach (var server in (TestApiServer[])[_east, _west])
        {
            Put(server, "a");
            server.Model.Put(new GroupResource("", "configmaps"), "shop", "settings", "\"data\":{}");
        }
        _host.Add("east", _east, "rules: { exclude: [configmaps] }");
        _host.Add("west", _west, "rules: { exclude: [{ name: quiet, types: pods, namespaces: shop }] }");
        await _host.CaughtUpAsync("east", _east, Cancel);
        await Eventually.HoldsAsync(() => _host.Host.Health.GetCollector("west")!.Suppressed is [{ Rule: "quiet", Count: 1 }], Cancel);
        await Eventually.HoldsAsync(() => _host.Shown("west").Contains("SyncCompleted"), Cancel);

        Assert.Empty(await _host.Host.Data.Events.ListStreamsAsync("k8s-east-configmaps", Cancel));
        Assert.Equal(["GapObserved", "RulesObserved", "SyncStarted", "SyncCompleted"], _host.Shown("west"));
        var status = JsonNode.Parse(await _client.GetStringAsync("api/v1/clusters", Cancel))!["items"]!.AsArray().ToDictionary(cluster => cluster!["cluster"]!.GetValue<string>(), cluster => cluster!);
        Assert.Equal("configmaps", status["east"]["rules"]!["exclude"]![0]!["types"]![0]!.GetValue<string>());
        Assert.Contains("replicator_recorder_suppressed_total", await _client.GetStringAsync("metrics", Cancel), StringComparison.Ordinal);
        Assert.Equal(("quiet", 1), (status["west"]["suppressed"]![0]!["rule"]!.GetValue<string>(), status["west"]["suppressed"]![0]!["count"]!.GetValue<int>()));
    }

    [Fact]
    public async Task A_type_that_is_excluded_at_a_restart_ends_in_an_open_gap_and_is_listed_when_it_is_let_in_again()
    {
        Put(_east, "a");
        _host.Add("east", _east);
        await _host.CaughtUpAsync("east", _east, Cancel);
        await RestartAsync("rules: { exclude: [pods] }");
        await Eventually.HoldsAsync(() => _host.Shown("east")[^1] == "RulesObserved", Cancel);
        Assert.Equal("GapObserved", _host.Shown("east")[^2]);
        Put(_east, "b");

        await RestartAsync("");
        await _host.CaughtUpAsync("east", _east, Cancel);
        await Eventually.HoldsAsync(() => _host.Shown("east")[^1] == "SyncCompleted", Cancel);
        Assert.Equal(["GapObserved", "RulesObserved", "SyncStarted", "ObjectAdded b 3", "SyncCompleted"], _host.Shown("east").TakeLast(5));
    }

    async Task RestartAsync(string yaml)
    {
        await _host.DisposeAsync();
        _host = await CollectingHost.StartAsync(_folder);
        _host.Add("east", _east, yaml);
    }

    async Task BothAsync()
    {
        await _host.CaughtUpAsync("east", _east, Cancel);
        await _host.CaughtUpAsync("west", _west, Cancel);
    }

    Task StateAsync(string id, string state) =>
        Eventually.HoldsAsync(() => _host.Host.Health.GetCollector(id)?.State == state, Cancel, () => $"'{id}' is {_host.Host.Health.GetCollector(id)}.");

    static void Put(TestApiServer server, string name) => server.Model.Put(Pods, "shop", name, "\"status\":{}");
}
