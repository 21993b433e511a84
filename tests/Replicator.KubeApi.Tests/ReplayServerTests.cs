using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Replicator.Core.Json;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>A replay is a live API server: what it answers, against the recording and against the answers of a real server (<c>tests/recordings/protocol</c>).</summary>
public sealed partial class ReplayServerTests
{
    const string Aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    const string StreamingList = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Discovery_names_a_custom_resource_from_when_it_begins_and_at_the_end_is_the_recorded_one()
    {
        await using var rig = await ReplayRig.StartAsync();
        Assert.DoesNotContain("lab.example.com", (await rig.GetAsync("apis", Aggregated)).ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("lab.example.com", (await rig.GetAsync("apis")).ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await rig.SendAsync("apis/lab.example.com/v1alpha1")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await rig.SendAsync("apis/lab.example.com/v1alpha1/applications")).Status);
        await rig.PlayToEndAsync();
        foreach (var root in (string[])["api", "apis"])
            Assert.True(JsonNode.DeepEquals(RecordedLines.Document($"{root}.aggregated"), await rig.GetAsync(root, Aggregated)), root);
        var (recorded, plain) = (RecordedLines.Document("api"), await rig.GetAsync("api"));
        // The address under which the recorded server was reached is not that of the replay.
        recorded["serverAddressByClientCIDRs"] = new JsonArray();
        Assert.True(JsonNode.DeepEquals(recorded, plain), plain.ToJsonString());
        Assert.True(JsonNode.DeepEquals(RecordedLines.Document("version"), await rig.GetAsync("version")));
        var resources = (await rig.GetAsync("apis/lab.example.com/v1beta1"))["resources"]!.AsArray();
        Assert.Equal(("applications", "Application", true), resources.Select(resource => (resource!["name"]!.GetValue<string>(), resource["kind"]!.GetValue<string>(), resource["namespaced"]!.GetValue<bool>())).First());
    }

    [Fact]
    public async Task Plain_discovery_lists_the_groups_that_aggregated_discovery_lists_custom_resources_too_as_a_real_server_would()
    {
        await using var rig = await ReplayRig.StartAsync();
        // The recorded plain document was fetched where there were no custom resources.
        var expected = RecordedLines.Document("apis");
        Assert.True(JsonNode.DeepEquals(expected, await rig.GetAsync("apis")));
        await rig.PlayToEndAsync();
        expected["groups"]!.AsArray().Add(JsonNode.Parse("""
            {
              "name": "lab.example.com",
              "versions": [{"groupVersion": "lab.example.com/v1beta1", "version": "v1beta1"}, {"groupVersion": "lab.example.com/v1alpha1", "version": "v1alpha1"}],
              "preferredVersion": {"groupVersion": "lab.example.com/v1beta1", "version": "v1beta1"}
            }
            """));
        var plain = await rig.GetAsync("apis");
        Assert.True(JsonNode.DeepEquals(expected, plain), plain.ToJsonString());
    }

    [Fact]
    public async Task A_plain_resource_list_says_what_a_real_server_says()
    {
        await using var rig = await ReplayRig.StartAsync();
        var real = Body("discovery-apps-v1")["resources"]!.AsArray().ToDictionary(resource => resource!["name"]!.GetValue<string>(), resource => resource!);
        var ours = (await rig.GetAsync("apis/apps/v1"))["resources"]!.AsArray().ToDictionary(resource => resource!["name"]!.GetValue<string>(), resource => resource!);
        Assert.Equal(real.Keys.Order(), ours.Keys.Order());
        foreach (var (name, resource) in real)
        {
            foreach (var field in (string[])["singularName", "namespaced", "kind", "verbs", "shortNames"])
                Assert.True(JsonNode.DeepEquals(resource[field], ours[name][field]), $"{name}.{field}: {ours[name].ToJsonString()}");
        }
    }

