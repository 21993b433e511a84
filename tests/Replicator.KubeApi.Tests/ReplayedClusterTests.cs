using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.TestKit;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>What kubectl asks of a replay beyond objects: Tables, fields, reviews, states that were; against what the recorded server printed while the recording was made.</summary>
public sealed class ReplayedClusterTests
{
    const string Table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    const string Refusal = "this is a replay of the recording 'shop': it can be read and not changed";

    /// <summary>The recording has the time at which it asked; the server looked at its clock a moment later.</summary>
    static readonly TimeSpan OnTheWay = TimeSpan.FromMilliseconds(2);

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Folders => RecordedMoment.Folders;

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task A_table_is_the_one_that_the_server_printed_when_it_was_recorded_with_the_ages_of_then(string folder)
    {
        await using var rig = await ReplayRig.StartAsync();
        var (tables, rows) = (0, 0);
        foreach (var recorded in RecordedMoment.Lists(folder).OrderBy(recorded => recorded.At))
        {
            // Components are no stored objects.
            if (recorded.Name == "core_v1_componentstatuses")
                continue;
            await rig.PlayUntilAsync(recorded.At + OnTheWay);
            var limit = recorded.List["metadata"]!["continue"] is null ? "" : $"limit={recorded.Items.Count}&";
            var list = await rig.GetAsync($"{recorded.Path}?{limit}");
            // A lease or a heartbeat may lie between the recorded list and the recorded table.
            if (!recorded.Items.Select(Version).SequenceEqual(list["items"]!.AsArray().Select(Version)))
                continue;
            var table = await rig.GetAsync($"{recorded.Path}?{limit}includeObject=None", Table);
            Assert.Equal(recorded.Table["columnDefinitions"]!.ToJsonString(), table["columnDefinitions"]!.ToJsonString());
            Assert.Equal(Rows(recorded.Table), Rows(table));
            tables++;
            rows += Rows(table).Count;
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"{folder}: {tables} tables, {rows} rows");
        Assert.True(tables > 55 && rows > 250, $"{tables} tables, {rows} rows");
    }

    [Fact]
    public async Task Ages_stand_still_where_nothing_is_played_and_grow_with_the_speed()
    {
        await using var rig = await ReplayRig.StartAsync(options => options with { Speed = 10, WaitForWatchers = true, QuietPeriod = TimeSpan.FromSeconds(1) });
        var lists = rig.Server.Now;
        await rig.PlayAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(lists, rig.Server.Now);
        using var watch = await rig.WatchAsync("api/v1/pods?watch=true&resourceVersion=277");
        await MovingAsync(rig, () => rig.Server.Began.IsCompleted);
        var (began, clock) = (rig.Server.Now, rig.Clock.GetUtcNow());
        await rig.PlayAsync(TimeSpan.FromSeconds(1));
        await MovingAsync(rig, () => rig.Server.Now >= began + 10 * (rig.Clock.GetUtcNow() - clock) - TimeSpan.FromMilliseconds(1));
        await rig.PlayToEndAsync();
        var end = RecordedLines.Files.Max(file => RecordedLines.Read(file)[^1].Microseconds);
        Assert.Equal(DateTimeOffset.UnixEpoch.AddMicroseconds(end), rig.Server.Now);
        rig.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(DateTimeOffset.UnixEpoch.AddMicroseconds(end), rig.Server.Now);
    }

    [Fact]
    public async Task A_watch_as_a_table_counts_the_age_of_each_change_to_when_it_happened()
    {
        await using var rig = await ReplayRig.StartAsync();
        var recorded = RecordedLines.Read("core_v1_pods").Where(line => line.IsLive && line.Type != "BOOKMARK").ToList();
        using var watch = await rig.WatchAsync("api/v1/pods?watch=true&resourceVersion=277", Table);
        await rig.PlayToEndAsync();
        var lines = await watch.ReadAsync(recorded.Count);
        Assert.NotNull(lines[0]["object"]!["columnDefinitions"]);
        Assert.All(lines.Skip(1), line => Assert.Null(line["object"]!["columnDefinitions"]));
        var age = lines[0]["object"]!["columnDefinitions"]!.AsArray().Select(column => column!["name"]!.GetValue<string>()).ToList().IndexOf("Age");
        foreach (var (line, shown) in recorded.Zip(lines))
        {
            var old = DateTimeOffset.UnixEpoch.AddMicroseconds(line.Microseconds) - DateTimeOffset.Parse(line.Object["metadata"]!["creationTimestamp"]!.GetValue<string>(), null);
            Assert.Equal((line.Type, $"{(int)old.TotalSeconds}s"), (shown["type"]!.GetValue<string>(), shown["object"]!["rows"]![0]!["cells"]![age]!.GetValue<string>()));
        }
    }

