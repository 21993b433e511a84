using System.Text.Json.Nodes;
using Replicator.Core.Recording;
using Xunit;

namespace Replicator.Server.Tests;

/// <summary>Questions of history over HTTP.</summary>
public sealed class QuestionsTests
{
    [Theory]
    [InlineData("diff", 400, "from is missing")]
    [InlineData("diff?from=yesterday", 400, "'yesterday' is not an instant")]
    [InlineData("diff?from=-1h&resource=gadgets", 400, "'gadgets'")]
    [InlineData("diff?from=-1h&labelSelector=a%20b", 400, "a b")]
    [InlineData("diff?from=-1h&noise=perhaps", 400, "noise='perhaps'")]
    [InlineData("diff?from=-1h&depth=1", 400, "Unknown parameter 'depth': known are from, to")]
    [InlineData("blame/pods/shop/none", 404, "'shop/none' at now")]
    [InlineData("blame/gadgets/x", 404, "'gadgets'")]
    [InlineData("blame/pods/shop/web-0?at=rv:1", 404, "'shop/web-0' at rv:1")]
    [InlineData("objects/pods/shop/web-0?at=soon", 400, "'soon'")]
    [InlineData("images?at=soon", 400, "'soon'")]
    [InlineData("images/runs", 400, "digest is missing")]
    [InlineData("images/runs?digest=nginx", 400, "'nginx' is not an image digest")]
    [InlineData("images/runs?digest=sha256:abcdef01&from=rv:5", 400, "a time is needed")]
    [InlineData("runtimes?at=soon", 400, "'soon'")]
    [InlineData("tree/pods/shop/none", 404, "'shop/none'")]
    [InlineData("apps?labelSelector=a%20b", 400, "a b")]
    [InlineData("export?at=soon", 400, "'soon'")]
    [InlineData("names", 400, "resource is missing")]
    [InlineData("names?resource=pods&limit=x", 400, "limit='x'")]
    [InlineData("history/pods/shop/web-0?object=true", 400, "Unknown parameter 'object'")]
    public async Task What_is_wrong_with_a_question_is_said_with_the_value_and_the_remedy(string question, int status, string named)
    {
        await using var rig = await ApiRig.StartAsync();
        var (code, text, type) = await rig.SendAsync($"api/v1/clusters/test/{question}");
        Assert.Equal((status, "application/problem+json"), ((int)code, type));
        Assert.Contains(named, JsonNode.Parse(text)!["detail"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("diff?from=-1h")]
    [InlineData("blame/pods/shop/web-0")]
    [InlineData("objects/pods/shop/web-0")]
    [InlineData("images")]
    [InlineData("images/runs?digest=sha256:abcdef01")]
    [InlineData("runtimes")]
    [InlineData("tree/pods/shop/web-0")]
    [InlineData("apps")]
    [InlineData("export")]
    [InlineData("names?resource=pods")]
    public async Task Of_a_cluster_that_is_not_recorded_nothing_is_answered_and_of_one_that_is_something(string question)
    {
        await using var rig = await ApiRig.StartAsync();
        var (status, text, _) = await rig.SendAsync($"api/v1/clusters/none/{question}");
        Assert.Equal(404, (int)status);
        Assert.Contains("'none'", text, StringComparison.Ordinal);
        Assert.Equal(200, (int)(await rig.SendAsync($"api/v1/clusters/test/{question}")).Status);
    }

    [Fact]
    public async Task A_diff_has_what_came_what_went_what_changed_and_the_number_of_what_it_hides()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Added, "web-1", 60, "11"), (DeltaKind.Added, "web-2", 61, "12"), (DeltaKind.Deleted, "web-2", 62, "13"), (DeltaKind.Deleted, "web-0", 63, "14"));
        await rig.RecordAsync(ApiRig.Deployments, (DeltaKind.Modified, "web", 64, "15"));
        var diff = await rig.GetAsync("api/v1/clusters/test/diff?from=rv:10&to=now");
        Assert.Equal(["removed pods shop/web-0", "added pods shop/web-1"], Items(diff));
        Assert.Equal((1, 1), (diff["hidden"]!.GetValue<int>(), diff["transient"]!.GetValue<int>()));
        Assert.Equal(["removed pods shop/web-0", "added pods shop/web-1", "changed deployments shop/web"], Items(await rig.GetAsync("api/v1/clusters/test/diff?from=rv:10&noise=true")));
        Assert.Equal(["changed deployments shop/web"], Items(await rig.GetAsync("api/v1/clusters/test/diff?from=rv:10&noise=true&resource=Deployment")));
        Assert.Equal(["added pods shop/web-1"], Items(await rig.GetAsync("api/v1/clusters/test/diff?from=rv:10&labelSelector=app%3Dweb-1")));
        Assert.Empty(Items(await rig.GetAsync("api/v1/clusters/test/diff?from=rv:10&namespace=other")));
        // From the later to the earlier it is the other way round.
        Assert.Equal(["added pods shop/web-0", "removed pods shop/web-1"], Items(await rig.GetAsync("api/v1/clusters/test/diff?from=now&to=rv:10")));
        var whole = await rig.GetAsync("api/v1/clusters/test/diff?from=rv:10&objects=true&resource=pods");
        Assert.Equal(["before", "after"], whole["items"]!.AsArray().Select(item => item!.AsObject().ContainsKey("before") ? "before" : "after"));
    }

    [Fact]
    public async Task A_unified_diff_is_text_that_hides_noise_as_the_fields_do()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Deployments, (DeltaKind.Modified, "web", 64, "15"));
        var (_, text, type) = await rig.SendAsync("api/v1/clusters/test/diff?from=rv:10", "text/x-diff");
        Assert.Equal(("", "text/x-diff"), (text, type));
        (_, text, _) = await rig.SendAsync("api/v1/clusters/test/diff?from=rv:10&noise=true", "text/x-diff");
        Assert.StartsWith("--- deployments.apps/shop/web\trv:10\n+++ deployments.apps/shop/web\tnow\n@@ ", text, StringComparison.Ordinal);
        Assert.Contains("\n-  resourceVersion: \"6\"\n+  resourceVersion: \"15\"\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_instant_before_the_record_is_answered_and_the_answer_says_so()
    {
        await using var rig = await ApiRig.StartAsync();
        foreach (var question in (string[])["diff?from=rv:1", "diff?from=2026-01-30T00:00:00Z", "apps?at=rv:1", "export?at=rv:1", "images?at=rv:1"])
        {
            var warning = Assert.Single((await rig.GetAsync($"api/v1/clusters/test/{question}"))["warnings"]!.AsArray())!.GetValue<string>();
            Assert.Contains("had not been recorded yet at that instant", warning, StringComparison.Ordinal);
        }
        Assert.Empty((await rig.GetAsync("api/v1/clusters/test/apps?at=rv:10"))["warnings"]!.AsArray());
        Assert.Empty((await rig.GetAsync("api/v1/clusters/test/apps"))["warnings"]!.AsArray());
    }

    [Fact]
    public async Task History_says_who_wrote_and_what_changed()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Modified, "web-0", 60, "11"), (DeltaKind.Deleted, "web-0", 120, "12"), (DeltaKind.Added, "web-0", 180, "13"));
        var versions = (await rig.GetAsync("api/v1/clusters/test/history/pods/shop/web-0?changes=true"))["items"]!.AsArray();
        Assert.Equal(["was there when the record began", "only metadata.resourceVersion", "deleted", "created again"], versions.Select(version => version!["summary"]!.GetValue<string>()));
        Assert.Equal([0, 1, 1, 0], versions.Select(version => version!["hidden"]!.GetValue<int>()));
        versions = (await rig.GetAsync("api/v1/clusters/test/history/pods/shop/web-0?changes=true&noise=true"))["items"]!.AsArray();
        Assert.Equal("""[{"path":"metadata.resourceVersion","change":"changed","from":"5","to":"11"}]""", versions[1]!["changes"]!.ToJsonString());
    }

    [Fact]
    public async Task Without_a_namespace_the_one_called_default_is_meant_as_for_kubectl()
    {
        await using var rig = await ApiRig.StartAsync();
        var (status, text, _) = await rig.SendAsync("api/v1/clusters/test/history/pods/web-0");
        Assert.Equal(404, (int)status);
        Assert.Contains("'default/web-0'", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Numbers_in_answers_keep_their_text()
    {
        await using var rig = await ApiRig.StartAsync();
        foreach (var question in (string[])["blame/pods/shop/web-0", "objects/pods/shop/web-0", "export?resource=pods"])
            Assert.Contains("9007199254740993", (await rig.GetAsync($"api/v1/clusters/test/{question}")).ToJsonString(), StringComparison.Ordinal);
        // The name n would be read as false.
        Assert.Contains("\"n\": 9007199254740993", (await rig.SendAsync("api/v1/clusters/test/export?resource=pods", "application/yaml")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_are_those_of_now_by_their_beginning()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Added, "web-1", 60, "11"), (DeltaKind.Added, "db-0", 61, "12"), (DeltaKind.Deleted, "web-0", 62, "13"));
        async Task<string> Names(string query) => string.Join(' ', (await rig.GetAsync($"api/v1/clusters/test/names?resource={query}"))["items"]!.AsArray().Select(name => name!.GetValue<string>()));
        Assert.Equal("db-0 web-1", await Names("pods"));
        Assert.Equal("web-1", await Names("Pod&prefix=w"));
        Assert.Equal("", await Names("pods&namespace=other"));
        Assert.Equal("db-0", await Names("pods&limit=1"));
    }

    [Fact]
    public async Task Workloads_are_grouped_by_application_resource_by_helm_release_and_by_label()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordObjectsAsync(Type("apps", "statefulsets", "StatefulSet"),
            """{"metadata":{"name":"db","namespace":"shop","annotations":{"meta.helm.sh/release-name":"postgres","meta.helm.sh/release-namespace":"infra"},"labels":{"app.kubernetes.io/name":"postgres","app.kubernetes.io/instance":"main","app.kubernetes.io/version":"17"} },"spec":{"replicas":1},"status":{"observedGeneration":1,"readyReplicas":1} }""",
            """{"metadata":{"name":"cache","namespace":"shop","labels":{"app.kubernetes.io/part-of":"store","app.kubernetes.io/name":"redis"} },"spec":{"replicas":2},"status":{"observedGeneration":1,"readyReplicas":1} }""");
        await rig.RecordObjectsAsync(Type("argoproj.io", "applications", "Application"), """{"metadata":{"name":"argo","namespace":"argocd"},"status":{"health":{"status":"Degraded"},"resources":[{"group":"apps","kind":"StatefulSet","namespace":"shop","name":"db"}]} }""");
        await rig.RecordObjectsAsync(Type("app.k8s.io", "applications", "Application"), """{"metadata":{"name":"sig","namespace":"shop"},"spec":{"selector":{"matchLabels":{"app.kubernetes.io/name":"redis"} } } }""");
        await rig.RecordObjectsAsync(Type("batch", "jobs", "Job"), """{"metadata":{"name":"made","namespace":"shop","ownerReferences":[{"apiVersion":"batch/v1","controller":true,"kind":"CronJob","name":"c","uid":"uid-c"}]},"status":{} }""");
        Assert.Equal(
        [
            "Application.app.k8s.io shop/sig  Progressing: StatefulSet/cache",
            "Application.argoproj.io argocd/argo 17 Degraded: StatefulSet/db",
            "helm infra/postgres 17 Healthy: StatefulSet/db",
            "labels shop/main 17 Healthy: StatefulSet/db",
            "labels shop/store  Progressing: StatefulSet/cache",
            "none shop/web  Progressing: Deployment/web",
            "none shop/web-0  Progressing: Pod/web-0",
        ], (await rig.GetAsync("api/v1/clusters/test/apps"))["items"]!.AsArray().Select(app =>
            $"{app!["by"]} {app["namespace"]}/{app["name"]} {app["version"]} {app["health"]}: {string.Join(' ', app["workloads"]!.AsArray().Select(one => $"{one!["kind"]}/{one["name"]}"))}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_tree_goes_up_to_an_owner_that_is_gone_and_down_over_all_types()
    {
        await using var rig = await ApiRig.StartAsync();
        static string Owned(string name, string by) => "{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"shop\",\"ownerReferences\":[" + by + "]}}";
        static string By(string version, string kind, string name, bool controller = true) => $$"""{"apiVersion":"{{version}}","controller":{{(controller ? "true" : "false")}},"kind":"{{kind}}","name":"{{name}}","uid":"uid-{{name}}"}""";
        await rig.RecordObjectsAsync(Type("apps", "replicasets", "ReplicaSet"), Owned("rs", By("apps/v1", "Deployment", "gone")));
        await rig.RecordObjectsAsync(ApiRig.Pods, Owned("p1", By("apps/v1", "ReplicaSet", "rs")), Owned("p2", $"{By("apps/v1", "Deployment", "web", controller: false)},{By("apps/v1", "ReplicaSet", "rs")}"));
        await rig.RecordObjectsAsync(Type("", "persistentvolumeclaims", "PersistentVolumeClaim"), Owned("claim", By("v1", "Pod", "p1")));
        static string Show(JsonNode node) => $"{node["kind"]}/{node["name"]}{(node["subject"]!.GetValue<bool>() ? "*" : "")}{(node["health"]!.GetValue<string>() == "Missing" ? "?" : "")}{(node["dependants"]!.AsArray() is { Count: > 0 } below ? $"({string.Join(' ', below.Select(one => Show(one!)))})" : "")}";
        Assert.Equal("Deployment/gone?(ReplicaSet/rs*(Pod/p1(PersistentVolumeClaim/claim) Pod/p2))", Show((await rig.GetAsync("api/v1/clusters/test/tree/ReplicaSet/shop/rs"))["root"]!));
        Assert.Equal("Deployment/gone?(ReplicaSet/rs(Pod/p1*(PersistentVolumeClaim/claim)))", Show((await rig.GetAsync("api/v1/clusters/test/tree/pods/shop/p1"))["root"]!));
        // Of two owners it is shown below the one that controls it, and below the other where that is asked about.
        Assert.Equal("Deployment/web*(Pod/p2)", Show((await rig.GetAsync("api/v1/clusters/test/tree/deployments/shop/web"))["root"]!));
    }

    [Fact]
    public async Task An_export_takes_out_what_the_cluster_put_in_and_keeps_what_was_asked_for()
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordObjectsAsync(Type("", "services", "Service"),
            """{"metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-01-01T00:00:00Z","generation":1,"managedFields":[],"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","team":"a"} },"spec":{"clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],"ports":[{"nodePort":30080,"port":80}],"type":"NodePort"},"status":{} }""",
            """{"metadata":{"name":"headless","namespace":"shop"},"spec":{"clusterIP":"None","clusterIPs":["None"]} }""");
        await rig.RecordObjectsAsync(ApiRig.Pods, """{"metadata":{"name":"alone","namespace":"shop","finalizers":["example.com/hold","foregroundDeletion"]},"spec":{"containers":[{"name":"a","volumeMounts":[{"mountPath":"/d","name":"d"},{"mountPath":"/t","name":"kube-api-access-x"}]}],"nodeName":"n","volumes":[{"name":"d"},{"name":"kube-api-access-x"}]},"status":{} }""");
        await rig.RecordObjectsAsync(Type("batch", "jobs", "Job"), """{"metadata":{"name":"job","namespace":"shop","labels":{"job-name":"job"} },"spec":{"selector":{"matchLabels":{} },"template":{"metadata":{"labels":{"app":"j","controller-uid":"u"} } } } }""");
        await rig.RecordObjectsAsync(new("", "v1", "secrets", "Secret", Namespaced: true), """{"metadata":{"name":"s","namespace":"shop"},"data":{"k":"dg=="} }""");
        await rig.RecordObjectsAsync(new("", "v1", "nodes", "Node", Namespaced: false), """{"metadata":{"name":"n"} }""");
        var export = await rig.GetAsync("api/v1/clusters/test/export");
        Assert.Equal(
        [
            """{"apiVersion":"v1","kind":"Service","metadata":{"name":"headless","namespace":"shop"},"spec":{"clusterIP":"None","clusterIPs":["None"]}}""",
            """{"apiVersion":"v1","kind":"Service","metadata":{"annotations":{"team":"a"},"name":"web","namespace":"shop"},"spec":{"ports":[{"nodePort":30080,"port":80}],"type":"NodePort"}}""",
            """{"apiVersion":"v1","kind":"Pod","metadata":{"finalizers":["example.com/hold"],"name":"alone","namespace":"shop"},"spec":{"containers":[{"name":"a","volumeMounts":[{"mountPath":"/d","name":"d"}]}],"volumes":[{"name":"d"}]}}""",
            """{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"app":"web-0"},"name":"web-0","namespace":"shop"},"spec":{"n":9007199254740993}}""",
            """{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web"},"name":"web","namespace":"shop"},"spec":{"n":9007199254740993}}""",
            """{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"job","namespace":"shop"},"spec":{"template":{"metadata":{"labels":{"app":"j"}}}}}""",
        ], export["items"]!.AsArray().Select(item => item!.ToJsonString()));
        Assert.Equal(["Secrets: their values are not recorded, only fingerprints", "kept by the cluster itself: nodes, leases, events, endpoints and the like"], export["omitted"]!.AsArray().Select(omitted => omitted!["reason"]!.GetValue<string>()));
        Assert.Equal("Node", (await rig.GetAsync("api/v1/clusters/test/export?resource=nodes"))["items"]!.AsArray().Single()!["kind"]!.GetValue<string>());
    }

    static Replicator.Core.Kubernetes.ResourceType Type(string group, string resource, string kind) => new(group, "v1", resource, kind, Namespaced: true);

    static List<string> Items(JsonNode diff) => [.. diff["items"]!.AsArray().Select(item => $"{item!["change"]} {item["resource"]} {item["namespace"]}/{item["name"]}")];
}