    [Fact]
    public async Task A_list_is_in_etcds_order_and_a_get_is_one_of_it()
    {
        await using var rig = await ReplayRig.StartAsync();
        await rig.PlayAsync(TimeSpan.FromSeconds(45));
        var list = await rig.GetAsync("api/v1/configmaps");
        Assert.Equal("ConfigMapList", list["kind"]!.GetValue<string>());
        var keys = list["items"]!.AsArray().Select(Key).ToList();
        Assert.True(keys.Count > 20);
        Assert.Equal(keys.Order(StringComparer.Ordinal), keys);
        foreach (var item in list["items"]!.AsArray())
            Assert.True(JsonNode.DeepEquals(item, await rig.GetAsync($"api/v1/namespaces/{item!["metadata"]!["namespace"]}/configmaps/{item["metadata"]!["name"]}")));
        var shop = (await rig.GetAsync("api/v1/namespaces/shop/configmaps"))["items"]!.AsArray();
        Assert.Equal(keys.Where(key => key.StartsWith("shop/", StringComparison.Ordinal)), shop.Select(Key));
        Assert.Equal(["node-001", "node-002", "node-003"], (await rig.GetAsync("api/v1/nodes"))["items"]!.AsArray().Select(node => node!["metadata"]!["name"]!.GetValue<string>()));
    }