    [Fact]
    public async Task Partial_metadata_is_the_metadata_and_nothing_else()
    {
        await using var rig = await ReplayRig.StartAsync();
        await rig.PlayToEndAsync();
        var pods = (await rig.GetAsync("api/v1/pods"))["items"]!.AsArray();
        var partial = await rig.GetAsync("api/v1/pods", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
        Assert.Equal("PartialObjectMetadataList", partial["kind"]!.GetValue<string>());
        Assert.Equal(pods.Select(pod => pod!["metadata"]!.ToJsonString()), partial["items"]!.AsArray().Select(item => item!["metadata"]!.ToJsonString()));
        Assert.All(partial["items"]!.AsArray(), item => Assert.Equal(["apiVersion", "kind", "metadata"], item!.AsObject().Select(member => member.Key).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task A_field_selector_selects_what_the_server_lets_select_by_it()
    {
        await using var rig = await ReplayRig.StartAsync();
        await rig.PlayToEndAsync();
        foreach (var (path, field, value) in ((string, string, string)[])[
            ("api/v1/pods", "status.phase", "Running"), ("api/v1/pods", "spec.nodeName", "node-001"), ("api/v1/events", "involvedObject.kind", "Deployment"),
            ("apis/events.k8s.io/v1/events", "regarding.kind", "Deployment"), ("api/v1/secrets", "type", "Opaque")])
        {
            var expected = (await rig.GetAsync(path))["items"]!.AsArray().Where(item => field.Split('.').Aggregate(item, (node, name) => node?[name])?.ToString() == value).Select(Name).ToList();
            Assert.NotEmpty(expected);
            Assert.Equal(expected, (await rig.GetAsync($"{path}?fieldSelector={Uri.EscapeDataString($"{field}={value}")}"))["items"]!.AsArray().Select(Name));
        }
    }

    [Fact]
    public async Task A_watch_with_a_field_selector_shows_what_stops_to_match_as_deleted_with_its_last_matching_state()
    {
        await using var rig = await ReplayRig.StartAsync();
        using var watch = await rig.WatchAsync("api/v1/pods?watch=true&resourceVersion=277&fieldSelector=status.phase%3DRunning");
        await rig.PlayToEndAsync();
        var (expected, shown) = (new List<string>(), new HashSet<string>());
        foreach (var line in RecordedLines.Read("core_v1_pods").Where(line => line.Type != "BOOKMARK"))
        {
            var matches = line.Type != "DELETED" && Phase(line.Object) == "Running";
            var was = shown.Contains(line.Key);
            if (line.IsLive && (matches || was))
                expected.Add($"{(matches ? was ? "MODIFIED" : "ADDED" : "DELETED")} {line.Key} {line.Version} {(line.Type == "DELETED" ? Phase(line.Object) : "Running")}");
            if (matches)
                shown.Add(line.Key);
            else
                shown.Remove(line.Key);
        }
        Assert.Contains(expected, line => line.StartsWith("DELETED", StringComparison.Ordinal));
        Assert.Equal(expected, (await watch.ReadAsync(expected.Count)).Select(line => $"{line["type"]} {line["object"]!["metadata"]!["namespace"]}/{Name(line["object"])} {Version(line["object"])} {Phase(line["object"]!)}"));
    }

    [Fact]
    public async Task A_list_of_exactly_a_version_is_the_list_of_then_as_far_as_the_history_goes_back()
    {
        await using var rig = await ReplayRig.StartAsync();
        var then = new List<JsonNode>();
        for (var second = 5; second <= 55; second += 10)
        {
            await rig.PlayAsync(TimeSpan.FromSeconds(10));
            then.Add(await rig.GetAsync("api/v1/pods"));
        }
        await rig.PlayToEndAsync();
        Assert.True(then.Select(list => list["metadata"]!["resourceVersion"]!.GetValue<string>()).Distinct().Count() > 3);
        foreach (var list in then)
        {
            var again = await rig.GetAsync($"api/v1/pods?resourceVersion={list["metadata"]!["resourceVersion"]}&resourceVersionMatch=Exact");
            Assert.Equal(list.ToJsonString(), again.ToJsonString());
        }
        var newest = await rig.GetAsync($"api/v1/pods?resourceVersion={then[0]["metadata"]!["resourceVersion"]}&resourceVersionMatch=NotOlderThan");
        Assert.Equal((await rig.GetAsync("api/v1/pods")).ToJsonString(), newest.ToJsonString());
        var (status, answer) = await rig.SendAsync("api/v1/pods?resourceVersion=100&resourceVersionMatch=Exact");
        Assert.Equal((HttpStatusCode.Gone, "too old resource version: 100 (277)"), (status, answer["message"]!.GetValue<string>()));
        (status, answer) = await rig.SendAsync("api/v1/pods?resourceVersion=99999999&resourceVersionMatch=Exact");
        Assert.Equal((HttpStatusCode.GatewayTimeout, "Timeout"), (status, answer["reason"]!.GetValue<string>()));
    }

    [Fact]
    public async Task A_watch_from_the_future_is_told_so()
    {
        await using var rig = await ReplayRig.StartAsync();
        using var watch = await rig.WatchAsync("api/v1/pods?watch=true&resourceVersion=99999999");
        var answer = (await watch.ReadAsync())!;
        Assert.Equal(("ERROR", 504, "ResourceVersionTooLarge"), (answer["type"]!.GetValue<string>(), answer["object"]!["code"]!.GetValue<int>(), answer["object"]!["details"]!["causes"]![0]!["reason"]!.GetValue<string>()));
        Assert.Null(await watch.ReadAsync());
    }

    [Theory]
    [InlineData("get", "", true)]
    [InlineData("watch", "", true)]
    [InlineData("delete", "", false)]
    [InlineData("get", "log", false)]
    public async Task A_review_says_that_everything_may_be_read_and_nothing_changed(string verb, string subresource, bool allowed)
    {
        await using var rig = await ReplayRig.StartAsync();
        var (status, answer) = await PostAsync(rig, "apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            $$"""{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{"resourceAttributes":{"verb":"{{verb}}","resource":"pods","subresource":"{{subresource}}","namespace":"shop"} } }""");
        Assert.Equal((HttpStatusCode.Created, allowed), (status, answer["status"]!["allowed"]!.GetValue<bool>()));
        if (!allowed)
            Assert.Equal(Refusal, answer["status"]!["reason"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("DELETE", "api/v1/namespaces/shop/pods/postgres-0")]
    [InlineData("PATCH", "apis/apps/v1/namespaces/shop/deployments/web")]
    [InlineData("POST", "api/v1/namespaces/shop/configmaps")]
    [InlineData("GET", "api/v1/namespaces/shop/pods/postgres-0/log")]
    public async Task What_changes_something_or_needs_a_running_cluster_is_refused_with_the_words_of_a_replay(string method, string path)
    {
        await using var rig = await ReplayRig.StartAsync();
        var (status, answer) = await rig.SendAsync(path, method: new HttpMethod(method));
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "MethodNotAllowed"), (status, answer["reason"]!.GetValue<string>()));
        Assert.EndsWith($": {Refusal}", answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("api/v1/pods", HttpStatusCode.OK)]
    [InlineData("api/v1/nodes/node-001", HttpStatusCode.OK)]
    [InlineData("apis", HttpStatusCode.OK)]
    [InlineData("api/v1/nodes/none", HttpStatusCode.NotFound)]
    public async Task Head_is_get_without_a_body(string path, HttpStatusCode expected)
    {
        await using var rig = await ReplayRig.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Head, path);
        using var response = await rig.Client.SendAsync(request, Cancel);
        Assert.Equal((expected, "application/json"), (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(Cancel));
    }

    [Fact]
    public async Task Documents_are_what_was_recorded_and_what_was_not_recorded_is_said_not_to_be()
    {
        await using var rig = await ReplayRig.StartAsync();
        Assert.True(JsonNode.DeepEquals(RecordedLines.Document("openapi-v3"), await rig.GetAsync("openapi/v3")));
        var (status, answer) = await rig.SendAsync("openapi/v3/apis/apps/v1?hash=1");
        Assert.Equal((HttpStatusCode.NotFound, "/openapi/v3/apis/apps/v1 was not recorded"), (status, answer["message"]!.GetValue<string>()));
        (status, answer) = await rig.SendAsync("apis/autoscaling/v1/horizontalpodautoscalers");
        Assert.Equal((HttpStatusCode.OK, "autoscaling/v1"), (status, answer["apiVersion"]!.GetValue<string>()));
        (status, answer) = await rig.SendAsync("api/v1/componentstatuses");
        Assert.Equal((HttpStatusCode.NotFound, "componentstatuses were not recorded: the recording has no file 'watch/core_v1_componentstatuses.log[.gz]'"), (status, answer["message"]!.GetValue<string>()));
    }

    [Fact]
    public void While_a_list_is_played_anew_what_was_there_is_served_and_a_watch_of_it_ends_when_the_list_does()
    {
        var type = new ReplayType(new ResourceType("", "v1", "pods", "Pod", Namespaced: true), historyEvents: 1000);
        var tape = new JsonTape();
        void Play(string kind, string version, string name = "", bool endsList = false) => type.Play(new Core.Recordings.RecordedLine(DateTimeOffset.UnixEpoch, kind, version, endsList,
            Encoding.UTF8.GetBytes($$"""{"metadata":{"name":"{{name}}","namespace":"shop","uid":"u","resourceVersion":"{{version}}"} }""")), tape);
        Play("ADDED", "1", "a");
        Play("BOOKMARK", "2", endsList: true);
        Play("ADDED", "3", "b");
        var (before, watch) = (type.Snapshot(), type.Watch("3", out _, out _)!);
        Play("ERROR", "");
        Assert.Null(type.Take(watch, 10, out _));
        Play("ADDED", "9", "c");
        Assert.Equal(("3", "shop/a shop/b"), (type.Version, string.Join(' ', type.Snapshot().Objects.Keys)));
        Assert.Null(type.SnapshotAt(before.Position, "3"));
        var during = type.Watch("3", out _, out _)!;
        Assert.Empty(type.Take(during, 10, out var wait)!);
        Play("BOOKMARK", "10", endsList: true);
        Assert.True(wait.IsCompleted);
        Assert.Null(type.Take(during, 10, out _));
        Assert.Equal(("10", "shop/c"), (type.Version, string.Join(' ', type.Snapshot().Objects.Keys)));
        Assert.Null(type.Watch("3", out _, out var oldest));
        Assert.Equal("10", oldest);
    }

    [Fact]
    public async Task A_client_that_reads_nothing_holds_a_replay_at_full_speed_up_until_it_goes_away()
    {
        // More than the buffers between the two hold.
        const int changes = 4000;
        var padding = new string('x', 8 * 1024);
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("watch"));
        Directory.CreateDirectory(folder.File("discovery"));
        foreach (var file in Directory.EnumerateFiles(Path.Combine(TestRecordings.Shop, "discovery")))
            File.Copy(file, folder.File($"discovery/{Path.GetFileName(file)}"));
        await File.WriteAllLinesAsync(folder.File("watch/core_v1_pods.log"), Enumerable.Range(1, changes).Select(version =>
            $$"""{{version}}000{{"\t"}}{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"shop","uid":"u","resourceVersion":"{{version}}","annotations":{"padding":"{{padding}}"} } } }""")
            .Prepend("0\t{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"0\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}"), Cancel);
        await using var rig = await ReplayRig.StartAsync(options => options with { RecordingPath = folder.Path, Speed = double.PositiveInfinity, WaitForWatchers = true, MaxLead = 100 });
        using (await rig.WatchAsync("api/v1/pods?watch=true"))
        {
            await MovingAsync(rig, () => rig.Server.Played > 100);
            Assert.False(rig.Server.Completed.IsCompleted);
        }
        await rig.Server.Completed.WaitAsync(Cancel);
        Assert.Equal(1 + changes, rig.Server.Played);
    }

    static async Task<(HttpStatusCode Status, JsonNode Answer)> PostAsync(ReplayRig rig, string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await rig.Client.PostAsync(new Uri(path, UriKind.Relative), content, Cancel);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancel))!);
    }

    static Task MovingAsync(ReplayRig rig, Func<bool> condition) => Eventually.HoldsAsync(() =>
    {
        rig.Clock.Advance(TimeSpan.FromMilliseconds(10));
        return condition();
    }, Cancel);

    static string Name(JsonNode? item) => item!["metadata"]!["name"]!.GetValue<string>();

    static string Version(JsonNode? item) => item!["metadata"]!["resourceVersion"]!.GetValue<string>();

    static string Phase(JsonNode pod) => pod["status"]?["phase"]?.GetValue<string>() ?? "";

    static List<string> Rows(JsonNode table) => [.. (table["rows"] as JsonArray ?? []).Select(row => string.Join(" | ", row!["cells"]!.AsArray().Select(cell => cell?.ToJsonString())))];
}
