using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>Get and list of the past against what the recorded server answered then.</summary>
public sealed partial class PastListTests(PastShop shop) : IClassFixture<PastShop>
{
    const string Table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
    const string Partial = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

    readonly PastRig _rig = shop.Rig;

    public static TheoryData<string> Folders => RecordedMoment.Folders;

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task A_list_as_of_its_version_is_the_list_that_the_server_gave_in_every_version_of_every_type(string folder)
    {
        var compared = 0;
        foreach (var recorded in RecordedMoment.Lists(folder))
        {
            // Components are no stored objects.
            if (recorded.Name == "core_v1_componentstatuses")
                continue;
            var limit = recorded.List["metadata"]!["continue"] is null ? "" : $"?limit={recorded.Items.Count}";
            var list = await _rig.GetAsync($"shop/rv:{recorded.Version}{recorded.Path}{limit}");
            Assert.Equal(recorded.Version, list["metadata"]!["resourceVersion"]!.GetValue<string>());
            Assert.Equal(recorded.List["metadata"]!["remainingItemCount"]?.ToJsonString(), list["metadata"]!["remainingItemCount"]?.ToJsonString());
            Assert.Equal(recorded.Items.Select(Name), list["items"]!.AsArray().Select(Name));
            foreach (var (expected, actual) in recorded.Items.Zip(list["items"]!.AsArray()))
            {
                var (left, right) = (Comparable(expected!, recorded.Name), Comparable(actual!, recorded.Name));
                Assert.True(JsonNode.DeepEquals(left, right), $"{recorded.Path} {Name(expected)}: {string.Join(", ", left.Select(member => member.Key).Union(right.Select(member => member.Key)).Where(name => !JsonNode.DeepEquals(left[name], right[name])).Select(name => $"{name}: {left[name]?.ToJsonString()}\nbecame\n{right[name]?.ToJsonString()}"))}");
                compared++;
            }
        }
        Assert.True(compared > 200, $"{compared}");
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task A_table_has_the_rows_that_the_server_printed_at_that_moment(string folder)
    {
        foreach (var recorded in RecordedMoment.Lists(folder))
        {
            if (recorded.Name is "core_v1_componentstatuses" || recorded.Table["metadata"]!["resourceVersion"]!.GetValue<string>() != recorded.Version)
                continue;
            var limit = recorded.List["metadata"]!["continue"] is null ? "" : $"limit={recorded.Items.Count}&";
            var separator = '?';
            var table = await _rig.GetAsync($"shop/rv:{recorded.Version}{recorded.Path}{separator}{limit}includeObject=None", Table);
            Assert.Equal("Table", table["kind"]!.GetValue<string>());
            Assert.Equal("meta.k8s.io/v1", table["apiVersion"]!.GetValue<string>());
            Assert.Equal(recorded.Table["columnDefinitions"]!.ToJsonString(), table["columnDefinitions"]!.ToJsonString());
            // Ages count to the moment of the version here, and to that of the request there; all else is equal.
            Assert.Equal((recorded.Table["rows"] as JsonArray)?.Count ?? 0, (table["rows"] as JsonArray)?.Count ?? 0);
            Assert.Equal(Rows(recorded.Table), Rows(table));
        }
    }

    [Fact]
    public async Task A_row_brings_the_metadata_of_its_object_or_all_of_it_or_nothing()
    {
        const string path = "shop/rv:1090/api/v1/namespaces/shop/pods";
        var pod = (await _rig.GetAsync(path))["items"]![0]!;
        var row = (await _rig.GetAsync(path, Table))["rows"]![0]!;
        Assert.Equal("PartialObjectMetadata", row["object"]!["kind"]!.GetValue<string>());
        Assert.Equal("meta.k8s.io/v1", row["object"]!["apiVersion"]!.GetValue<string>());
        Assert.True(JsonNode.DeepEquals(pod["metadata"], row["object"]!["metadata"]));
        Assert.True(JsonNode.DeepEquals(pod, (await _rig.GetAsync($"{path}?includeObject=Object", Table))["rows"]![0]!["object"]));
        Assert.Null((await _rig.GetAsync($"{path}?includeObject=None", Table))["rows"]![0]!["object"]);
        var one = await _rig.GetAsync($"{path}/{pod["metadata"]!["name"]}", Table);
        Assert.Equal(row["cells"]!.ToJsonString(), Assert.Single(one["rows"]!.AsArray())!["cells"]!.ToJsonString());
        Assert.Equal(pod["metadata"]!["resourceVersion"]!.GetValue<string>(), one["metadata"]!["resourceVersion"]!.GetValue<string>());
    }

    [Fact]
    public async Task Partial_metadata_is_the_metadata_and_nothing_else()
    {
        const string path = "shop/rv:1090/api/v1/namespaces/shop/pods";
        var pods = (await _rig.GetAsync(path))["items"]!.AsArray();
        var partial = await _rig.GetAsync(path, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
        Assert.Equal(("PartialObjectMetadataList", "meta.k8s.io/v1"), (partial["kind"]!.GetValue<string>(), partial["apiVersion"]!.GetValue<string>()));
        Assert.Equal(pods.Select(pod => pod!["metadata"]!.ToJsonString()), partial["items"]!.AsArray().Select(item => item!["metadata"]!.ToJsonString()));
        Assert.All(partial["items"]!.AsArray(), item => Assert.Equal(3, item!.AsObject().Count));
        var one = await _rig.GetAsync($"{path}/{pods[0]!["metadata"]!["name"]}", Partial);
        Assert.Equal("PartialObjectMetadata", one["kind"]!.GetValue<string>());
        Assert.True(JsonNode.DeepEquals(pods[0]!["metadata"], one["metadata"]));
    }

    [Theory]
    [InlineData("rv:1090")]
    [InlineData("now")]
    [InlineData("2026-11-23T09:52:47Z")]
    public async Task Pages_put_together_are_the_list_with_one_version_and_a_count_of_what_is_left(string instant)
    {
        var whole = await _rig.GetAsync($"shop/{instant}/api/v1/pods");
        var expected = whole["items"]!.AsArray().Select(pod => pod!.ToJsonString()).ToList();
        var (pages, token) = (new List<string>(), "");
        do
        {
            var page = await _rig.GetAsync($"shop/{instant}/api/v1/pods?limit=7{(token.Length == 0 ? "" : $"&continue={token}")}");
            Assert.Equal(whole["metadata"]!["resourceVersion"]!.GetValue<string>(), page["metadata"]!["resourceVersion"]!.GetValue<string>());
            pages.AddRange(page["items"]!.AsArray().Select(pod => pod!.ToJsonString()));
            token = page["metadata"]!["continue"]?.GetValue<string>() ?? "";
            Assert.Equal(token.Length == 0 ? null : expected.Count - pages.Count, page["metadata"]!["remainingItemCount"]?.GetValue<int>());
        }
        while (token.Length > 0);
        Assert.Equal(expected, pages);
        // What a selector leaves is not counted, and a page of exactly what there is has no next one.
        var running = await _rig.GetAsync($"shop/{instant}/api/v1/pods?limit=2&fieldSelector=status.phase%3DRunning");
        Assert.NotNull(running["metadata"]!["continue"]);
        Assert.Null(running["metadata"]!["remainingItemCount"]);
        Assert.Null((await _rig.GetAsync($"shop/{instant}/api/v1/pods?limit={expected.Count}"))["metadata"]!["continue"]);
    }

    [Theory]
    [InlineData("api/v1/pods", "status.phase=Running,spec.nodeName=node-001")]
    [InlineData("api/v1/pods", "status.phase!=Running")]
    [InlineData("api/v1/pods", "spec.hostNetwork=false,spec.restartPolicy==Never")]
    [InlineData("api/v1/pods", "metadata.namespace=shop-payments")]
    [InlineData("api/v1/namespaces/shop/pods", "metadata.name=postgres-0")]
    [InlineData("api/v1/nodes", "spec.unschedulable=true")]
    [InlineData("api/v1/services", "spec.type=ClusterIP,metadata.name!=kubernetes")]
    [InlineData("api/v1/events", "involvedObject.kind=Deployment,reason=ScalingReplicaSet")]
    [InlineData("api/v1/events", "source=kubelet")]
    [InlineData("apis/events.k8s.io/v1/events", "regarding.kind=Deployment,type=Normal")]
    [InlineData("apis/batch/v1/jobs", "status.successful=3")]
    [InlineData("api/v1/secrets", "type=Opaque")]
    public async Task A_field_selector_selects_what_its_fields_say(string path, string selector)
    {
        var all = (await _rig.GetAsync($"shop/rv:1090/{path}"))["items"]!.AsArray();
        var expected = all.Where(item => selector.Split(',').All(term => Holds(item!, term))).Select(Name).ToList();
        Assert.Equal(expected, (await _rig.GetAsync($"shop/rv:1090/{path}?fieldSelector={Uri.EscapeDataString(selector)}"))["items"]!.AsArray().Select(Name));
    }

    [Theory]
    [InlineData("api/v1/configmaps", "data.k=v", "\"data.k\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")]
    [InlineData("api/v1/pods", "spec.image=x", "field label not supported: spec.image")]
    [InlineData("apis/batch/v1/jobs", "spec.x=1", "field label \"spec.x\" not supported for \"Job\"")]
    [InlineData("apis/apps/v1/statefulsets", "spec.x=1", "field label not supported for appsv1.StatefulSet: spec.x")]
    [InlineData("apis/resource.k8s.io/v1/resourceslices", "spec.x=1", "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: spec.x")]
    [InlineData("api/v1/pods", "nonsense", "invalid selector: 'nonsense'; can't understand 'nonsense'")]
    public async Task A_field_that_the_server_does_not_select_by_is_refused_in_its_words(string path, string selector, string message)
    {
        var (status, answer) = await _rig.SendAsync($"shop/rv:1090/{path}?fieldSelector={Uri.EscapeDataString(selector)}");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(("Status", "BadRequest", message), (answer["kind"]!.GetValue<string>(), answer["reason"]!.GetValue<string>(), answer["message"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("get-404", "shop/now/api/v1/namespaces/default/configmaps/none")]
    [InlineData("fieldselector-400", "shop/now/api/v1/configmaps?fieldSelector=data.k%3Dv")]
    [InlineData("watch-list-missing-match", "shop/now/api/v1/configmaps?watch=true&sendInitialEvents=true&allowWatchBookmarks=true")]
    [InlineData("watch-rv-invalid", "shop/now/api/v1/configmaps?watch=true&resourceVersion=abc")]
    public async Task An_error_is_the_status_that_the_server_answers(string recorded, string path)
    {
        var (status, body) = RecordedMoment.Protocol(recorded);
        var (actual, answer) = await _rig.SendAsync(path);
        Assert.Equal(status, (int)actual);
        Assert.True(JsonNode.DeepEquals(body, answer), $"{body!.ToJsonString()}\nbecame\n{answer.ToJsonString()}");
    }

    [Fact]
    public async Task A_version_that_is_still_to_come_is_too_large_and_may_be_asked_for_again()
    {
        using var response = await _rig.SendForResponseAsync("shop/now/api/v1/configmaps?resourceVersion=99999999");
        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
        Assert.Equal("1", Assert.Single(response.Headers.GetValues("Retry-After")));
        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        var recorded = RecordedMoment.Protocol("list-rv-too-large").Body!;
        Assert.Equal(recorded["details"]!.ToJsonString(), answer["details"]!.ToJsonString());
        Assert.StartsWith("Timeout: Too large resource version: 99999999, current: ", answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_may_be_of_exactly_a_version_or_of_one_that_is_not_older()
    {
        var exact = await _rig.GetAsync("shop/now/api/v1/pods?resourceVersion=1090&resourceVersionMatch=Exact");
        Assert.Equal((await _rig.GetAsync("shop/rv:1090/api/v1/pods"))["items"]!.ToJsonString(), exact["items"]!.ToJsonString());
        Assert.Equal("1090", exact["metadata"]!["resourceVersion"]!.GetValue<string>());
        // At an instant, an older version is not older than it: the instant's own list answers.
        Assert.Equal("1090", (await _rig.GetAsync("shop/rv:1090/api/v1/pods?resourceVersion=600&resourceVersionMatch=NotOlderThan"))["metadata"]!["resourceVersion"]!.GetValue<string>());
        Assert.Equal("1090", (await _rig.GetAsync("shop/rv:1090/api/v1/pods?resourceVersion=0"))["metadata"]!["resourceVersion"]!.GetValue<string>());
        // A client that has watched on from the instant is not sent back.
        Assert.Equal("1147", (await _rig.GetAsync("shop/rv:1090/api/v1/pods?resourceVersion=1147"))["metadata"]!["resourceVersion"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.Gone, (await _rig.SendAsync("shop/now/api/v1/pods?resourceVersion=3&resourceVersionMatch=Exact")).Status);
        foreach (var (query, field) in ((string, string)[])[("resourceVersionMatch=Exact", "resourceVersionMatch"), ("resourceVersion=5&resourceVersionMatch=Newest", "resourceVersionMatch"), ("resourceVersion=0&resourceVersionMatch=Exact", "resourceVersionMatch"), ("sendInitialEvents=true", "sendInitialEvents")])
        {
            var (status, answer) = await _rig.SendAsync($"shop/now/api/v1/pods?{query}");
            Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
            Assert.Equal(field, answer["details"]!["causes"]![0]!["field"]!.GetValue<string>());
        }
    }

    [Theory]
    [InlineData("bogus", "illegal base64 data")]
    [InlineData("!!!!", "illegal base64 data at input byte 0")]
    [InlineData("e30", "continue key is not valid")]
    public async Task A_continue_token_that_is_none_is_refused(string token, string message)
    {
        var (status, answer) = await _rig.SendAsync($"shop/now/api/v1/pods?limit=5&continue={token}");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.StartsWith("invalid continue token: continue key is not valid: ", answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Contains(message, answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_json_is_spoken_and_others_are_told_so()
    {
        Assert.Equal("PodList", (await _rig.GetAsync("shop/now/api/v1/pods", "application/vnd.kubernetes.protobuf,application/json"))["kind"]!.GetValue<string>());
        var (status, answer) = await _rig.SendAsync("shop/now/api/v1/pods", "application/vnd.kubernetes.protobuf");
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        Assert.StartsWith("only the following media types are accepted: application/json", answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    static string Name(JsonNode? item) => $"{item!["metadata"]!["namespace"]}/{item["metadata"]!["name"]}";

    /// <summary>Items of typed lists name no kind, and the values of secrets are not recorded.</summary>
    static JsonObject Comparable(JsonNode item, string type)
    {
        var copy = item.DeepClone().AsObject();
        copy.Remove("kind");
        copy.Remove("apiVersion");
        if (type == "core_v1_secrets")
            copy.Remove("data");
        if (copy["metadata"]!["annotations"] is JsonObject annotations)
        {
            // JSON within a string: the order of its members is nothing that it says.
            foreach (var (name, value) in annotations.Where(annotation => annotation.Key.StartsWith("autoscaling.alpha", StringComparison.Ordinal)).ToList())
                annotations[name] = JsonNode.Parse(value!.GetValue<string>())!.ToJsonString();
        }
        return copy;
    }

    static List<string> Rows(JsonNode table) => [.. (table["rows"] as JsonArray ?? []).Select(row => Age().Replace(string.Join(" | ", row!["cells"]!.AsArray().Select(cell => cell?.ToJsonString())), "AGE"))];

    [GeneratedRegex(@"\b(\d+[smhdy])+\b")]
    private static partial Regex Age();

    static bool Holds(JsonNode item, string term)
    {
        var isEqual = !term.Contains("!=", StringComparison.Ordinal);
        var parts = term.Split(["!=", "==", "="], 2, StringSplitOptions.None);
        var field = parts[0] switch { "source" => "source.component", "status.successful" => "status.succeeded", var other => other };
        JsonNode? value = item;
        foreach (var name in field.Split('.'))
            value = value?[name];
        var text = value?.ToString() ?? (field is "spec.hostNetwork" or "spec.unschedulable" ? "false" : "");
        return text == parts[1] == isEqual;
    }
}
