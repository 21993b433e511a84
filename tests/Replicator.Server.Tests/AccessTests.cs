using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Replicator.Informers;
using Replicator.Server.Access;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.Server.Tests;

/// <summary>Who may read what.</summary>
public sealed class AccessTests
{
    const string AsOf = "/clusters/test/as-of/now";

    const string Api = "/api/v1/clusters/test";

    /// <summary>Each route with requests for it, and what they answer to whom: nobody, a wrong token, a user with rights to the pods of <c>shop</c>, an administrator, a token without limits, one for <c>shop</c>, one for another cluster.</summary>
    static readonly (string Method, string Route, string Path, int[] Status)[] Table =
    [
        ("GET", "/healthz", "/healthz", [200, 200, 200, 200, 200, 200, 200]),
        ("GET", "/readyz", "/readyz", [200, 200, 200, 200, 200, 200, 200]),
        ("GET", "/openapi/{documentName}.json", "/openapi/v1.json", [200, 200, 200, 200, 200, 200, 200]),
        ("GET", "/api/v1/clusters", "/api/v1/clusters", [403, 401, 200, 200, 200, 200, 200]),
        ("GET", "/api/v1/clusters/{cluster}/status", $"{Api}/status", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/gaps", $"{Api}/gaps", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/as-of/{instant}", $"{Api}/as-of/now", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/changes", $"{Api}/changes", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/diff", $"{Api}/diff?from=rv:1", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/diff", $"{Api}/diff?from=rv:1&namespace=payments", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/history/{resource}/{namespace}/{name}", $"{Api}/history/pods/shop/web", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/history/{resource}/{namespace}/{name}", $"{Api}/history/pods/payments/api", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", "/api/v1/clusters/{cluster}/history/{resource}/{namespace}/{name}", $"{Api}/history/secrets/shop/db", [403, 401, 403, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/history/{resource}/{name}", $"{Api}/history/nodes/node-1", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", "/api/v1/clusters/{cluster}/objects/{resource}/{namespace}/{name}", $"{Api}/objects/pods/shop/web", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/objects/{resource}/{namespace}/{name}", $"{Api}/objects/pods/payments/api", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", "/api/v1/clusters/{cluster}/objects/{resource}/{name}", $"{Api}/objects/nodes/node-1", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", "/api/v1/clusters/{cluster}/blame/{resource}/{namespace}/{name}", $"{Api}/blame/pods/shop/web", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/blame/{resource}/{namespace}/{name}", $"{Api}/blame/pods/payments/api", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", "/api/v1/clusters/{cluster}/blame/{resource}/{name}", $"{Api}/blame/nodes/node-1", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", "/api/v1/clusters/{cluster}/tree/{resource}/{namespace}/{name}", $"{Api}/tree/pods/shop/web", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/tree/{resource}/{namespace}/{name}", $"{Api}/tree/pods/payments/api", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", "/api/v1/clusters/{cluster}/tree/{resource}/{name}", $"{Api}/tree/nodes/node-1", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", "/api/v1/clusters/{cluster}/images", $"{Api}/images", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/images/runs", $"{Api}/images/runs?digest=sha256:c1884fe787f3", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/runtimes", $"{Api}/runtimes", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/apps", $"{Api}/apps", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/export", $"{Api}/export?resource=pods", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/clusters/{cluster}/names", $"{Api}/names?resource=pods", [403, 401, 200, 200, 200, 200, 403]),
        ("POST", "/api/v1/verify", "/api/v1/verify", [403, 401, 403, 200, 200, 403, 403]),
        ("POST", "/api/v1/rebuild", "/api/v1/rebuild", [403, 401, 403, 200, 200, 403, 403]),
        ("POST", "/api/v1/doctor", "/api/v1/doctor", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", KubernetesApi, $"{AsOf}/apis", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", KubernetesApi, $"{AsOf}/api/v1/namespaces/shop/pods", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", KubernetesApi, $"{AsOf}/api/v1/namespaces/shop/pods/web", [403, 401, 200, 200, 200, 200, 403]),
        ("GET", KubernetesApi, $"{AsOf}/api/v1/namespaces/payments/pods", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", KubernetesApi, $"{AsOf}/api/v1/pods", [403, 401, 403, 200, 200, 403, 403]),
        ("GET", KubernetesApi, $"{AsOf}/api/v1/namespaces/shop/secrets/db", [403, 401, 403, 200, 200, 200, 403]),
        ("GET", KubernetesApi, $"{AsOf}/api/v1/nodes/node-1", [403, 401, 403, 200, 200, 403, 403]),
        ("DELETE", KubernetesApi, $"{AsOf}/api/v1/namespaces/shop/pods/web", [403, 401, 405, 405, 405, 405, 403]),
    ];

    const string KubernetesApi = "/clusters/{cluster}/as-of/{instant}/{**path}";

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    static readonly string?[] Callers = [null, AccessRig.Wrong, AccessRig.Reader, AccessRig.Administrator, AccessRig.Static, AccessRig.StaticOfShop, AccessRig.StaticOfOther];

    [Fact]
    public async Task Who_may_read_what()
    {
        await using var rig = await AccessRig.StartAsync();
        await CheckTableAsync(rig);
    }

    /// <summary>The same table by the answers of a real server: <c>REPLICATOR_TEST_KUBECONFIG</c> names the kubeconfig, with a token, of somebody who may do everything there.</summary>
    [Fact]
    public async Task Who_may_read_what_by_the_answers_of_a_real_api_server()
    {
        var kubeconfig = Environment.GetEnvironmentVariable("REPLICATOR_TEST_KUBECONFIG");
        Assert.SkipWhen(string.IsNullOrEmpty(kubeconfig), "REPLICATOR_TEST_KUBECONFIG is not set: it names the kubeconfig of an API server on which a namespace may be created.");
        var options = new ClusterOptions { KubeconfigPath = kubeconfig };
        using var connection = ClusterConnection.Open(options);
        var administrator = (await BearerUser.ReadAsync(options, Cancel)).Token;
        var @namespace = $"replicator-test-{Guid.NewGuid():N}"[..30];
        await CreateAsync("api/v1/namespaces", $$$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{{@namespace}}}"} }""");
        try
        {
            var (accounts, rights) = ($"api/v1/namespaces/{@namespace}/serviceaccounts", $"apis/rbac.authorization.k8s.io/v1/namespaces/{@namespace}");
            await CreateAsync(accounts, """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"alice"} }""");
            await CreateAsync($"{rights}/roles", """{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"reader"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list","watch"]}]}""");
            await CreateAsync($"{rights}/rolebindings", $$$"""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"reader"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"reader"},"subjects":[{"kind":"ServiceAccount","name":"alice","namespace":"{{{@namespace}}}"}]}""");
            var token = await CreateAsync($"{accounts}/alice/token", """{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{} }""");
            await using var rig = await AccessRig.StartAsync(real: new AccessRig.RealUsers(connection.Client, @namespace,
                new Dictionary<string, string> { [AccessRig.Administrator] = administrator, [AccessRig.Reader] = token["status"]!["token"]!.GetValue<string>() }));
            await CheckTableAsync(rig);
        }
        finally
        {
            using var deleted = await connection.Client.DeleteAsync(new Uri($"api/v1/namespaces/{@namespace}", UriKind.Relative), CancellationToken.None);
        }

        async Task<JsonNode> CreateAsync(string path, string json)
        {
            using var content = new StringContent(json, Encoding.UTF8, "application/json");
            using var response = await connection.Client.PostAsync(new Uri(path, UriKind.Relative), content, Cancel);
            var text = await response.Content.ReadAsStringAsync(Cancel);
            Assert.True(response.IsSuccessStatusCode, text);
            return JsonNode.Parse(text)!;
        }
    }

    static async Task CheckTableAsync(AccessRig rig)
    {
        var (expected, actual) = (new StringBuilder(), new StringBuilder());
        foreach (var (method, _, path, status) in Table)
        {
            var answers = new List<int>();
            foreach (var caller in Callers)
                answers.Add((await rig.GetAsync(path, caller, new HttpMethod(method))).Status);
            expected.AppendLine(CultureInfo.InvariantCulture, $"{method} {path}: {string.Join(' ', status)}");
            actual.AppendLine(CultureInfo.InvariantCulture, $"{method} {path}: {string.Join(' ', answers)}");
        }
        Assert.Equal(expected.ToString(), actual.ToString());
    }

    [Fact]
    public async Task Every_endpoint_has_a_rule_and_a_row_in_the_table()
    {
        await using var rig = await AccessRig.StartAsync();
        Assert.NotEmpty(rig.Endpoints);
        Assert.All(rig.Endpoints, endpoint => Assert.True(AccessRules.Find(endpoint) is not null, $"{endpoint.RoutePattern.RawText} has no rule in {nameof(AccessRules)}: nobody can call it"));
        var tested = Table.Select(row => row.Route).ToHashSet();
        var served = rig.Endpoints.Select(endpoint => $"/{endpoint.RoutePattern.RawText!.Trim('/')}").ToHashSet();
        Assert.True(served.IsSubsetOf(tested), $"without a row: {string.Join(", ", served.Except(tested))}");
        Assert.True(tested.IsSubsetOf(served), $"no endpoint: {string.Join(", ", tested.Except(served))}");
    }

    [Theory]
    [InlineData(AccessRig.Reader, "list", "pods", "shop", true)]
    [InlineData(AccessRig.Reader, "list", "pods", "payments", false)]
    [InlineData(AccessRig.Reader, "watch", "pods", "", false)]
    [InlineData(AccessRig.Reader, "get", "secrets", "shop", false)]
    [InlineData(AccessRig.Reader, "delete", "pods", "shop", false)]
    [InlineData(AccessRig.Administrator, "list", "secrets", "", true)]
    [InlineData(AccessRig.Administrator, "delete", "pods", "shop", false)]
    [InlineData(AccessRig.StaticOfShop, "list", "secrets", "shop", true)]
    [InlineData(AccessRig.StaticOfShop, "list", "pods", "payments", false)]
    [InlineData(AccessRig.Static, "list", "secrets", "", true)]
    public async Task Who_asks_what_he_may_do_is_told_what_his_requests_would_be(string token, string verb, string resource, string @namespace, bool allowed)
    {
        await using var rig = await AccessRig.StartAsync();
        var (status, answer) = await rig.PostAsync($"{AsOf}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", token,
            $$$"""{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{"resourceAttributes":{"verb":"{{{verb}}}","resource":"{{{resource}}}","namespace":"{{{@namespace}}}"} } }""");
        Assert.Equal((201, allowed), (status, answer!["status"]!["allowed"]!.GetValue<bool>()));
        if (verb == "list")
            Assert.Equal(allowed ? 200 : 403, (await rig.GetAsync($"{AsOf}/api/v1/{(@namespace.Length == 0 ? "" : $"namespaces/{@namespace}/")}{resource}", token)).Status);
    }

    [Fact]
    public async Task Who_asks_for_all_that_he_may_do_is_told_what_was_granted_to_him()
    {
        await using var rig = await AccessRig.StartAsync();
        Assert.Equal("pods: get list watch; incomplete", await RulesAsync(AccessRig.Reader, "shop"));
        Assert.Equal("; incomplete", await RulesAsync(AccessRig.Reader, "payments"));
        Assert.Equal("*: get list watch", await RulesAsync(AccessRig.Administrator, "payments"));
        Assert.Equal("*: get list watch", await RulesAsync(AccessRig.Static, "shop"));

        async Task<string> RulesAsync(string token, string @namespace)
        {
            var (_, answer) = await rig.PostAsync($"{AsOf}/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", token,
                $$$"""{"kind":"SelfSubjectRulesReview","apiVersion":"authorization.k8s.io/v1","spec":{"namespace":"{{{@namespace}}}"} }""");
            var status = answer!["status"]!;
            return string.Join("; ", status["resourceRules"]!.AsArray().Select(rule => $"{string.Join(' ', rule!["resources"]!.AsArray())}: {string.Join(' ', rule["verbs"]!.AsArray())}"))
                + (status["incomplete"]!.GetValue<bool>() ? "; incomplete" : "");
        }
    }

    [Fact]
    public async Task Changes_are_those_of_objects_that_the_caller_may_list()
    {
        await using var rig = await AccessRig.StartAsync();
        Assert.Equal(["pods shop/web"], await ChangedAsync(rig, AccessRig.Reader));
        Assert.Equal(["nodes /node-1", "pods payments/api", "pods shop/web", "secrets payments/db", "secrets shop/db"], await ChangedAsync(rig, AccessRig.Administrator));
        Assert.Equal(["pods shop/web", "secrets shop/db"], await ChangedAsync(rig, AccessRig.StaticOfShop));
        // What the observer says of a type concerns all of its namespaces.
        Assert.DoesNotContain((await rig.GetAsync("/api/v1/clusters/test/changes", AccessRig.Reader)).Answer!["items"]!.AsArray(), change => change!["type"]!.GetValue<string>() == "SYNC_COMPLETED");

        static async Task<IEnumerable<string>> ChangedAsync(AccessRig rig, string token)
        {
            var (_, answer) = await rig.GetAsync("/api/v1/clusters/test/changes", token);
            return answer!["items"]!.AsArray().Where(change => change!["name"]?.GetValue<string>() is { Length: > 0 }).Select(change => $"{change!["resource"]} {change["namespace"]}/{change["name"]}").Order(StringComparer.Ordinal);
        }
    }

    [Fact]
    public async Task A_stream_ends_what_it_gives_once_the_right_is_withdrawn()
    {
        await using var rig = await AccessRig.StartAsync();
        Assert.Single((await rig.GetAsync("/api/v1/clusters/test/changes?resource=pods&namespace=shop", AccessRig.Reader)).Answer!["items"]!.AsArray());
        rig.Server.Reviews.Forbid("alice");
        // Within the seconds for which answers hold it still may.
        Assert.Single((await rig.GetAsync("/api/v1/clusters/test/changes?resource=pods&namespace=shop", AccessRig.Reader)).Answer!["items"]!.AsArray());
        rig.Clock.Advance(AccessRig.CacheFor);
        Assert.Empty((await rig.GetAsync("/api/v1/clusters/test/changes?resource=pods&namespace=shop", AccessRig.Reader)).Answer!["items"]!.AsArray());
        Assert.Equal(403, (await rig.GetAsync($"{AsOf}/api/v1/namespaces/shop/pods", AccessRig.Reader)).Status);

        rig.Server.Reviews.RemoveToken(AccessRig.Reader);
        rig.Clock.Advance(AccessRig.CacheFor);
        Assert.Equal(401, (await rig.GetAsync($"{AsOf}/api/v1/namespaces/shop/pods", AccessRig.Reader)).Status);
    }

    [Fact]
    public async Task Clusters_and_figures_are_shown_to_those_who_may_count_them()
    {
        await using var rig = await AccessRig.StartAsync();
        Assert.Equal("test: ", await ClustersAsync(rig, AccessRig.Reader));
        Assert.Equal("test: nodes pods secrets", await ClustersAsync(rig, AccessRig.Administrator));
        Assert.Equal("other: nodes pods secrets; test: nodes pods secrets", await ClustersAsync(rig, AccessRig.Static));
        Assert.Equal("other: nodes pods secrets", await ClustersAsync(rig, AccessRig.StaticOfOther));

        static async Task<string> ClustersAsync(AccessRig rig, string token)
        {
            var (_, answer) = await rig.GetAsync("/api/v1/clusters", token);
            return string.Join("; ", answer!["items"]!.AsArray().OrderBy(item => item!["cluster"]!.GetValue<string>(), StringComparer.Ordinal)
                .Select(item => $"{item!["cluster"]}: {string.Join(' ', item["types"]!.AsArray().Select(type => type!["resource"]!.GetValue<string>()).Order(StringComparer.Ordinal))}"));
        }
    }

    [Theory]
    [InlineData("bad-token-401", AccessRig.Wrong, $"{AsOf}/api/v1/pods")]
    [InlineData("anonymous-403", null, $"{AsOf}/api/v1/namespaces")]
    [InlineData("list-403", AccessRig.Reader, $"{AsOf}/api/v1/secrets")]
    public async Task A_refusal_reads_as_the_recorded_one(string recorded, string? token, string path)
    {
        await using var rig = await AccessRig.StartAsync();
        var answer = RecordedAnswer.Load(recorded);
        var (status, body) = await rig.GetAsync(path, token);
        Assert.Equal(answer.Status, status);
        Assert.Equal(JsonNode.Parse(answer.Body)!.ToJsonString(), body!.ToJsonString());
    }

    [Fact]
    public async Task A_cluster_that_cannot_be_asked_knows_no_user()
    {
        await using var rig = await AccessRig.StartAsync();
        Assert.Equal(401, (await rig.GetAsync("/clusters/other/as-of/now/api/v1/pods", AccessRig.Administrator)).Status);
        Assert.Equal(401, (await rig.GetAsync("/api/v1/clusters/other/changes", AccessRig.Administrator)).Status);
        Assert.Equal(200, (await rig.GetAsync("/clusters/other/as-of/now/api/v1/pods", AccessRig.StaticOfOther)).Status);
        Assert.Equal(403, (await rig.GetAsync("/clusters/other/as-of/now/api/v1/pods", null)).Status);
    }

    [Fact]
    public async Task Nothing_is_given_out_while_the_cluster_does_not_answer()
    {
        await using var rig = await AccessRig.StartAsync();
        rig.Server.Kill();
        var (status, answer) = await rig.GetAsync($"{AsOf}/api/v1/namespaces/shop/pods", AccessRig.Reader);
        Assert.Equal(503, status);
        Assert.Contains("cluster 'test'", answer!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        // The process's own tokens need nobody's answer.
        Assert.Equal(200, (await rig.GetAsync($"{AsOf}/api/v1/namespaces/shop/pods", AccessRig.Static)).Status);
        rig.Server.StartAgain();
        Assert.Equal(200, (await rig.GetAsync($"{AsOf}/api/v1/namespaces/shop/pods", AccessRig.Reader)).Status);
    }

    [Fact]
    public async Task A_cluster_is_asked_once_for_as_long_as_its_answer_holds()
    {
        await using var rig = await AccessRig.StartAsync();
        for (var i = 0; i < 3; i++)
            await rig.GetAsync($"{AsOf}/api/v1/namespaces/shop/pods?watch=0&fieldSelector=metadata.name%3Dweb", AccessRig.Reader);
        Assert.Equal([$"token {AccessRig.Reader}", "alice list pods/web@shop"], rig.Server.Reviews.Asked);
    }

    [Fact]
    public async Task A_refusal_is_counted_and_logged_without_the_token()
    {
        await using var rig = await AccessRig.StartAsync();
        var counted = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == "replicator.access.denied")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        var own = $"audit-{Guid.NewGuid():n}";
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            // Other tests refuse requests too, of other clusters.
            var text = string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"));
            if (text.Contains(own, StringComparison.Ordinal))
            {
                lock (counted)
                    counted.Add(text);
            }
        });
        listener.Start();
        await rig.GetAsync($"/clusters/{own}/as-of/now/api/v1/pods", AccessRig.Wrong);
        await rig.GetAsync($"/clusters/{own}/as-of/now/api/v1/pods", null);
        Assert.Equal([$"cluster={own} code=401", $"cluster={own} code=403"], counted);
        Assert.Equal(2, rig.Log.Count(line => line.Contains(own, StringComparison.Ordinal)));
        Assert.Contains(rig.Log, line => line.Contains("system:anonymous", StringComparison.Ordinal));
        Assert.DoesNotContain(rig.Log, line => line.Contains(AccessRig.Wrong, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_probe_without_a_token_learns_whether_and_not_what()
    {
        await using var rig = await AccessRig.StartAsync();
        rig.Health.Report("projector", "the disk of node-7 is full");
        var (status, answer) = await rig.GetAsync("/readyz", null);
        Assert.Equal(503, status);
        Assert.DoesNotContain("node-7", answer!.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("node-7", (await rig.GetAsync("/readyz", AccessRig.Static)).Answer!.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "api/v1/namespaces/shop/pods", "list pods@shop")]
    [InlineData("GET", "api/v1/namespaces/shop/pods?watch=true", "watch pods@shop")]
    [InlineData("GET", "api/v1/namespaces/shop/pods?watch=false", "list pods@shop")]
    [InlineData("GET", "api/v1/watch/namespaces/shop/pods", "watch pods@shop")]
    [InlineData("GET", "api/v1/watch/pods", "watch pods")]
    [InlineData("HEAD", "api/v1/namespaces/shop/pods/web", "get pods/web@shop")]
    [InlineData("GET", "api/v1/namespaces/shop/pods/web/log", "get pods/web@shop log")]
    [InlineData("GET", "api/v1/namespaces/shop/pods?fieldSelector=spec.nodeName=n,metadata.name=web", "list pods/web@shop")]
    [InlineData("GET", "api/v1/namespaces", "list namespaces")]
    [InlineData("GET", "api/v1/namespaces/shop", "get namespaces/shop@shop")]
    [InlineData("GET", "api/v1/namespaces/shop/status", "get namespaces/shop@shop status")]
    [InlineData("GET", "api/v1/nodes/n", "get nodes/n")]
    [InlineData("GET", "apis/apps/v1/namespaces/shop/deployments/web/scale", "get deployments.apps/web@shop scale")]
    [InlineData("GET", "apis/apps/v1/deployments", "list deployments.apps")]
    [InlineData("POST", "api/v1/namespaces/shop/pods", "create pods@shop")]
    [InlineData("DELETE", "api/v1/namespaces/shop/pods", "deletecollection pods@shop")]
    [InlineData("DELETE", "api/v1/namespaces/shop/pods/web", "delete pods/web@shop")]
    [InlineData("GET", "version", "get /version")]
    [InlineData("GET", "apis/apps/v1", "get /apis/apps/v1")]
    [InlineData("GET", "", "get /")]
    public void A_path_asks_for_what_the_api_server_takes_it_to_ask_for(string method, string request, string expected)
    {
        var parts = request.Split('?');
        var query = new QueryCollection(QueryHelpers.ParseQuery(parts.Length > 1 ? parts[1] : "").ToDictionary(pair => pair.Key, pair => new StringValues(pair.Value.ToArray())));
        var asked = KubernetesPath.Read(method, parts[0], query);
        var what = asked.Path.Length > 0 ? asked.Path
            : $"{asked.Resource}{(asked.Group.Length == 0 ? "" : $".{asked.Group}")}{(asked.Name.Length == 0 ? "" : $"/{asked.Name}")}{(asked.Namespace.Length == 0 ? "" : $"@{asked.Namespace}")}{(asked.Subresource.Length == 0 ? "" : $" {asked.Subresource}")}";
        Assert.Equal(expected, $"{asked.Verb} {what}");
    }

    [Fact]
    public void A_full_cache_forgets_the_oldest()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var cache = new BoundedCache<int, string>(2, clock);
        cache.Set(1, "one", TimeSpan.FromSeconds(10));
        cache.Set(2, "two", TimeSpan.FromSeconds(20));
        cache.Set(3, "three", TimeSpan.FromSeconds(10));
        Assert.Equal(2, cache.Count);
        Assert.False(cache.TryGet(1, out _));
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.False(cache.TryGet(3, out _));
        Assert.True(cache.TryGet(2, out var two));
        Assert.Equal(("two", 1), (two, cache.Count));
    }
}
