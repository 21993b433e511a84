using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Events;
using Replicator.Core.SelfChecking;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The comparison of the log with the server, and what becomes of a difference.</summary>
public sealed class SelfCheckTests : IAsyncLifetime
{
    const string Off = "selfCheck: { period: off }\n";

    readonly TemporaryFolder _folder = new();
    TestApiServer _server = null!;
    CollectingHost _host = null!;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await TestApiServer.StartAsync([ServedType.Pods()]);
        _host = await CollectingHost.StartAsync(_folder);
        foreach (var name in (string[])["a", "b", "c"])
            Put(name, 0);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_whole_log_equals_the_server_and_only_metadata_is_asked_for()
    {
        var collector = await CollectAsync();
        var check = await CollectingHost.CheckAsync(collector, Cancel);
        Assert.Equal((CheckOutcome.Equal, 3L, 0L, $"{_server.Model.Revision}"), (check.Outcome, check.Objects, check.Differing, check.ResourceVersion));
        Assert.Equal(FoldComparison.Digest(_server.Model.List(CollectingHost.Pods).Reverse().Select(one => new ObjectVersion("shop", one.Object.Name, $"{one.Revision}"))), check.Digest);
        Assert.StartsWith("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", _server.Requests.Last(request => request.Verb == "list").Accept, StringComparison.Ordinal);
        // That of the first start.
        Assert.Single(_host.Events("east"), recorded => recorded.Type == EventType.GapObserved);
    }

    [Fact]
    public async Task A_deletion_that_the_server_never_sent_is_found_named_recorded_as_a_gap_and_healed()
    {
        var collector = await CollectAsync();
        await LoseAsync(() => _server.Model.Delete(CollectingHost.Pods, "shop", "b"));
        var check = await CollectingHost.CheckAsync(collector, Cancel);
        Assert.Equal((CheckOutcome.Differs, 1L), (check.Outcome, check.Differing));
        Assert.Equal(new Difference("shop", "b", "3", null), Assert.Single(check.First));

        var gap = _host.Events("east").Last(recorded => recorded.Type == EventType.GapObserved).Metadata;
        Assert.Contains("self-check: as of resource version", gap.Reason, StringComparison.Ordinal);
        Assert.Contains("shop/b (in the log at 3, not on the server)", gap.Reason, StringComparison.Ordinal);
        // The list at the start was the last moment at which the log was known to be right.
        Assert.Equal("4", gap.GapFrom);

        _server.Model.SendBookmarks();
        await _host.CaughtUpAsync("east", _server, Cancel);
        Assert.Contains(_host.Events("east"), recorded => recorded is { Type: EventType.ObjectDeleted, Metadata: { Provenance: Provenance.Relist, Object.Name: "b" } });
        await Eventually.HoldsAsync(() => _host.Shown("east")[^1] == "SyncCompleted", Cancel);
        Assert.Equal(CheckOutcome.Equal, (await CollectingHost.CheckAsync(collector, Cancel)).Outcome);
        Assert.Null((await LogVerifier.VerifyAsync(_host.Host.Data.Events, null, Cancel)).Problem);
    }

    [Fact]
    public async Task A_creation_and_a_modification_that_were_never_sent_are_found()
    {
        var collector = await CollectAsync();
        await LoseAsync(() => Put("new", 1));
        await LoseAsync(() => Put("a", 1), wake: "c");
        var check = await CollectingHost.CheckAsync(collector, Cancel);
        Assert.Equal([("a", "6"), ("new", null)], check.First.Select(difference => (difference.Name, difference.LogVersion)));
    }

    [Fact]
    public async Task A_second_gap_begins_at_the_last_equal_check()
    {
        var collector = await CollectAsync();
        Put("a", 1);
        await _host.CaughtUpAsync("east", _server, Cancel);
        Assert.Equal(CheckOutcome.Equal, (await CollectingHost.CheckAsync(collector, Cancel)).Outcome);
        var proven = $"{_server.Model.Revision}";
        await LoseAsync(() => _server.Model.Delete(CollectingHost.Pods, "shop", "b"));
        await CollectingHost.CheckAsync(collector, Cancel);
        Assert.Equal(proven, _host.Events("east").Last(recorded => recorded.Type == EventType.GapObserved).Metadata.GapFrom);
    }

