using System.Net;
using System.Text.Json.Nodes;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>What was served at an instant, what an instant is, and what cannot be done to the past.</summary>
public sealed class PastDiscoveryTests(PastShop shop) : IClassFixture<PastShop>
{
    const string Aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

    readonly PastRig _rig = shop.Rig;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Aggregated_discovery_is_as_it_was_recorded()
    {
        foreach (var root in (string[])["api", "apis"])
        {
            var recorded = RecordedLines.Document($"{root}.aggregated");
            var served = await _rig.GetAsync($"shop/now/{root}", Aggregated);
            Assert.Equal((recorded["kind"]!.ToJsonString(), recorded["apiVersion"]!.ToJsonString()), (served["kind"]!.ToJsonString(), served["apiVersion"]!.ToJsonString()));
            var groups = served["items"]!.AsArray().ToDictionary(group => group!["metadata"]!["name"]?.GetValue<string>() ?? "");
            Assert.Equal(recorded["items"]!.AsArray().Count, groups.Count);
            // A group of custom resources is made anew from its definitions, and equals what the server said.
            foreach (var group in recorded["items"]!.AsArray())
                Assert.True(JsonNode.DeepEquals(Described(group!), Described(groups[group!["metadata"]!["name"]?.GetValue<string>() ?? ""]!)), $"{group!.ToJsonString()}\nbecame\n{groups[group["metadata"]!["name"]?.GetValue<string>() ?? ""]!.ToJsonString()}");
        }
    }

    [Fact]
    public async Task Plain_discovery_says_the_same()
    {
        var recorded = RecordedMoment.Protocol("discovery-apps-v1").Body!;
        foreach (var resource in recorded["resources"]!.AsArray())
            resource!.AsObject().Remove("storageVersionHash");
        var served = await _rig.GetAsync("shop/now/apis/apps/v1");
        Assert.True(JsonNode.DeepEquals(recorded, served), $"{recorded.ToJsonString()}\nbecame\n{served.ToJsonString()}");
        var groups = (await _rig.GetAsync("shop/now/apis"))["groups"]!.AsArray();
        Assert.Contains(groups, group => group!["name"]!.GetValue<string>() == "lab.example.com" && group["preferredVersion"]!["version"]!.GetValue<string>() == "v1beta1");
        Assert.Equal("apps/v1", (await _rig.GetAsync("shop/now/apis/apps"))["preferredVersion"]!["groupVersion"]!.GetValue<string>());
        Assert.Equal("v1", (await _rig.GetAsync("shop/now/api"))["versions"]![0]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.NotFound, (await _rig.SendAsync("shop/now/apis/none.example.com/v1")).Status);
    }

    [Theory]
    [InlineData("rv:575", "")]
    [InlineData("rv:593", "v1alpha1")]
    [InlineData("now", "v1beta1 v1alpha1")]
    public async Task A_custom_resource_is_served_from_when_it_was_defined_in_the_versions_that_it_had(string instant, string versions)
    {
        var group = (await _rig.GetAsync($"shop/{instant}/apis", Aggregated))["items"]!.AsArray().FirstOrDefault(item => item!["metadata"]!["name"]!.GetValue<string>() == "lab.example.com");
        Assert.Equal(versions, string.Join(' ', group?["versions"]!.AsArray().Select(version => version!["version"]!.GetValue<string>()) ?? []));
        // Clients from before aggregated discovery (1.26) learn the same.
        var plain = (await _rig.GetAsync($"shop/{instant}/apis"))["groups"]!.AsArray().FirstOrDefault(item => item!["name"]!.GetValue<string>() == "lab.example.com");
        Assert.Equal(versions, string.Join(' ', plain?["versions"]!.AsArray().Select(version => version!["version"]!.GetValue<string>()) ?? []));
        foreach (var version in (string[])["v1alpha1", "v1beta1"])
        {
            var (status, answer) = await _rig.SendAsync($"shop/{instant}/apis/lab.example.com/{version}/applications");
            Assert.Equal(versions.Contains(version, StringComparison.Ordinal) ? HttpStatusCode.OK : HttpStatusCode.NotFound, status);
            Assert.Equal(status, (await _rig.SendAsync($"shop/{instant}/apis/lab.example.com/{version}")).Status);
            if (status == HttpStatusCode.OK)
                Assert.All(answer["items"]!.AsArray(), item => Assert.Equal($"lab.example.com/{version}", item!["apiVersion"]!.GetValue<string>()));
        }
    }

    [Fact]
    public async Task Discovery_that_the_client_holds_already_is_not_sent_again()
    {
        using var first = await _rig.SendForResponseAsync("shop/now/apis", Aggregated);
        Assert.Contains("as=APIGroupDiscoveryList", first.Content.Headers.GetValues("Content-Type").Single(), StringComparison.Ordinal);
        using var request = new HttpRequestMessage(HttpMethod.Get, "shop/now/apis");
        request.Headers.TryAddWithoutValidation("Accept", Aggregated);
        request.Headers.TryAddWithoutValidation("If-None-Match", first.Headers.ETag!.Tag);
        using var second = await _rig.Client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
    }

