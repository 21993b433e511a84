using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Robustness;
using Replicator.TestKit.ApiServer;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>What every client must know of discovery (rows 17 and 18 of <c>src/Replicator.Informers/README.md</c>), and types that come and go.</summary>
public sealed class DiscoveryTests
{
    static readonly GroupResource Widgets = new("example.com", "widgets");
    static readonly GroupResource Metrics = new("metrics.example.com", "samples");

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    static ServedType Widget => new("example.com", "widgets", "Widget", true, "v1beta1", "v1alpha1") { IsCustom = true };

    static ServedType Sample => new("metrics.example.com", "samples", "Sample", true, "v1");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Row_17_Aggregated_discovery_is_preferred_and_plain_discovery_finds_the_same(bool aggregated)
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods(), ServedType.Nodes(), ServedType.Deployments(), Widget]);
        server.AggregatedDiscovery = aggregated;
        using var client = new HttpClient { BaseAddress = server.Url };
        var snapshot = await new Discovery(client, TimeProvider.System).DiscoverAsync(Cancel);

        // In the version that the server prefers, and nothing that cannot be watched.
        Assert.Equal([ServedType.Nodes().Preferred, ServedType.Pods().Preferred, ServedType.Deployments().Preferred, Widget.In("v1beta1")], snapshot.Types);
        Assert.Empty(snapshot.Problems);
        Assert.Equal(aggregated ? ["get api", "get apis", "get version"] : ["get api", "get api/v1", "get apis", "get apis/apps/v1", "get apis/example.com/v1beta1", "get apis/example.com/v1alpha1", "get version"],
            server.Requests.Select(request => request.ToString()));
    }

    [Fact]
    public async Task Row_17_The_recorded_discovery_of_a_real_server_is_read()
    {
        await using var server = await TestApiServer.StartAsync([]);
        server.Faults.Next("get apis", Fault.Recorded("discovery-aggregated"));
        using var client = new HttpClient { BaseAddress = server.Url };
        var snapshot = await new Discovery(client, TimeProvider.System).DiscoverAsync(Cancel);
        Assert.Contains(new ResourceType("apps", "v1", "deployments", "Deployment", Namespaced: true), snapshot.Types);
        Assert.Contains(new ResourceType("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", Namespaced: false), snapshot.Types);
        Assert.Empty(snapshot.Problems);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Row_17_A_broken_aggregated_api_does_not_stop_the_discovery_of_the_rest(bool aggregated)
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods(), Sample, Widget]);
        server.AggregatedDiscovery = aggregated;
        server.Break("metrics.example.com", "v1");
        using var client = new HttpClient { BaseAddress = server.Url };
        var snapshot = await new Discovery(client, TimeProvider.System).DiscoverAsync(Cancel);
        Assert.Contains(Widgets, snapshot.Types.Select(type => type.GroupResource));
        Assert.Equal("metrics.example.com", Assert.Single(snapshot.Problems).Group);
    }

    [Fact]
    public async Task Row_17_A_group_that_serves_garbage_costs_that_group_only_and_is_not_recorded_as_a_document()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods(), Sample, Widget]);
        server.AggregatedDiscovery = false;
        server.Faults.Next("get apis/metrics.example.com/v1", Fault.Answer(200, "<html>hello</html>", "text/html"));
        server.Faults.Next("get version", Fault.Answer(200, "no version"));
        using var client = new HttpClient { BaseAddress = server.Url };
        var snapshot = await new Discovery(client, TimeProvider.System).DiscoverAsync(Cancel);
        Assert.Equal(["pods", "widgets.example.com"], snapshot.Types.Select(type => type.GroupResource.ToString()));
        Assert.Equal(["metrics.example.com", null], snapshot.Problems.Select(problem => problem.Group));
        Assert.DoesNotContain(snapshot.Documents, document => document.Path is "apis/metrics.example.com/v1" or "version");

        using var sinks = new RecorderSinks(new InMemoryEventStore(), "test", TimeProvider.System);
        await sinks.HandleDiscoveryAsync(snapshot, Cancel);
    }

    [Fact]
    public async Task Row_18_JSON_is_asked_for_and_nothing_behind_a_gate()
    {
        await using var rig = await ReflectorRig.StartAsync();
        Assert.All(rig.Server.Requests, request => Assert.Equal("application/json", request.Accept));
        Assert.All(rig.Server.Requests, request => Assert.False(request.Query.ContainsKey("drop")));
    }

    [Fact]
    public async Task A_custom_resource_is_watched_soon_after_its_definition_and_let_go_after_its_removal_and_the_log_says_from_when_on_it_does_not_know()
    {
        await using var rig = await ClusterRig.StartAsync();
        rig.Server.AddCustomType(Widget, discovered: false);
        await rig.UntilAsync(() => rig.Server.Requests.Count(request => request.Path == "apis") >= 2);
        Assert.DoesNotContain(rig.Health.Types, health => health.Type.GroupResource == Widgets);

        // The server's own discovery lags behind the definition: a second look finds it.
        rig.Server.Discover(Widget);
        rig.Server.Model.Put(Widgets, "shop", "w", "\"spec\":{\"size\":1}");
        await rig.UntilAsync(() => rig.IsWatching(Widgets));
        rig.Server.Model.Put(Widgets, "shop", "w", "\"spec\":{\"size\":2}");
        await rig.UntilAsync(() => rig.Shown(Widgets).Contains("ObjectModified w"));
        Assert.All(rig.Documents("apis").Take(1), document => Assert.DoesNotContain("widgets", document, StringComparison.Ordinal));
        Assert.Contains("widgets", rig.Documents("apis")[^1], StringComparison.Ordinal);

        rig.Server.RemoveCustomType(Widget);
        await rig.UntilAsync(() => rig.Log(Widgets)[^1].Type == EventType.GapObserved);
        var gap = rig.Log(Widgets)[^1].Metadata;
        Assert.Equal("the server no longer serves the type", gap.Reason);
        Assert.Equal(["ObjectDeleted w", "GapObserved"], rig.Shown(Widgets).TakeLast(2));
        Assert.Equal(ReflectorState.Stopped, rig.Health.Types.Single(health => health.Type.GroupResource == Widgets).State);
        Assert.DoesNotContain("widgets", rig.Documents("apis")[^1], StringComparison.Ordinal);
        // The others have not noticed.
        Assert.Equal(["stream pods"], rig.Server.Sequence("pods"));

        rig.Server.AddCustomType(Widget);
        rig.Server.Model.Put(Widgets, "shop", "v", "");
        await rig.UntilAsync(() => rig.IsWatching(Widgets) && rig.Shown(Widgets)[^1] is "SyncCompleted" or "ObjectAdded v");
        await rig.UntilAsync(() => rig.Shown(Widgets).Contains("ObjectAdded v"));
        await rig.CheckAsync();
    }

    [Fact]
    public async Task A_type_that_is_defined_between_the_first_look_and_the_first_list_of_definitions_does_not_wait_for_the_next_look()
    {
        await using var rig = await ClusterRig.StartAsync(prepare: server =>
            server.Faults.Next(request => request.Path.EndsWith("/customresourcedefinitions", StringComparison.Ordinal), () => Fault.First(() => server.AddCustomType(Widget))));
        Assert.True(rig.IsWatching(Widgets));
        Assert.InRange(rig.Now - ClusterRig.Start, TimeSpan.Zero, new ClusterReflectorsOptions().DiscoveryInterval / 2);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_for_its_OpenAPI_documents_keeps_no_new_type_waiting()
    {
        const int documents = 100;
        await using var rig = await ClusterRig.StartAsync(readsOpenApi: true, prepare: server =>
        {
            var paths = Enumerable.Range(0, documents).Select(number => $"\"apis/g{number}/v1\":{{\"serverRelativeURL\":\"/openapi/v3/apis/g{number}/v1?hash=1\"}}");
            server.OpenApi["openapi/v3"] = $"{{\"paths\":{{{string.Join(',', paths)}}}}}";
            server.Faults.Always("list v1", Fault.NoAnswer);
        });
        await rig.UntilAsync(() => Asked() > 0);
        rig.Server.AddCustomType(Widget);
        rig.Server.Model.Put(Widgets, "shop", "w", "");
        await rig.UntilAsync(() => rig.IsWatching(Widgets));
        Assert.InRange(Asked(), 1, documents - 1);

        int Asked() => rig.Server.Requests.Count(request => request.Path.StartsWith("openapi/v3/apis/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_type_whose_preferred_version_is_removed_is_watched_on_in_another_one_without_a_list()
    {
        var type = Widget;
        await using var rig = await ClusterRig.StartAsync(type);
        rig.Server.Model.Put(Widgets, "shop", "w", "");
        await rig.UntilAsync(() => rig.Shown(Widgets).Contains("ObjectAdded w"));
        type.Versions.Remove("v1beta1");
        rig.Server.Model.EndWatches("widgets");
        rig.TouchDefinitions();
        await rig.UntilAsync(() => rig.IsWatching(Widgets) && rig.Health.Types.Single(health => health.Type.GroupResource == Widgets) is { State: ReflectorState.Watching, Type.Version: "v1alpha1" });
        rig.Server.Model.Put(Widgets, "shop", "w", "\"spec\":{}");
        await rig.UntilAsync(() => rig.Shown(Widgets)[^1] == "ObjectModified w");
        Assert.Equal("v1alpha1", rig.Log(Widgets)[^1].Metadata.Type.Version);
        Assert.Single(rig.Log(Widgets), recorded => recorded.Type == EventType.SyncStarted);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_aggregated_api_that_breaks_and_heals_is_waited_for_and_resumed_at_once_and_stops_nobody_else(bool aggregated)
    {
        await using var rig = await ClusterRig.StartAsync(Sample, prepare: server => server.AggregatedDiscovery = aggregated);
        rig.Server.Model.Put(Metrics, "shop", "s", "");
        await rig.UntilAsync(() => rig.Shown(Metrics).Contains("ObjectAdded s"));
        rig.Server.Break("metrics.example.com", "v1");
        await rig.UntilAsync(() => rig.Health.Problems.Any(problem => problem.Group == "metrics.example.com"));
        // By now it waits half a minute from one attempt to the next.
        await rig.UntilAsync(() => rig.Health.Types.Single(health => health.Type.GroupResource == Metrics) is { State: ReflectorState.Backoff, LastError: { } error } && error.EndsWith("in 30.0 s", StringComparison.Ordinal));
        rig.Server.Model.Put(Metrics, "shop", "s", "\"value\":1");
        rig.Server.Model.Put(rig.Pods, "shop", "during", "");
        await rig.UntilAsync(() => rig.Shown(rig.Pods).Contains("ObjectAdded during"), moveClock: false);

        var healed = rig.Now;
        rig.Server.Heal("metrics.example.com");
        await rig.UntilAsync(() => rig.Shown(Metrics)[^1] == "ObjectModified s", everyPolls: 20);
        Assert.True(rig.Now - healed < TimeSpan.FromSeconds(25), $"{rig.Now - healed} passed: it was the back-off that ended.");
        await rig.UntilAsync(() => rig.Health.Problems.Count == 0);
        Assert.Single(rig.Log(Metrics), recorded => recorded.Type == EventType.GapObserved);
        await rig.CheckAsync();
    }

    [Fact]
    public async Task A_type_that_went_away_while_the_collector_was_down_is_confessed_once()
    {
        await using var rig = await ClusterRig.StartAsync(Widget);
        rig.Server.Model.Put(Widgets, "shop", "w", "");
        await rig.UntilAsync(() => rig.Shown(Widgets).Contains("ObjectAdded w"));
        await rig.StopAsync();
        rig.Server.Model.Unserve(Widgets);
        for (var run = 0; run < 2; run++)
        {
            rig.Run();
            await rig.UntilAsync(() => rig.Log(Widgets)[^1] is { Type: EventType.GapObserved, Metadata.Reason: "the server no longer serves the type" } && rig.IsWatching(rig.Pods));
            await rig.UntilAsync(() => rig.Looks >= 2);
            await rig.StopAsync();
        }
        Assert.Equal(["ObjectAdded w", "GapObserved"], rig.Shown(Widgets).TakeLast(2));
    }

    [Fact]
    public async Task What_one_type_shows_of_a_restored_etcd_holds_for_all()
    {
        await using var rig = await ClusterRig.StartAsync(ServedType.ConfigMaps());
        var configMaps = ServedType.ConfigMaps().GroupResource;
        rig.Server.Model.Put(configMaps, "shop", "c", "\"data\":{\"value\":\"before\"}");
        var undone = rig.Server.Model.Put(configMaps, "shop", "c", "\"data\":{\"value\":\"undone\"}");
        for (var change = 0; change < 20; change++)
            rig.Server.Model.Put(rig.Pods, "shop", "web", $"\"data\":{{\"value\":{change}}}");
        await rig.CheckAsync();

        // The server comes past the version of the ConfigMap again before anybody looks, but not past the pod's.
        rig.Server.Kill();
        rig.Server.Model.Restore(undone.Revision - 1);
        rig.Server.Model.Tick(5);
        rig.Server.StartAgain();
        await rig.UntilAsync(() => rig.Log(rig.Pods)[^1] is { Type: EventType.SyncCompleted, Metadata.Epoch: 1 });
        await rig.CheckAsync();
        Assert.Equal(1, rig.Log(configMaps)[^1].Metadata.Epoch);
        Assert.Contains("(found by ", rig.Log(configMaps).Single(recorded => recorded.Type == EventType.GapObserved && recorded.Metadata.Epoch == 1).Metadata.Reason, StringComparison.Ordinal);
        Assert.Contains("before", Encoding.UTF8.GetString(rig.Log(configMaps)[^2].State.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_goes_away_and_comes_back_ends_nothing()
    {
        await using var rig = await ClusterRig.StartAsync();
        rig.Server.Kill();
        rig.TouchDefinitions();
        rig.Server.Model.Put(rig.Pods, "shop", "during", "");
        await rig.UntilAsync(() => rig.State(rig.Pods) == ReflectorState.Backoff, moveClock: false);
        rig.Server.StartAgain();
        await rig.UntilAsync(() => rig.Shown(rig.Pods).Contains("ObjectAdded during"));
        Assert.All(rig.Health.Types, health => Assert.NotEqual(ReflectorState.Stopped, health.State));
        await rig.CheckAsync();
    }

    [Fact]
    public async Task A_server_that_is_not_there_at_the_start_ends_the_run_with_one_clear_line()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()]);
        server.Kill();
        using var client = new HttpClient { BaseAddress = server.Url };
        using var sinks = new RecorderSinks(new InMemoryEventStore(), "test", TimeProvider.System);
        var refusal = await Assert.ThrowsAsync<ClusterUnreachableException>(() => new ClusterReflectors(client, sinks, new ClusterReflectorsOptions(), TimeProvider.System).RunAsync(Cancel));
        Assert.Contains($"The API server at {server.Url} cannot be reached", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [Theory]
    [InlineData(401, "does not accept the credentials")]
    [InlineData(403, "forbids discovery")]
    [InlineData(404, "is the address that of a Kubernetes API server?")]
    public async Task A_server_that_does_not_let_us_in_is_named_with_the_remedy(int code, string text)
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()]);
        server.Faults.Always("get api", () => Fault.Status(code, "No", "no"));
        using var client = new HttpClient { BaseAddress = server.Url };
        var refusal = await Assert.ThrowsAsync<ClusterUnreachableException>(() => new Discovery(client, TimeProvider.System).DiscoverAsync(Cancel));
        Assert.Contains(text, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sink_that_fails_ends_the_run_and_every_reflector()
    {
        await using var rig = await ClusterRig.StartAsync();
        rig.Sinks.BeforeHandle = (_, _) => throw new InvalidOperationException("the disk is on fire");
        rig.Server.Model.Put(rig.Pods, "shop", "x", "");
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => rig.Running.WaitAsync(TimeSpan.FromMinutes(1), Cancel));
        Assert.Equal("the disk is on fire", failure.Message);
        Assert.All(rig.Health.Types, health => Assert.Equal(ReflectorState.Stopped, health.State));
    }
}
