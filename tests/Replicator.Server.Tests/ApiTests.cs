using System.Net;
using System.Text.Json.Nodes;
using Replicator.Core.Recording;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Xunit;

namespace Replicator.Server.Tests;

/// <summary>The HTTP API's endpoints, over a small log.</summary>
public sealed class ApiTests
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_page_of_changes_says_where_to_go_on_and_the_pages_together_are_all_of_them()
    {
        await using var rig = await ApiRig.StartAsync();
        var whole = (await rig.GetAsync("api/v1/clusters/test/changes"))["items"]!.AsArray().Select(change => change!.ToJsonString()).ToList();
        Assert.Equal(8, whole.Count);
        var pages = new List<string>();
        for (var (after, more) = (0L, true); more;)
        {
            var page = await rig.GetAsync($"api/v1/clusters/test/changes?limit=3&after={after}");
            Assert.InRange(page["items"]!.AsArray().Count, 0, 3);
            pages.AddRange(page["items"]!.AsArray().Select(change => change!.ToJsonString()));
            (after, more) = (page["after"]!.GetValue<long>(), page["more"]!.GetValue<bool>());
        }
        Assert.Equal(whole, pages);
        Assert.Empty((await rig.GetAsync("api/v1/clusters/test/changes?limit=0"))["items"]!.AsArray());
    }

    [Fact]
    public async Task A_change_bears_what_scripts_rely_on()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Modified, "web-0", 60, "11"));
        var change = (await rig.GetAsync("api/v1/clusters/test/changes?resource=pods&name=web-0&objects=true&patches=true"))["items"]!.AsArray()[^1]!.AsObject();
        foreach (var field in (string[])["position", "stream", "revision", "id", "type", "group", "version", "resource", "kind", "namespace", "name", "uid", "resourceVersion", "observedAt", "provenance", "hash", "object", "patch"])
            Assert.True(change.ContainsKey(field), field);
        Assert.Equal(("k8s-test-pods", "MODIFIED", "2026-01-31T03:01:00.000000Z", "watch", 64), (change["stream"]!.GetValue<string>(), change["type"]!.GetValue<string>(), change["observedAt"]!.GetValue<string>(), change["provenance"]!.GetValue<string>(), change["hash"]!.GetValue<string>().Length));
        // Numbers keep their text.
        Assert.Contains("9007199254740993", change["object"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal("""[{"op":"replace","path":"/metadata/resourceVersion","value":"11"}]""", change["patch"]!.ToJsonString());
    }

    [Theory]
    [InlineData("resource=pods", 5)]
    [InlineData("resource=deployments", 4)]
    [InlineData("resource=deployments&group=apps", 4)]
    [InlineData("group=apps", 4)]
    [InlineData("group=", 5)]
    [InlineData("name=web", 1)]
    [InlineData("namespace=shop", 3)]
    [InlineData("namespace=other", 0)]
    [InlineData("from=2026-01-31T03:01:00Z", 1)]
    [InlineData("to=2026-01-31T03:01:00Z", 8)]
    [InlineData("from=2026-01-31T03:00:00Z&to=2026-01-31T03:01:00.000001Z", 9)]
    [InlineData("from=-59m", 1)]
    [InlineData("from=now", 0)]
    [InlineData("from=rv:10", 1)]
    [InlineData("to=rv:6", 6)]
    public async Task Filters_narrow_and_intervals_are_half_open(string query, int count)
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Modified, "web-0", 60, "11"));
        var items = (await rig.GetAsync($"api/v1/clusters/test/changes?{query}"))["items"]!.AsArray();
        Assert.True(count == items.Count, $"{items.Count}: {string.Join('\n', items.Select(item => item!.ToJsonString()))}");
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/x-ndjson")]
    public async Task A_read_of_an_interval_ends_with_it_and_not_with_the_log(string accept)
    {
        await using var rig = await ApiRig.StartAsync();
        for (var batch = 0; batch < 20; batch++)
            await rig.RecordAsync(ApiRig.Pods, [.. Enumerable.Range(0, 500).Select(index => (DeltaKind.Modified, "web-0", 60 + batch, $"{11 + batch * 500 + index}"))]);
        var (_, text, _) = await rig.SendAsync("api/v1/clusters/test/changes?to=2026-01-31T03:00:30Z", accept);
        Assert.Equal(8, text.Split("\"position\":").Length - 1);
        Assert.InRange(rig.Events.ReadTo, 8, 6000);
    }

    [Fact]
    public async Task Server_sent_events_follow_stay_alive_and_go_on_behind_the_last_event_id()
    {
        await using var rig = await ApiRig.StartAsync();
        using var stream = await rig.OpenAsync("api/v1/clusters/test/changes?resource=pods", "text/event-stream");
        var ids = new List<string>();
        for (var event_ = 0; event_ < 4; event_++)
        {
            var id = await stream.ReadLineAsync(Cancel);
            ids.Add(id!["id: ".Length..]);
            Assert.StartsWith("event: ", await stream.ReadLineAsync(Cancel), StringComparison.Ordinal);
            Assert.StartsWith("data: {", await stream.ReadLineAsync(Cancel), StringComparison.Ordinal);
            Assert.Equal("", await stream.ReadLineAsync(Cancel));
        }
        // Nothing comes for a while, but a comment.
        var line = stream.ReadLineAsync(Cancel).AsTask();
        await Eventually.HoldsAsync(() =>
        {
            rig.Clock.Advance(TimeSpan.FromSeconds(1));
            return line.IsCompleted;
        }, Cancel);
        Assert.Equal(": alive", await line);
        Assert.Equal("", await stream.ReadLineAsync(Cancel));
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Modified, "web-0", 60, "11"));
        string? next;
        do
            next = await stream.ReadLineAsync(Cancel);
        while (next is ": alive" or "");
        Assert.StartsWith("id: ", next, StringComparison.Ordinal);

        using var again = await rig.OpenAsync("api/v1/clusters/test/changes?resource=pods&after=0", "text/event-stream", lastEventId: ids[^1]);
        Assert.Equal(next, await again.ReadLineAsync(Cancel));
    }

    [Fact]
    public async Task Lines_follow_where_they_are_asked_to()
    {
        await using var rig = await ApiRig.StartAsync();
        using var stream = await rig.OpenAsync("api/v1/clusters/test/changes?from=now&follow=true", "application/x-ndjson");
        await rig.RecordAsync(ApiRig.Deployments, (DeltaKind.Deleted, "web", 70, "12"));
        var change = JsonNode.Parse((await stream.ReadLineAsync(Cancel))!)!;
        Assert.Equal(("DELETED", "web", "12"), (change["type"]!.GetValue<string>(), change["name"]!.GetValue<string>(), change["resourceVersion"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("api/v1/clusters/none/changes", 404, "'none'")]
    [InlineData("api/v1/clusters/none/status", 404, "'none'")]
    [InlineData("api/v1/clusters/test/changes?from=yesterday", 400, "'yesterday' is not an instant")]
    [InlineData("api/v1/clusters/test/changes?to=2026-01-31", 400, "'2026-01-31' is not an instant")]
    [InlineData("api/v1/clusters/test/changes?from=rv:x", 400, "'rv:x' is not an instant")]
    [InlineData("api/v1/clusters/test/changes?limit=-1", 400, "limit='-1'")]
    [InlineData("api/v1/clusters/test/changes?after=x", 400, "after='x'")]
    [InlineData("api/v1/clusters/test/changes?objects=perhaps", 400, "objects='perhaps'")]
    [InlineData("api/v1/clusters/test/changes?form=1", 400, "'form'")]
    [InlineData("api/v1/clusters/test/changes?follow=true", 400, "application/x-ndjson")]
    [InlineData("api/v1/clusters/test/history/gadgets/x", 404, "'gadgets'")]
    [InlineData("api/v1/clusters/test/history/pods/shop/none", 404, "'shop/none'")]
    public async Task Bad_parameters_are_problem_details_that_name_the_value(string path, int status, string named)
    {
        await using var rig = await ApiRig.StartAsync();
        var (code, text, type) = await rig.SendAsync(path);
        Assert.Equal((status, "application/problem+json"), ((int)code, type));
        var problem = JsonNode.Parse(text)!;
        Assert.Equal(status, problem["status"]!.GetValue<int>());
        Assert.Contains(named, problem["detail"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("yesterday/api/v1/pods", 400, "BadRequest")]
    [InlineData("now/api/v1/gadgets", 404, "NotFound")]
    [InlineData("now/api/v1/namespaces/shop/pods/none", 404, "NotFound")]
    [InlineData("now/api/v1/pods?labelSelector=a%20b", 400, "BadRequest")]
    public async Task Below_as_of_errors_are_status_objects(string path, int status, string reason)
    {
        await using var rig = await ApiRig.StartAsync();
        var (code, text, _) = await rig.SendAsync($"clusters/test/as-of/{path}");
        Assert.Equal(status, (int)code);
        Assert.Equal(("Status", reason, status), (JsonNode.Parse(text)!["kind"]!.GetValue<string>(), JsonNode.Parse(text)!["reason"]!.GetValue<string>(), JsonNode.Parse(text)!["code"]!.GetValue<int>()));
    }

    [Fact]
    public async Task As_of_answers_each_moment_and_selects_by_label()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Added, "web-1", 60, "11"), (DeltaKind.Deleted, "web-0", 120, "12"));
        async Task<string> Names(string instant, string query = "") =>
            string.Join(' ', (await rig.GetAsync($"clusters/test/as-of/{instant}/api/v1/namespaces/shop/pods{query}"))["items"]!.AsArray().Select(pod => pod!["metadata"]!["name"]!.GetValue<string>()));
        Assert.Equal("web-0", await Names("rv:10"));
        Assert.Equal("web-0 web-1", await Names("rv:11"));
        Assert.Equal("web-1", await Names("now"));
        Assert.Equal("web-0 web-1", await Names("2026-01-31T03:01:30Z"));
        Assert.Equal("web-0", await Names("-59m30s"));
        Assert.Equal("web-1", await Names("rv:11", "?labelSelector=app%3Dweb-1"));
        Assert.Equal("web-0", (await rig.GetAsync("clusters/test/as-of/rv:11/api/v1/namespaces/shop/pods/web-0"))["metadata"]!["name"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await rig.SendAsync("clusters/test/as-of/now/api/v1/namespaces/shop/pods/web-1", method: HttpMethod.Delete)).Status);
    }

    [Theory]
    [InlineData("po")]
    [InlineData("PO")]
    [InlineData("pod")]
    [InlineData("Pod")]
    [InlineData("pods")]
    public async Task History_finds_a_type_by_every_name_that_discovery_gives_it(string name)
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordDiscoveryAsync("api", """{"items":[{"metadata":{},"versions":[{"version":"v1","resources":[{"resource":"pods","singularResource":"pod","shortNames":["po"],"responseKind":{"kind":"Pod"},"scope":"Namespaced","verbs":["list","watch"]}]}]}]}""");
        Assert.Equal("web-0", (await rig.GetAsync($"api/v1/clusters/test/history/{name}/shop/web-0"))["items"]!.AsArray().Single()!["name"]!.GetValue<string>());
    }

    [Fact]
    public async Task Short_names_come_from_plain_discovery_too_and_may_name_the_group()
    {
        await using var rig = await ApiRig.StartAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await rig.SendAsync("api/v1/clusters/test/history/deploy/shop/web")).Status);
        await rig.RecordDiscoveryAsync("apis/apps/v1", """{"kind":"APIResourceList","groupVersion":"apps/v1","resources":[{"name":"deployments","singularName":"deployment","shortNames":["deploy"],"kind":"Deployment","namespaced":true}]}""");
        foreach (var name in (string[])["deploy", "deploy.apps", "deployments.apps", "Deployment.apps"])
            Assert.Single((await rig.GetAsync($"api/v1/clusters/test/history/{name}/shop/web"))["items"]!.AsArray());
        Assert.Equal(HttpStatusCode.NotFound, (await rig.SendAsync("api/v1/clusters/test/history/deploy.extensions/shop/web")).Status);
    }

    [Fact]
    public async Task History_has_each_version_with_the_interval_in_which_it_held()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Modified, "web-0", 60, "11"), (DeltaKind.Deleted, "web-0", 120, "12"), (DeltaKind.Added, "web-0", 180, "13"));
        var versions = (await rig.GetAsync("api/v1/clusters/test/history/pods/shop/web-0?objects=true"))["items"]!.AsArray();
        Assert.Equal(["ADDED 5 03:00-03:01", "MODIFIED 11 03:01-03:02", "DELETED 12 03:02-", "ADDED 13 03:03-"], versions.Select(version => $"{version!["type"]} {version["resourceVersion"]} {version["from"]!.GetValue<string>()[11..16]}-{version["to"]?.GetValue<string>()[11..16]}"));
        Assert.All(versions, version => Assert.Equal(version!["resourceVersion"]!.GetValue<string>(), version["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Clusters_status_and_gaps_say_how_each_type_stands()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Modified, "web-0", 60, "11"));
        var clusters = await rig.GetAsync("api/v1/clusters");
        Assert.Equal((9L, 9L), (clusters["head"]!.GetValue<long>(), clusters["checkpoint"]!.GetValue<long>()));
        var status = await rig.GetAsync("api/v1/clusters/test/status");
        Assert.Equal(clusters["items"]!.AsArray().Single()!["types"]!.ToJsonString(), status["types"]!.ToJsonString());
        var pods = status["types"]!.AsArray().Single(type => type!["resource"]!.GetValue<string>() == "pods")!;
        Assert.Equal(("11", "2026-01-31T03:01:00.000000Z", 3540.0, 1, 2, 5, 1, true), (pods["resourceVersion"]!.GetValue<string>(), pods["lastObservedAt"]!.GetValue<string>(), pods["ageSeconds"]!.GetValue<double>(), pods["objects"]!.GetValue<int>(), pods["versions"]!.GetValue<int>(), pods["events"]!.GetValue<int>(), pods["gaps"]!.GetValue<int>(), pods["synced"]!.GetValue<bool>()));
        var gaps = (await rig.GetAsync("api/v1/clusters/test/gaps"))["items"]!.AsArray();
        Assert.Equal(["deployments", "pods"], gaps.Select(gap => gap!["resource"]!.GetValue<string>()).Order());
        Assert.All(gaps, gap => Assert.Equal(("", "10"), (gap!["fromResourceVersion"]!.GetValue<string>(), gap["toResourceVersion"]!.GetValue<string>())));
    }

    [Fact]
    public async Task A_fault_makes_the_process_unready_but_not_dead()
    {
        await using var rig = await ApiRig.StartAsync();
        Assert.Equal(HttpStatusCode.OK, (await rig.SendAsync("readyz")).Status);
        rig.Health.Report("projector", "the disk is full");
        var (status, text, _) = await rig.SendAsync("readyz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal(("degraded", "the disk is full"), (JsonNode.Parse(text)!["status"]!.GetValue<string>(), JsonNode.Parse(text)!["faults"]!["projector"]!.GetValue<string>()));
        Assert.Equal(HttpStatusCode.OK, (await rig.SendAsync("healthz")).Status);
        rig.Health.Report("projector", null);
        Assert.Equal(HttpStatusCode.OK, (await rig.SendAsync("readyz")).Status);
    }

    [Fact]
    public async Task A_store_that_is_away_or_silent_is_named_by_readiness_within_seconds()
    {
        await using var rig = await ApiRig.StartAsync();
        rig.Events.Away = () => Task.FromException<long>(new StoreUnavailableException("PostgreSQL at db:5432 cannot be reached"));
        Assert.Equal("PostgreSQL at db:5432 cannot be reached", await FaultAsync(rig.SendAsync("readyz")));

        var silent = new TaskCompletionSource<long>();
        var asked = new TaskCompletionSource();
        rig.Events.Away = () =>
        {
            asked.TrySetResult();
            return silent.Task;
        };
        var asking = rig.SendAsync("readyz");
        await asked.Task.WaitAsync(Cancel);
        await Eventually.HoldsAsync(() =>
        {
            rig.Clock.Advance(TimeSpan.FromSeconds(1));
            return asking.IsCompleted;
        }, Cancel);
        Assert.StartsWith("the event store has not answered within 3 s", await FaultAsync(asking), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await rig.SendAsync("healthz")).Status);

        silent.SetResult(0);
        rig.Events.Away = null;
        Assert.Equal(HttpStatusCode.OK, (await rig.SendAsync("readyz")).Status);

        static async Task<string> FaultAsync(Task<(HttpStatusCode Status, string Text, string? ContentType)> asking)
        {
            var (status, text, _) = await asking;
            Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
            var answer = JsonNode.Parse(text)!;
            Assert.Equal(("degraded", null, true), (answer["status"]!.GetValue<string>(), answer["head"]?.GetValue<long>(), answer["checkpoint"] is not null));
            return answer["faults"]!["log"]!.GetValue<string>();
        }
    }

    [Theory]
    [InlineData("verify")]
    [InlineData("rebuild")]
    public async Task Long_work_answers_with_lines_and_a_last_one_that_says_done(string work)
    {
        await using var rig = await ApiRig.StartAsync();
        var (status, text, type) = await rig.SendAsync($"api/v1/{work}", "application/x-ndjson", HttpMethod.Post);
        Assert.Equal((HttpStatusCode.OK, "application/x-ndjson"), (status, type));
        var last = JsonNode.Parse(text.TrimEnd('\n').Split('\n')[^1])!;
        Assert.True(last["done"]!.GetValue<bool>());
        if (work == "verify")
            Assert.Equal((true, 8), (last["whole"]!.GetValue<bool>(), last["events"]!.GetValue<int>()));
    }
}