    [Fact]
    public async Task Version_and_openapi_are_what_was_recorded()
    {
        Assert.True(JsonNode.DeepEquals(RecordedLines.Document("version"), await _rig.GetAsync("shop/now/version")));
        Assert.True(JsonNode.DeepEquals(RecordedLines.Document("openapi-v3"), await _rig.GetAsync("shop/now/openapi/v3")));
        var (status, answer) = await _rig.SendAsync("shop/now/openapi/v3/apis/apps/v1?hash=1");
        Assert.Equal((HttpStatusCode.NotFound, "/openapi/v3/apis/apps/v1 was not recorded"), (status, answer["message"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("2031-01-01T00:00:00Z", "is in the future")]
    [InlineData("rv:99999999", "is in the future: the newest recorded resource version of cluster 'shop' is 1304")]
    [InlineData("yesterday", "'yesterday' is not an instant")]
    [InlineData("now@fast", "behind @ comes")]
    [InlineData("-2h@0x", "behind @ comes")]
    public async Task An_instant_that_is_none_or_still_to_come_is_refused_with_the_grammar(string instant, string problem)
    {
        var (status, answer) = await _rig.SendAsync($"shop/{instant}/api/v1/pods");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(("Status", "BadRequest"), (answer["kind"]!.GetValue<string>(), answer["reason"]!.GetValue<string>()));
        Assert.Contains(problem, answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_instant_before_the_record_began_is_answered_with_a_warning_that_it_is_not_known()
    {
        using var response = await _rig.SendForResponseAsync("shop/2026-11-23T00:00:00Z/api/v1/pods");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var warning = Assert.Single(response.Headers.GetValues("Warning"));
        Assert.StartsWith("299 - \"pods: the record begins at 2026-11-23T09:52:", warning, StringComparison.Ordinal);
        Assert.Empty(JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancel))!["items"]!.AsArray());
        using var later = await _rig.SendForResponseAsync("shop/rv:1090/api/v1/pods");
        Assert.False(later.Headers.Contains("Warning"));
    }

    [Theory]
    [InlineData("DELETE", "api/v1/namespaces/shop/pods/web-0")]
    [InlineData("POST", "api/v1/namespaces/shop/pods")]
    [InlineData("PATCH", "apis/apps/v1/namespaces/shop/deployments/web")]
    [InlineData("PUT", "apis/apps/v1/namespaces/shop/deployments/web/scale")]
    [InlineData("POST", "api/v1/namespaces/shop/pods/web-0/exec?command=sh")]
    [InlineData("GET", "api/v1/namespaces/shop/pods/web-0/exec?command=sh")]
    [InlineData("GET", "api/v1/namespaces/shop/pods/web-0/log?container=app")]
    [InlineData("POST", "api/v1/namespaces/shop/pods/web-0/portforward")]
    [InlineData("POST", "api/v1/namespaces/shop/pods/web-0/eviction")]
    public async Task What_would_change_or_reach_the_cluster_is_refused_because_it_is_the_past(string method, string path)
    {
        var (status, answer) = await _rig.SendAsync($"shop/rv:1090/{path}", method: new HttpMethod(method), body: method == "GET" ? null : "{}");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, status);
        Assert.Equal(("Failure", "MethodNotAllowed", 405), (answer["status"]!.GetValue<string>(), answer["reason"]!.GetValue<string>(), answer["code"]!.GetValue<int>()));
        Assert.EndsWith(": this is cluster 'shop' as of rv:1090: the past can be read and not changed", answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("get", "", true)]
    [InlineData("list", "", true)]
    [InlineData("watch", "", true)]
    [InlineData("delete", "", false)]
    [InlineData("get", "log", false)]
    [InlineData("create", "exec", false)]
    public async Task A_client_may_ask_what_he_may_do(string verb, string subresource, bool allowed)
    {
        var (status, answer) = await _rig.SendAsync("shop/rv:1090/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", method: HttpMethod.Post, body:
            $$$"""{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{"resourceAttributes":{"namespace":"shop","verb":"{{{verb}}}","resource":"pods","subresource":"{{{subresource}}}"}},"status":{"allowed":false}}""");
        Assert.Equal(HttpStatusCode.Created, status);
        Assert.Equal(("SelfSubjectAccessReview", allowed), (answer["kind"]!.GetValue<string>(), answer["status"]!["allowed"]!.GetValue<bool>()));
    }

    [Fact]
    public async Task A_type_that_was_served_and_not_recorded_says_so()
    {
        var (status, answer) = await _rig.SendAsync("shop/now/api/v1/componentstatuses");
        Assert.Equal((HttpStatusCode.NotFound, "componentstatuses were not recorded of cluster 'shop'"), (status, answer["message"]!.GetValue<string>()));
        Assert.Equal("nothing was recorded of a cluster 'none'", (await _rig.SendAsync("none/now/api/v1/pods")).Answer["message"]!.GetValue<string>());
    }

    /// <summary>Without the order of verbs, which says nothing, and with the group and version that an empty kind's stand for.</summary>
    static JsonNode Described(JsonNode group)
    {
        var copy = group.DeepClone();
        copy["metadata"]!.AsObject().Remove("creationTimestamp");
        var name = copy["metadata"]!["name"]?.GetValue<string>() ?? "";
        foreach (var version in copy["versions"]!.AsArray())
        {
            foreach (var resource in version!["resources"]!.AsArray())
            {
                Normalise(resource!, name, version["version"]!.GetValue<string>());
                foreach (var subresource in resource!["subresources"]?.AsArray() ?? [])
                    Normalise(subresource!, name, version["version"]!.GetValue<string>());
            }
        }
        return copy;

        static void Normalise(JsonNode resource, string group, string version)
        {
            resource["verbs"] = new JsonArray([.. resource["verbs"]!.AsArray().Select(verb => verb!.GetValue<string>()).Order(StringComparer.Ordinal).Select(verb => (JsonNode)verb)]);
            if (resource["responseKind"]?["version"]?.GetValue<string>() is "")
                resource["responseKind"] = new JsonObject { ["group"] = group, ["version"] = version, ["kind"] = resource["responseKind"]!["kind"]!.DeepClone() };
        }
    }
}
