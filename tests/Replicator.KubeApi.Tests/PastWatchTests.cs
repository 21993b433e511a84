using System.Globalization;
using System.Text.Json.Nodes;
using Replicator.TestKit;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>Watches that begin in the past, against the recorded watch.</summary>
public sealed class PastWatchTests(PastShop shop) : IClassFixture<PastShop>
{
    const string Table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

    readonly PastRig _rig = shop.Rig;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("core_v1_pods", "api/v1/pods")]
    [InlineData("apps_v1_deployments", "apis/apps/v1/deployments")]
    [InlineData("events.k8s.io_v1_events", "apis/events.k8s.io/v1/events")]
    public async Task A_watch_from_a_version_shows_every_change_that_followed_as_the_server_showed_it(string file, string path)
    {
        var expected = RecordedLines.Read(file).Where(line => line.IsLive && line.Type != "BOOKMARK" && Number(line.Version) > 700).ToList();
        using var watch = await _rig.WatchAsync($"shop/rv:700@max/{path}?watch=true&resourceVersion=700");
        var lines = await watch.ReadAsync(expected.Count);
        foreach (var (recorded, line) in expected.Zip(lines))
            Assert.True(JsonNode.DeepEquals(recorded.Event, line), $"{recorded.Event.ToJsonString()}\nbecame\n{line.ToJsonString()}");
    }

    [Fact]
    public async Task A_watch_without_a_version_begins_with_the_objects_of_the_instant_and_says_where_they_end()
    {
        var pods = (await _rig.GetAsync("shop/rv:1090/api/v1/pods"))["items"]!.AsArray();
        using var watch = await _rig.WatchAsync("shop/rv:1090@max/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
        var lines = await watch.ReadAsync(pods.Count);
        Assert.All(lines, line => Assert.Equal("ADDED", line["type"]!.GetValue<string>()));
        Assert.Equal(pods.Select(pod => pod!.ToJsonString()), lines.Select(line => line["object"]!.ToJsonString()));
        var bookmark = (await watch.ReadAsync())!;
        Assert.Equal("""{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"1090","annotations":{"k8s.io/initial-events-end":"true"}}}}""", bookmark.ToJsonString());
        Assert.Equal(RecordedLines.Read("core_v1_pods").First(line => line.IsLive && line.Type != "BOOKMARK" && Number(line.Version) > 1090).Event.ToJsonString().Length, (await watch.ReadAsync())!.ToJsonString().Length);
    }

    [Fact]
    public async Task Changes_come_at_the_speed_at_which_they_came_or_as_many_times_faster_as_is_asked()
    {
        var pods = RecordedLines.Read("core_v1_pods").Where(line => line.Type != "BOOKMARK").ToList();
        // The longest pause between two changes.
        var (before, after) = pods.Zip(pods.Skip(1)).Where(pair => pair.First.IsLive).MaxBy(pair => pair.Second.Microseconds - pair.First.Microseconds);
        var pause = TimeSpan.FromMicroseconds(after.Microseconds - before.Microseconds);
        var from = DateTimeOffset.UnixEpoch.AddMicroseconds(before.Microseconds);
        foreach (var speed in (int[])[1, 10])
        {
            var instant = from.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
            using var watch = await _rig.WatchAsync($"shop/{instant}@{speed}x/api/v1/pods?watch=true&resourceVersion={(await _rig.GetAsync($"shop/{instant}/api/v1/pods"))["metadata"]!["resourceVersion"]}");
            var next = watch.ReadAsync();
            var began = _rig.Clock.GetUtcNow();
            var waited = TimeSpan.Zero;
            await Eventually.HoldsAsync(() =>
            {
                if (!next.IsCompleted)
                {
                    _rig.Clock.Advance(TimeSpan.FromMilliseconds(100));
                    waited = _rig.Clock.GetUtcNow() - began;
                }
                return next.IsCompleted;
            }, Cancel);
            // The timer may be set a little after the clock has begun to move.
            Assert.True(waited >= pause / speed - TimeSpan.FromMilliseconds(1), $"{waited} at {speed}x of {pause}");
            Assert.Equal(after.Version, (await next)!["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>());
        }
    }

    [Fact]
    public async Task A_selector_shows_what_begins_to_match_as_added_and_what_stops_as_deleted_with_its_last_matching_state()
    {
        var (selector, all) = ("status.phase=Running", RecordedLines.Read("core_v1_pods").Where(line => line.IsLive && line.Type != "BOOKMARK").ToList());
        var before = (await _rig.GetAsync("shop/rv:600/api/v1/pods"))["items"]!.AsArray().ToDictionary(pod => Key(pod!), pod => pod!);
        var shown = before.Where(pod => Phase(pod.Value) == "Running").Select(pod => pod.Key).ToHashSet();
        var expected = new List<string>();
        foreach (var line in all.Where(line => Number(line.Version) > 600))
        {
            var matches = line.Type != "DELETED" && Phase(line.Object) == "Running";
            var was = shown.Contains(line.Key);
            if (matches)
                expected.Add($"{(was ? "MODIFIED" : "ADDED")} {line.Key} {line.Version} {Phase(line.Object)}");
            else if (was)
                expected.Add($"DELETED {line.Key} {line.Version} {(line.Type == "DELETED" ? Phase(line.Object) : "Running")}");
            if (matches)
                shown.Add(line.Key);
            else
                shown.Remove(line.Key);
        }
        Assert.Contains(expected, line => line.StartsWith("DELETED", StringComparison.Ordinal));
        using var watch = await _rig.WatchAsync($"shop/rv:600@max/api/v1/pods?watch=true&resourceVersion=600&fieldSelector={Uri.EscapeDataString(selector)}");
        var lines = await watch.ReadAsync(expected.Count);
        Assert.Equal(expected, lines.Select(line => $"{line["type"]} {Key(line["object"]!)} {line["object"]!["metadata"]!["resourceVersion"]} {Phase(line["object"]!)}"));
    }

    [Fact]
    public async Task A_watch_of_one_object_shows_nothing_else()
    {
        using var watch = await _rig.WatchAsync("shop/rv:700@max/apis/apps/v1/namespaces/shop/deployments?watch=true&resourceVersion=700&fieldSelector=metadata.name%3Dweb");
        var expected = RecordedLines.Read("apps_v1_deployments").Where(line => line.IsLive && line.Key == "shop/web" && Number(line.Version) > 700).ToList();
        Assert.Equal(expected.Select(line => line.Version), (await watch.ReadAsync(expected.Count)).Select(line => line["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>()));
    }

    [Fact]
    public async Task A_watch_as_a_table_names_its_columns_once()
    {
        using var watch = await _rig.WatchAsync("shop/rv:700@max/api/v1/pods?watch=true&resourceVersion=700", Table);
        var lines = await watch.ReadAsync(3);
        Assert.All(lines, line => Assert.Equal("Table", line["object"]!["kind"]!.GetValue<string>()));
        Assert.NotNull(lines[0]["object"]!["columnDefinitions"]);
        Assert.All(lines.Skip(1), line => Assert.Null(line["object"]!["columnDefinitions"]));
        Assert.All(lines, line => Assert.Equal("PartialObjectMetadata", Assert.Single(line["object"]!["rows"]!.AsArray())!["object"]!["kind"]!.GetValue<string>()));
    }

    [Fact]
    public async Task A_version_before_the_record_or_still_to_come_ends_the_watch_with_an_event()
    {
        using var old = await _rig.WatchAsync("shop/now/api/v1/configmaps?watch=true&resourceVersion=3");
        var error = (await old.ReadAsync())!;
        Assert.Equal(("ERROR", "Expired", 410), (error["type"]!.GetValue<string>(), error["object"]!["reason"]!.GetValue<string>(), error["object"]!["code"]!.GetValue<int>()));
        Assert.StartsWith("too old resource version: 3 (", error["object"]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Null(await old.ReadAsync());
        using var future = await _rig.WatchAsync("shop/now/api/v1/configmaps?watch=true&resourceVersion=99999999");
        Assert.Equal("Timeout", (await future.ReadAsync())!["object"]!["reason"]!.GetValue<string>());
        Assert.Null(await future.ReadAsync());
    }

    [Fact]
    public async Task A_watch_ends_at_its_timeout_with_a_bookmark_of_how_far_it_came()
    {
        using var watch = await _rig.WatchAsync("shop/now/api/v1/nodes?watch=true&resourceVersion=1300&timeoutSeconds=5&allowWatchBookmarks=true");
        var reading = Task.Run(async () =>
        {
            var read = new List<JsonNode>();
            while (await watch.ReadAsync() is { } line)
                read.Add(line);
            return read;
        }, Cancel);
        await Eventually.HoldsAsync(() =>
        {
            _rig.Clock.Advance(TimeSpan.FromSeconds(1));
            return reading.IsCompleted;
        }, Cancel);
        var lines = await reading;
        Assert.Equal("BOOKMARK", lines[^1]["type"]!.GetValue<string>());
        Assert.True(Number(lines[^1]["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>()) >= 1300);
    }

    static long Number(string version) => long.Parse(version, CultureInfo.InvariantCulture);

    static string Key(JsonNode item) => $"{item["metadata"]!["namespace"]}/{item["metadata"]!["name"]}";

    static string Phase(JsonNode pod) => pod["status"]?["phase"]?.GetValue<string>() ?? "";
}
