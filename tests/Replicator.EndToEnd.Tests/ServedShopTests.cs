using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Replicator.TestKit;
using Xunit;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Replicator.EndToEnd.Tests;

/// <summary>What the API answers of the recorded shop, against the recording itself and kubectl's own answers.</summary>
public abstract class ServedShopTests(ServedShop shop)
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, int, int> Moments
    {
        get
        {
            var data = new TheoryData<string, int, int>();
            using var index = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestRecordings.Shop, "golden", "index.json")));
            foreach (var moment in index.RootElement.EnumerateArray())
                data.Add(moment.GetProperty("folder").GetString()!, Number(moment, "rvBefore"), Number(moment, "rvAfter"));
            return data;
        }
    }

    [Fact]
    public async Task State_is_a_fold_of_the_log_equal_value_for_value_to_a_fold_of_the_recording()
    {
        var compared = 0;
        foreach (var type in RecordedShop.ReadChanges().GroupBy(change => (change.Group, change.Resource)))
        {
            if (type.First().Stream == RecordedShop.Interrupted && !shop.EndsInPreferredVersions)
                continue;
            var fold = new SortedDictionary<string, JsonNode>(StringComparer.Ordinal);
            foreach (var change in type)
            {
                if (change.Type == "DELETED")
                    fold.Remove(change.Object);
                else
                    fold[change.Object] = change.Json;
            }
            var version = type.Last().ApiVersion;
            var path = type.Key.Group.Length == 0 ? $"api/{version}" : $"apis/{type.Key.Group}/{version}";
            var listed = (await Get($"clusters/shop/as-of/now/{path}/{type.Key.Resource}"))["items"]!.AsArray()
                .ToDictionary(item => $"{item!["metadata"]!["namespace"]?.GetValue<string>()}/{item["metadata"]!["name"]!.GetValue<string>()}", item => item!);
            Assert.Equal(fold.Keys.Order(), listed.Keys.Order());
            foreach (var (name, value) in fold)
            {
                // The values of secrets are not there to be compared; everything else of them is.
                if (type.Key.Resource == "secrets")
                {
                    value.AsObject().Remove("data");
                    listed[name].AsObject().Remove("data");
                }
                Assert.True(JsonNode.DeepEquals(value, listed[name]), $"{type.Key} {name}: {Difference(value, listed[name])}");
                compared++;
            }
        }
        Assert.True(compared > 100);
    }

    /// <remarks>kubectl ran for a second or two at each moment, in which a crash loop went on: each of its lists is the state at one of the versions in between, all objects of it at the same.</remarks>
    [Theory]
    [MemberData(nameof(Moments))]
    public async Task As_of_is_exact_the_lists_equal_what_kubectl_printed(string moment, int before, int after)
    {
        var pods = JsonNode.Parse(await File.ReadAllTextAsync(Golden(moment, "pods-json"), Cancel))!["items"]!.AsArray();
        await IsAsOfOne(before, after, "api/v1/namespaces/shop/pods", RemoveManagedFields, actual => JsonNode.DeepEquals(pods, actual) ? null : Difference(pods, actual));
        var configMaps = Yaml(Golden(moment, "cm"));
        await IsAsOfOne(before, after, "api/v1/namespaces/shop/configmaps", RemoveManagedFields, actual => Difference(configMaps, actual, "cm"));
        var deployments = Yaml(Golden(moment, "deploy-yaml"));
        await IsAsOfOne(before, after, "apis/apps/v1/namespaces/shop/deployments", _ => { }, actual => Difference(deployments, actual, "deploy"));
    }

    [Fact]
    public async Task A_label_selector_selects_as_kubectl_does()
    {
        foreach (var row in Moments)
        {
            var (moment, _, version) = row.Data;
            var items = (await Get($"clusters/shop/as-of/rv:{version}/api/v1/pods?labelSelector={Uri.EscapeDataString("app.kubernetes.io/part-of=storefront,app!=web")}"))["items"]!.AsArray();
            var printed = (await File.ReadAllLinesAsync(Golden(moment, "selector"), Cancel)).Select(line => line["pod/".Length..]);
            Assert.True(printed.SequenceEqual(items.Select(RecordedShop.Name)), $"{moment}: kubectl printed {string.Join(' ', printed)}; listed are {string.Join(' ', items.Select(RecordedShop.Name))}");
        }
    }

    [Fact]
    public async Task Secrets_stay_secret_no_value_is_in_any_file_or_answer()
    {
        var values = new HashSet<string>();
        foreach (var change in RecordedShop.ReadChanges().Where(change => change.Resource == "secrets"))
        {
            foreach (var (_, value) in change.Json["data"]?.AsObject() ?? [])
            {
                var base64 = value!.GetValue<string>();
                values.Add(base64);
                values.Add(Encoding.Latin1.GetString(Convert.FromBase64String(base64)));
            }
        }
        // A value of a letter or two is found in anything.
        values.RemoveWhere(value => value.Length < 6);
        Assert.True(values.Count >= 4, $"Only {values.Count} values to look for.");
        var haystacks = new List<(string Where, string Text)>();
        foreach (var file in Directory.EnumerateFiles(shop.Folder).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy, Cancel);
            haystacks.Add((file, Encoding.Latin1.GetString(copy.ToArray())));
        }
        // Bodies are compressed on disk, so what the log holds is searched as it reads, too.
        using var answer = await Send("api/v1/clusters/shop/changes?objects=true&patches=true&resource=secrets", "application/x-ndjson");
        haystacks.Add(("changes", await answer.Content.ReadAsStringAsync(Cancel)));
        Assert.Contains("\"data\":{", haystacks[^1].Text, StringComparison.Ordinal);
        foreach (var (where, text) in haystacks)
        {
            foreach (var value in values)
                Assert.False(text.Contains(value, StringComparison.Ordinal), $"A secret value is in {where}.");
        }
    }

    [Fact]
    public async Task Pages_lines_and_server_sent_events_tell_the_same_changes()
    {
        var lines = new List<string>();
        await foreach (var change in Changes("resource=pods"))
            lines.Add(change.ToJsonString());
        var paged = new List<string>();
        for (var (after, more) = (0L, true); more;)
        {
            var page = await Get($"api/v1/clusters/shop/changes?resource=pods&limit=50&after={after}");
            paged.AddRange(page["items"]!.AsArray().Select(item => item!.ToJsonString()));
            (after, more) = (page["after"]!.GetValue<long>(), page["more"]!.GetValue<bool>());
        }
        Assert.Equal(lines, paged);

        using var response = await Send("api/v1/clusters/shop/changes?resource=pods", "text/event-stream");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancel));
        foreach (var expected in lines)
        {
            Assert.StartsWith("id: ", await reader.ReadLineAsync(Cancel), StringComparison.Ordinal);
            Assert.StartsWith("event: ", await reader.ReadLineAsync(Cancel), StringComparison.Ordinal);
            Assert.Equal(expected, JsonNode.Parse((await reader.ReadLineAsync(Cancel))!["data: ".Length..])!.ToJsonString());
            Assert.Equal("", await reader.ReadLineAsync(Cancel));
        }
    }

    [Fact]
    public async Task An_interval_of_time_is_half_open_and_patches_lead_from_one_state_to_the_next()
    {
        var all = new List<JsonNode>();
        await foreach (var change in Changes("resource=deployments&group=apps&objects=true&patches=true"))
            all.Add(change);
        var middle = all[all.Count / 2]["observedAt"]!.GetValue<string>();
        var (before, after) = (0, 0);
        await foreach (var change in Changes($"resource=deployments&group=apps&to={middle}"))
            before += string.CompareOrdinal(change["observedAt"]!.GetValue<string>(), middle) < 0 ? 1 : 100_000;
        await foreach (var change in Changes($"resource=deployments&group=apps&from={middle}"))
            after += string.CompareOrdinal(change["observedAt"]!.GetValue<string>(), middle) >= 0 ? 1 : 100_000;
        Assert.Equal(all.Count, before + after);

        var states = new Dictionary<string, byte[]>();
        var patched = 0;
        foreach (var change in all.Where(change => change["object"] is not null))
        {
            var uid = change["uid"]!.GetValue<string>();
            var state = Encoding.UTF8.GetBytes(change["object"]!.ToJsonString());
            if (change["patch"] is { } patch)
            {
                using var result = new Core.Json.PooledBufferWriter();
                Core.Json.JsonPatch.Apply(states[uid], Encoding.UTF8.GetBytes(patch.ToJsonString()), result);
                Assert.True(JsonNode.DeepEquals(change["object"], JsonNode.Parse(result.WrittenSpan)));
                patched++;
            }
            states[uid] = state;
        }
        Assert.True(patched > 20);
    }

    [Fact]
    public async Task History_goes_over_three_lives_of_one_name()
    {
        var lives = new Dictionary<string, int>();
        await foreach (var change in Changes("resource=configmaps"))
        {
            if (change["type"]!.GetValue<string>() == "DELETED")
            {
                var name = $"{change["namespace"]}/{change["name"]}";
                lives[name] = lives.GetValueOrDefault(name) + 1;
            }
        }
        var reborn = lives.MaxBy(pair => pair.Value);
        Assert.True(reborn.Value >= 3, $"{reborn}");
        var history = (await Get($"api/v1/clusters/shop/history/ConfigMap/{reborn.Key}?objects=true"))["items"]!.AsArray();
        Assert.True(history.Select(version => version!["uid"]!.GetValue<string>()).Distinct().Count() >= 3);
        Assert.All(history, version => Assert.Equal(version!["uid"]!.GetValue<string>(), version["object"]!["metadata"]!["uid"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("api/v1/clusters/none/changes", HttpStatusCode.NotFound, "none")]
    [InlineData("api/v1/clusters/shop/changes?from=yesterday", HttpStatusCode.BadRequest, "'yesterday' is not an instant")]
    [InlineData("api/v1/clusters/shop/changes?limit=many", HttpStatusCode.BadRequest, "limit='many'")]
    [InlineData("api/v1/clusters/shop/changes?form=1", HttpStatusCode.BadRequest, "'form'")]
    [InlineData("api/v1/clusters/shop/changes?follow=true", HttpStatusCode.BadRequest, "application/x-ndjson")]
    [InlineData("api/v1/clusters/shop/history/pods/none", HttpStatusCode.NotFound, "none")]
    [InlineData("api/v1/clusters/shop/history/gadgets/none", HttpStatusCode.NotFound, "gadgets")]
    [InlineData("clusters/shop/as-of/yesterday/api/v1/pods", HttpStatusCode.BadRequest, "'yesterday' is not an instant")]
    [InlineData("clusters/shop/as-of/now/api/v1/gadgets", HttpStatusCode.NotFound, "could not find")]
    [InlineData("clusters/shop/as-of/now/api/v1/namespaces/shop/pods/none", HttpStatusCode.NotFound, "pods \\\"none\\\" not found")]
    [InlineData("clusters/shop/as-of/now/api/v1/pods?labelSelector=a%20b", HttpStatusCode.BadRequest, "unable to parse requirement")]
    [InlineData("clusters/shop/as-of/now/api/v1/pods?fieldSelector=a%3Db", HttpStatusCode.BadRequest, "field label not supported: a")]
    public async Task Bad_input_gets_a_status_and_a_line_that_names_it(string path, HttpStatusCode status, string named)
    {
        using var response = await shop.Client.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        Assert.Equal(status, response.StatusCode);
        Assert.Contains(named, await response.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_past_cannot_be_written()
    {
        using var response = await shop.Client.DeleteAsync(new Uri("clusters/shop/as-of/now/api/v1/namespaces/shop/pods/x", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
    }

    [Fact]
    public async Task Status_health_metrics_verify_and_rebuild_answer()
    {
        var cluster = (await Get("api/v1/clusters"))["items"]!.AsArray().Single()!;
        var pods = cluster["types"]!.AsArray().Single(type => type!["resource"]!.GetValue<string>() == "pods")!;
        Assert.Equal(("1235", 0, 1), (pods["resourceVersion"]!.GetValue<string>(), pods["lag"]!.GetValue<int>(), pods["gaps"]!.GetValue<int>()));
        Assert.True(pods["bytes"]!.GetValue<long>() > 1000);
        Assert.Equal("ok", (await Get("readyz"))["status"]!.GetValue<string>());
        Assert.Equal("ok", (await Get("healthz"))["status"]!.GetValue<string>());
        using var metrics = await Send("metrics", "text/plain");
        Assert.Contains("replicator", await metrics.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        foreach (var work in (string[])["verify", "rebuild"])
        {
            using var response = await shop.Client.PostAsync(new Uri($"api/v1/{work}", UriKind.Relative), null, Cancel);
            var last = (await response.Content.ReadAsStringAsync(Cancel)).TrimEnd('\n').Split('\n')[^1];
            Assert.StartsWith("{\"done\":true", last, StringComparison.Ordinal);
        }
    }

    static string Golden(string moment, string name) => Path.Combine(TestRecordings.Shop, "golden", moment, $"{name}.out");

    static string Difference(JsonNode expected, JsonNode actual)
    {
        var (before, after) = (new Core.Json.JsonTape(), new Core.Json.JsonTape());
        before.Parse(Encoding.UTF8.GetBytes(expected.ToJsonString()));
        after.Parse(Encoding.UTF8.GetBytes(actual.ToJsonString()));
        using var patch = new Core.Json.PooledBufferWriter();
        Core.Json.JsonPatch.Diff(before, before.Root, after, after.Root, patch);
        return Encoding.UTF8.GetString(patch.WrittenSpan);
    }

    static void RemoveManagedFields(JsonNode item) => item["metadata"]!.AsObject().Remove("managedFields");

    static int Number(JsonElement moment, string name) => int.Parse(moment.GetProperty(name).GetString()!, CultureInfo.InvariantCulture);

    async Task IsAsOfOne(int before, int after, string path, Action<JsonNode> prepare, Func<JsonArray, string?> difference)
    {
        var differences = new List<string>();
        for (var version = before; version <= after; version++)
        {
            var actual = (await Get($"clusters/shop/as-of/rv:{version}/{path}"))["items"]!.AsArray();
            foreach (var item in actual)
                prepare(item!);
            if (difference(actual) is not { } found)
                return;
            differences.Add($"rv:{version}: {found}");
        }
        Assert.Fail($"{path} equals what was printed at none of the versions: {string.Join('\n', differences)}");
    }

    static YamlSequenceNode Yaml(string path)
    {
        var stream = new YamlStream();
        using var reader = new StreamReader(path);
        stream.Load(reader);
        return (YamlSequenceNode)((YamlMappingNode)stream.Documents[0].RootNode)["items"];
    }

    /// <summary>Where the two differ; null where they are equal value for value, a quoted scalar being a string.</summary>
    static string? Difference(YamlNode expected, JsonNode? actual, string where)
    {
        switch (expected)
        {
            case YamlMappingNode mapping:
                if (actual is not JsonObject members || !mapping.Children.Keys.Select(key => ((YamlScalarNode)key).Value!).Order(StringComparer.Ordinal).SequenceEqual(members.Select(pair => pair.Key).Order(StringComparer.Ordinal)))
                    return $"{where} has other members";
                return mapping.Children.Select(pair => Difference(pair.Value, members[((YamlScalarNode)pair.Key).Value!], $"{where}.{pair.Key}")).FirstOrDefault(found => found is not null);
            case YamlSequenceNode sequence:
                if (actual is not JsonArray elements || elements.Count != sequence.Children.Count)
                    return $"{where} has another length";
                return sequence.Children.Select((value, index) => Difference(value, elements[index], $"{where}[{index}]")).FirstOrDefault(found => found is not null);
            case YamlScalarNode scalar:
                var isEqual = actual is null ? scalar.Value == "null"
                    : actual.GetValueKind() == JsonValueKind.String ? scalar.Value == actual.GetValue<string>()
                    : scalar.Style == ScalarStyle.Plain && scalar.Value == actual.ToJsonString();
                return isEqual ? null : $"{where}: '{scalar.Value}' became {actual?.ToJsonString()}";
            default:
                throw new InvalidDataException($"{expected.NodeType}");
        }
    }

    protected async IAsyncEnumerable<JsonNode> Changes(string query)
    {
        using var response = await Send($"api/v1/clusters/shop/changes?{query}", "application/x-ndjson");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancel));
        while (await reader.ReadLineAsync(Cancel) is { } line)
            yield return JsonNode.Parse(line)!;
    }

    async Task<JsonNode> Get(string path)
    {
        using var response = await Send(path, "application/json");
        return JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancel))!;
    }

    async Task<HttpResponseMessage> Send(string path, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd(accept);
        var response = await shop.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
        Assert.True(response.IsSuccessStatusCode, $"{path}: {response.StatusCode}");
        return response;
    }
}