    [Fact]
    public async Task Changes_while_the_list_is_on_its_way_are_no_difference()
    {
        var collector = await CollectAsync();
        _server.Faults.Next(request => request.ToString() == "list pods limit=500", () => Fault.ChangeBody(body =>
        {
            // The list is made; these come after it.
            Put("a", 5);
            Put("new", 5);
            _server.Model.Delete(CollectingHost.Pods, "shop", "b");
            return body;
        }));
        var check = await CollectingHost.CheckAsync(collector, Cancel);
        Assert.Equal((CheckOutcome.Equal, 3L), (check.Outcome, check.Objects));
        await _host.CaughtUpAsync("east", _server, Cancel);
        Assert.Equal((CheckOutcome.Equal, 3L), ((await CollectingHost.CheckAsync(collector, Cancel)) is var second ? (second.Outcome, second.Objects) : default));
    }

    [Fact]
    public async Task What_the_rules_leave_out_is_no_difference_not_even_behind_a_restart()
    {
        const string rules = Off + "rules: { exclude: [{ namespaces: [kube-*] }], ignore: [{ types: pods, paths: $.status.beat }] }\n";
        var collector = await CollectAsync(rules);
        _server.Model.Put(CollectingHost.Pods, "kube-system", "dns", "\"status\":{\"beat\":1}");
        Put("a", 1);
        Put("b", 2);
        await Eventually.HoldsAsync(() => collector.Activity.Suppressed.Sum(count => count.Count) == 3, Cancel);
        var check = await CollectingHost.CheckAsync(collector, Cancel);
        Assert.Equal((CheckOutcome.Equal, 3L), (check.Outcome, check.Objects));

        await _host.DisposeAsync();
        _host = await CollectingHost.StartAsync(_folder);
        collector = _host.Add("east", _server, rules);
        await Eventually.HoldsAsync(() => _server.Model.Watching("pods") == 1, Cancel);
        Assert.Equal(CheckOutcome.Equal, (await CheckedAsync(collector)).Outcome);
    }

    [Fact]
    public async Task A_server_that_refuses_the_list_is_shown_and_raises_no_alarm()
    {
        var collector = await CollectAsync();
        _server.Faults.Always("list pods limit=500", () => Fault.Status(403, "Forbidden", "pods is forbidden"));
        var check = await CollectingHost.CheckAsync(collector, Cancel);
        Assert.Equal(CheckOutcome.Skipped, check.Outcome);
        Assert.Contains("pods is forbidden", check.Reason, StringComparison.Ordinal);
        Assert.Single(_host.Events("east"), recorded => recorded.Type == EventType.GapObserved);
    }

    [Fact]
    public async Task It_is_made_at_the_period()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 3, 0, 0, TimeSpan.Zero));
        var collector = _host.Add("east", _server, "selfCheck: { period: 90s }\n", time: time);
        await _host.CaughtUpAsync("east", _server, Cancel);
        await Eventually.HoldsAsync(() => _host.Shown("east")[^1] == "SyncCompleted", Cancel);
        Assert.Empty(collector.Activity.Checks);
        time.Advance(TimeSpan.FromSeconds(90));
        await Eventually.HoldsAsync(() => collector.Activity.Checks is [{ Outcome: CheckOutcome.Equal }], Cancel);
    }

    async Task<ClusterCollector> CollectAsync(string yaml = Off)
    {
        var collector = _host.Add("east", _server, yaml);
        await _host.CaughtUpAsync("east", _server, Cancel);
        await Eventually.HoldsAsync(() => _host.Shown("east")[^1] == "SyncCompleted", Cancel);
        return collector;
    }

    /// <summary>A check of a type whose recorder may only just have opened.</summary>
    async Task<TypeCheck> CheckedAsync(ClusterCollector collector)
    {
        TypeCheck check;
        do
            check = await CollectingHost.CheckAsync(collector, Cancel);
        while (check.Outcome == CheckOutcome.Skipped);
        return check;
    }

    /// <summary>Makes a change whose line is never sent, and another behind it that is.</summary>
    async Task LoseAsync(Action change, string wake = "a")
    {
        _server.Faults.Next("watch", Fault.DropAfter(0));
        var taken = _server.Faults.Taken;
        _server.Model.EndWatches();
        await Eventually.HoldsAsync(() => _server.Faults.Taken > taken && _server.Model.Watching("pods") == 1, Cancel);
        change();
        Put(wake, 9);
        var version = $"{_server.Model.Revision}";
        await Eventually.HoldsAsync(() => _host.Events("east").Any(recorded => recorded.Metadata.ResourceVersion == version), Cancel);
    }

    void Put(string name, int beat) => _server.Model.Put(CollectingHost.Pods, "shop", name, $"\"status\":{{\"beat\":{beat}}}");
}