    [Fact]
    public async Task The_pages_of_a_list_are_one_snapshot_whatever_happens_meanwhile()
    {
        await using var rig = await ReplayRig.StartAsync();
        await rig.PlayAsync(TimeSpan.FromSeconds(18.5));
        var whole = await rig.GetAsync("api/v1/pods");
        var (items, token, left) = (new List<JsonNode>(), "", whole["items"]!.AsArray().Count);
        Assert.True(left > 6, $"{left}");
        do
        {
            var page = await rig.GetAsync($"api/v1/pods?limit=3{(token.Length == 0 ? "" : $"&continue={Uri.EscapeDataString(token)}")}");
            items.AddRange(page["items"]!.AsArray().Select(item => item!));
            left -= page["items"]!.AsArray().Count;
            Assert.Equal(left > 0 ? left : null, page["metadata"]!["remainingItemCount"]?.GetValue<int>());
            Assert.Equal(whole["metadata"]!["resourceVersion"]!.GetValue<string>(), page["metadata"]!["resourceVersion"]!.GetValue<string>());
            token = page["metadata"]!["continue"]?.GetValue<string>() ?? "";
            await rig.PlayAsync(TimeSpan.FromSeconds(1));
        }
        while (token.Length > 0);
        Assert.Equal(whole["items"]!.AsArray().Select(item => item!.ToJsonString()), items.Select(item => item.ToJsonString()));
        Assert.NotEqual(whole["metadata"]!["resourceVersion"]!.GetValue<string>(), (await rig.GetAsync("api/v1/pods"))["metadata"]!["resourceVersion"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_continue_token_expires_with_the_history_and_one_that_is_none_is_refused()
    {
        await using var rig = await ReplayRig.StartAsync(options => options with { HistoryEvents = 50 });
        await rig.PlayAsync(TimeSpan.FromSeconds(10));
        var token = (await rig.GetAsync("api/v1/pods?limit=1"))["metadata"]!["continue"]!.GetValue<string>();
        var path = $"api/v1/pods?limit=1&continue={Uri.EscapeDataString(token)}";
        Assert.Equal(HttpStatusCode.OK, (await rig.SendAsync(path)).Status);
        await rig.PlayToEndAsync();
        var (status, answer) = await rig.SendAsync(path);
        Assert.Equal((HttpStatusCode.Gone, "Expired"), (status, answer["reason"]!.GetValue<string>()));
        Assert.StartsWith("The provided continue parameter is too old to display a consistent list result.", answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
        (status, answer) = await rig.SendAsync("api/v1/pods?limit=1&continue=bogus");
        Assert.Equal((HttpStatusCode.BadRequest, "BadRequest"), (status, answer["reason"]!.GetValue<string>()));
        Assert.StartsWith(Message("list-continue-bogus")[..^"illegal base64 data at input byte 4".Length], answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_streaming_list_is_the_list_and_a_bookmark_that_says_so()
    {
        await using var rig = await ReplayRig.StartAsync();
        await rig.PlayAsync(TimeSpan.FromSeconds(10));
        var list = await rig.GetAsync("api/v1/pods");
        using var watch = await rig.WatchAsync($"api/v1/pods?{StreamingList}");
        var lines = await watch.ReadAsync(list["items"]!.AsArray().Count + 1);
        Assert.All(lines[..^1], line => Assert.Equal("ADDED", line["type"]!.GetValue<string>()));
        Assert.Equal(list["items"]!.AsArray().Select(item => item!.ToJsonString()), lines[..^1].Select(line => line["object"]!.ToJsonString()));
        // As a real server writes it, but for the kind and the version.
        var real = Lines("watch-list")[^1];
        real["object"]!["kind"] = "Pod";
        real["object"]!["metadata"]!["resourceVersion"] = list["metadata"]!["resourceVersion"]!.GetValue<string>();
        if (real["object"]!["metadata"]!.AsObject().Remove("creationTimestamp"))
            Assert.Fail("A bookmark has no time of creation.");
        Assert.Equal(real.ToJsonString(), lines[^1].ToJsonString());
    }

    [Fact]
    public async Task A_watch_gives_the_recorded_lines_from_its_version_on_each_as_it_was()
    {
        await using var rig = await ReplayRig.StartAsync();
        var recorded = RecordedLines.Read("core_v1_pods").Where(line => line.IsLive).ToList();
        using var watch = await rig.WatchAsync("api/v1/pods?watch=true&resourceVersion=277&allowWatchBookmarks=true");
        await rig.PlayToEndAsync();
        var lines = await watch.ReadAsync(recorded.Count);
        Assert.Equal(recorded.Select(line => line.Event.ToJsonString()), lines.Select(line => line.ToJsonString()));
        // From the middle, long after.
        var middle = recorded[recorded.Count / 2];
        using var late = await rig.WatchAsync($"api/v1/pods?watch=true&resourceVersion={middle.Version}");
        Assert.Equal(recorded.Skip(recorded.Count / 2 + 1).Select(line => line.Event.ToJsonString()), (await late.ReadAsync(recorded.Count - recorded.Count / 2 - 1)).Select(line => line.ToJsonString()));
    }

    [Fact]
    public async Task A_watch_from_before_the_history_is_gone_within_the_stream()
    {
        await using var rig = await ReplayRig.StartAsync(options => options with { HistoryEvents = 50 });
        await rig.PlayToEndAsync();
        using var watch = await rig.WatchAsync("api/v1/pods?watch=true&resourceVersion=300");
        var answer = (await watch.ReadAsync())!;
        Assert.Null(await watch.ReadAsync());
        Assert.Equal(Numberless(Lines("watch-410-in-stream").Single().ToJsonString()), Numberless(answer.ToJsonString()));
        Assert.Contains("300 (", answer["object"]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watch_that_the_recorded_server_ended_ends_with_410_and_what_follows_is_a_list()
    {
        await using var rig = await ReplayRig.StartAsync();
        await rig.PlayAsync(TimeSpan.FromSeconds(20));
        using var watch = await rig.WatchAsync("apis/lab.example.com/v1alpha1/applications?watch=true");
        await rig.PlayToEndAsync();
        JsonNode? last = null;
        while (await watch.ReadAsync() is { } line)
            last = line;
        Assert.Equal(("ERROR", 410), (last!["type"]!.GetValue<string>(), last["object"]!["code"]!.GetValue<int>()));
        Assert.NotEmpty((await rig.GetAsync("apis/lab.example.com/v1alpha1/applications"))["items"]!.AsArray());
    }

    [Fact]
    public async Task A_version_from_the_future_is_too_large_for_a_list()
    {
        await using var rig = await ReplayRig.StartAsync();
        using var response = await rig.Client.GetAsync(new Uri("api/v1/configmaps?resourceVersion=99999999&resourceVersionMatch=NotOlderThan", UriKind.Relative), Cancel);
        var real = RecordedAnswer.Load("list-rv-too-large");
        Assert.Equal(real.Status, (int)response.StatusCode);
        Assert.Equal("1", response.Headers.RetryAfter!.ToString());
        Assert.Equal(Numberless(System.Text.Encoding.UTF8.GetString(real.Body).Trim()), Numberless(await response.Content.ReadAsStringAsync(Cancel)));
    }

    [Fact]
    public async Task What_cannot_be_answered_is_a_status_as_a_real_server_writes_it()
    {
        await using var rig = await ReplayRig.StartAsync();
        var (status, answer) = await rig.SendAsync("api/v1/namespaces/default/configmaps/none");
        Assert.Equal((HttpStatusCode.NotFound, Body("get-404").ToJsonString()), (status, answer.ToJsonString()));
        (status, answer) = await rig.SendAsync("api/v1/configmaps?watch=true&sendInitialEvents=true");
        Assert.Equal((HttpStatusCode.UnprocessableEntity, Message("watch-list-missing-match")), (status, answer["message"]!.GetValue<string>()));
        (status, answer) = await rig.SendAsync("api/v1/configmaps?fieldSelector=data.k%3Dv");
        Assert.Equal((HttpStatusCode.BadRequest, Message("fieldselector-400")), (status, answer["message"]!.GetValue<string>()));
        (status, answer) = await rig.SendAsync("api/v1/configmaps?labelSelector=a%20b");
        Assert.Equal((HttpStatusCode.BadRequest, "BadRequest"), (status, answer["reason"]!.GetValue<string>()));
        (status, answer) = await rig.SendAsync("api/v1/configmaps?limit=many");
        Assert.Equal((HttpStatusCode.BadRequest, "strconv.ParseInt: parsing \"many\": invalid syntax (in limit)"), (status, answer["message"]!.GetValue<string>()));
        (status, answer) = await rig.SendAsync("api/v1/configmaps?watch=true&resourceVersion=abc");
        Assert.Equal((RecordedAnswer.Load("watch-rv-invalid").Status, Body("watch-rv-invalid")["message"]!.GetValue<string>()), ((int)status, answer["message"]!.GetValue<string>()));
        (status, answer) = await rig.SendAsync("api/v1/gadgets");
        Assert.Equal((HttpStatusCode.NotFound, "the server could not find the requested resource"), (status, answer["message"]!.GetValue<string>()));
        (status, answer) = await rig.SendAsync("api/v1/namespaces/default/configmaps/none", method: HttpMethod.Delete);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "MethodNotAllowed", 405), (status, answer["reason"]!.GetValue<string>(), answer["code"]!.GetValue<int>()));
        Assert.EndsWith(": this is a replay of the recording 'shop': it can be read and not changed", answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Selectors_choose_in_lists_and_in_watches_what_no_longer_matches_shows_as_deleted()
    {
        await using var rig = await ReplayRig.StartAsync();
        using var byLabel = await rig.WatchAsync($"api/v1/namespaces/shop/configmaps?watch=true&resourceVersion=277&labelSelector={Uri.EscapeDataString("burst in (0,1)")}");
        using var byName = await rig.WatchAsync("api/v1/configmaps?watch=true&resourceVersion=277&fieldSelector=metadata.name%3Dsettings%2Cmetadata.namespace%21%3Dshop");
        await rig.PlayToEndAsync();
        var recorded = RecordedLines.Read("core_v1_configmaps").Where(line => line.IsLive).ToList();
        var labelled = recorded.Where(line => line.Key.StartsWith("shop/", StringComparison.Ordinal) && line.Object["metadata"]!["labels"]?["burst"]?.GetValue<string>() is "0" or "1").ToList();
        Assert.True(labelled.Count > 5, $"{labelled.Count}");
        Assert.Equal(labelled.Select(line => line.Event.ToJsonString()), (await byLabel.ReadAsync(labelled.Count)).Select(line => line.ToJsonString()));
        var named = recorded.Where(line => line.Key == "shop-payments/settings").ToList();
        Assert.Equal(named.Select(line => line.Event.ToJsonString()), (await byName.ReadAsync(named.Count)).Select(line => line.ToJsonString()));
        var listed = (await rig.GetAsync("api/v1/configmaps?labelSelector=burst%3D0&fieldSelector=metadata.namespace%3Dshop"))["items"]!.AsArray();
        Assert.All(listed, item => Assert.Equal("0", item!["metadata"]!["labels"]!["burst"]!.GetValue<string>()));
    }

    [Fact]
    public async Task An_object_that_stops_matching_is_deleted_for_the_watcher_and_one_that_begins_to_is_added()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("watch"));
        Directory.CreateDirectory(folder.File("discovery"));
        foreach (var file in Directory.EnumerateFiles(Path.Combine(TestRecordings.Shop, "discovery")))
            File.Copy(file, folder.File($"discovery/{Path.GetFileName(file)}"));
        static string Line(int second, string type, int version, string label) =>
            $$"""{{second}}000000{{"\t"}}{"type":"{{type}}","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"shop","uid":"u","resourceVersion":"{{version}}","labels":{"app":"{{label}}"} } } }""";
        const string end = """{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"10","annotations":{"k8s.io/initial-events-end":"true"}}}}""";
        await File.WriteAllTextAsync(folder.File("watch/core_v1_pods.log"), string.Concat(((string[])[$"1000000\t{end}", Line(11, "ADDED", 11, "web"), Line(12, "MODIFIED", 12, "web"), Line(13, "MODIFIED", 13, "old"), Line(14, "MODIFIED", 14, "old"), Line(15, "MODIFIED", 15, "web"), Line(16, "DELETED", 16, "web")]).Select(line => line + "\n")), Cancel);
        await using var rig = await ReplayRig.StartAsync(options => options with { RecordingPath = folder.Path });
        using var watch = await rig.WatchAsync("api/v1/pods?watch=true&resourceVersion=10&labelSelector=app%3Dweb");
        await rig.PlayToEndAsync();
        Assert.Equal(["ADDED 11", "MODIFIED 12", "DELETED 13", "ADDED 15", "DELETED 16"], (await watch.ReadAsync(5)).Select(line => $"{line["type"]} {line["object"]!["metadata"]!["resourceVersion"]}"));
    }

    [Fact]
    public async Task A_quiet_watch_gets_bookmarks_where_it_allows_them_and_ends_at_its_timeout()
    {
        await using var rig = await ReplayRig.StartAsync(options => options with { BookmarkPeriod = TimeSpan.FromSeconds(10) });
        using var watch = await rig.WatchAsync("api/v1/limitranges?watch=true&resourceVersion=277&allowWatchBookmarks=true&timeoutSeconds=35");
        using var silent = await rig.WatchAsync("api/v1/limitranges?watch=true&resourceVersion=277&timeoutSeconds=35");
        await rig.PlayAsync(TimeSpan.FromSeconds(36));
        // Every ten seconds, and one with which it ends.
        var bookmarks = 0;
        while (await watch.ReadAsync() is { } line)
        {
            Assert.Equal(("BOOKMARK", "277"), (line["type"]!.GetValue<string>(), line["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>()));
            bookmarks++;
        }
        Assert.InRange(bookmarks, 3, 4);
        Assert.Null(await silent.ReadAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    public async Task The_recordings_own_timing_is_divided_by_the_speed(double speed)
    {
        await using var rig = await ReplayRig.StartAsync(options => options with { Speed = speed });
        // All but the first lists, in which the custom resource is not.
        var lines = RecordedLines.Files.SelectMany(file => RecordedLines.Read(file).Select(line => (line.Microseconds, IsTimed: line.IsLive || file.StartsWith("lab.", StringComparison.Ordinal)))).ToList();
        var timed = lines.Where(line => line.IsTimed).Select(line => line.Microseconds).Order().ToList();
        var lists = lines.Count - timed.Count;
        int Due(TimeSpan at) => lists + timed.Count(time => (time - timed[0]) / speed <= at.TotalMicroseconds + 1000);
        var (elapsed, step) = (TimeSpan.Zero, TimeSpan.FromSeconds(1 / speed));
        while (!rig.Server.Completed.IsCompleted)
        {
            // Never early; and what a timer was set for while the clock moved is late by no more than that.
            Assert.InRange(rig.Server.Played, lists, Due(elapsed));
            var due = Due(elapsed - step);
            await Eventually.HoldsAsync(() => rig.Server.Played >= due, Cancel, () => $"Played are {rig.Server.Played} of {due} at {elapsed}.");
            rig.Clock.Advance(step);
            elapsed += step;
        }
        Assert.Equal(lines.Count, rig.Server.Played);
        Assert.InRange(elapsed * speed, TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(62));
    }

    [Fact]
    public async Task At_full_speed_the_slowest_watcher_is_waited_for()
    {
        var type = new ReplayType(new Replicator.Core.Kubernetes.ResourceType("", "v1", "pods", "Pod", Namespaced: true), historyEvents: 1000);
        var tape = new JsonTape();
        void Play(int version) => type.Play(new Replicator.Core.Recordings.RecordedLine(DateTimeOffset.UnixEpoch, "ADDED", $"{version}", false,
            System.Text.Encoding.UTF8.GetBytes($$"""{"metadata":{"name":"p{{version}}","namespace":"shop","uid":"u{{version}}","resourceVersion":"{{version}}"} }""")), tape);
        type.Play(new Replicator.Core.Recordings.RecordedLine(DateTimeOffset.UnixEpoch, "BOOKMARK", "1", true, default), tape);
        var (slow, fast) = (type.Watch("1", out _, out _)!, type.Watch("1", out _, out _)!);
        for (var version = 2; version < 13; version++)
            Play(version);
        Assert.Equal(11, type.Take(fast, 100, out _)!.Count);
        var waiting = type.WaitForWatchersAsync(10, Cancel).AsTask();
        Assert.False(waiting.IsCompleted);
        Assert.Single(type.Take(slow, 1, out _)!);
        await waiting;
        // A watcher that goes away holds nothing up.
        Play(13);
        waiting = type.WaitForWatchersAsync(10, Cancel).AsTask();
        Assert.False(waiting.IsCompleted);
        type.End(slow);
        await waiting;
    }

    [Fact]
    public async Task Held_back_until_somebody_watches_the_live_part_begins_once_no_further_watch_is_opened()
    {
        await using var rig = await ReplayRig.StartAsync(options => options with { WaitForWatchers = true, QuietPeriod = TimeSpan.FromSeconds(1) });
        var lists = rig.Server.Played;
        await rig.PlayAsync(TimeSpan.FromSeconds(10));
        Assert.Equal((lists, false), (rig.Server.Played, rig.Server.Began.IsCompleted));
        using var watch = await rig.WatchAsync("api/v1/pods?watch=true&resourceVersion=277");
        await Eventually.HoldsAsync(() =>
        {
            rig.Clock.Advance(TimeSpan.FromMilliseconds(100));
            return rig.Server.Began.IsCompleted;
        }, Cancel);
        await rig.PlayToEndAsync();
        Assert.Equal("ADDED", (await watch.ReadAsync())!["type"]!.GetValue<string>());
    }

    static string Key(JsonNode? item) => $"{item!["metadata"]!["namespace"]}/{item["metadata"]!["name"]}";

    static JsonNode Body(string name) => JsonNode.Parse(RecordedAnswer.Load(name).Body)!;

    static string Message(string name) => Body(name)["message"]!.GetValue<string>();

    static List<JsonNode> Lines(string name) => [.. System.Text.Encoding.UTF8.GetString(RecordedAnswer.Load(name).Body).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];

    static string Numberless(string text) => Numbers().Replace(text, "N");

    [GeneratedRegex(@"\b\d+(?= \(|\)|, current|"")")]
    private static partial Regex Numbers();
}
