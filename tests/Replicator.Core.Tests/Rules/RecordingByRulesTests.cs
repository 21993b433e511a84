using System.Text;
using System.Text.Json.Nodes;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Core.Tests.Rules;

/// <summary>What a recorder makes of its rules.</summary>
public sealed class RecordingByRulesTests
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly DateTimeOffset Start = new(2026, 1, 1, 3, 0, 0, TimeSpan.Zero);

    static readonly RecordingRule Heartbeats = new() { Name = "heartbeats", Kind = RuleKind.Ignore, Types = ["pods"], Paths = [FieldPath.Parse("$.status.conditions[*].lastHeartbeatTime")] };
    static readonly RecordingRule NoSystem = new() { Name = "no-system", Kind = RuleKind.Exclude, Types = ["*"], Namespaces = ["kube-*"] };
    static readonly RecordingRule NoManagers = new() { Name = "no-managers", Kind = RuleKind.DropManagedFields, Types = ["pods"] };

    readonly InMemoryEventStore _store = new();
    readonly RuleCounts _counts = new("test");
    TimeSpan _elapsed;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_change_that_touches_only_ignored_paths_is_not_recorded_and_the_next_one_brings_the_whole_state()
    {
        using var recorder = await Synced(Heartbeats);
        await recorder.HandleAsync([Modified("a", "20", heartbeat: "b"), Modified("a", "21", heartbeat: "c"), Modified("a", "22", heartbeat: "d", phase: "Failed")], Cancel);

        Assert.Equal(["ObjectModified a 22"], Shown(since: 5));
        var state = JsonNode.Parse(_store.Log[^1].State.Span)!;
        Assert.Equal(("Failed", "d"), (state["status"]!["phase"]!.GetValue<string>(), state["status"]!["conditions"]![0]!["lastHeartbeatTime"]!.GetValue<string>()));
        Assert.Equal([("heartbeats", Pods.GroupResource, 2L)], _counts.All);
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, Cancel)).Problem);
    }

    [Fact]
    public async Task A_change_of_managed_fields_beside_an_ignored_one_is_ignored_and_alone_is_not()
    {
        using var recorder = await Synced(Heartbeats);
        await recorder.HandleAsync([Modified("a", "20", heartbeat: "b", manager: "kubelet"), Modified("a", "21", heartbeat: "b", manager: "kubectl")], Cancel);
        Assert.Equal(["ObjectModified a 21"], Shown(since: 5));
    }

    [Fact]
    public async Task A_deletion_and_a_creation_are_never_ignored()
    {
        using var recorder = await Synced(Heartbeats);
        await recorder.HandleAsync([Change(DeltaKind.Deleted, "a", "20", heartbeat: "b"), Change(DeltaKind.Added, "a", "21", heartbeat: "c", uid: "u9")], Cancel);
        Assert.Equal(["ObjectDeleted a 20", "ObjectAdded a 21"], Shown(since: 5));
    }

    [Fact]
    public async Task The_resume_version_moves_past_ignored_changes_so_that_a_restart_does_not_go_far_back()
    {
        using (var recorder = await Synced(Heartbeats))
        {
            for (var i = 0; i < 130; i++)
                await recorder.HandleAsync([Modified("a", $"{100 + i}", heartbeat: $"{i}")], Cancel);
        }
        Assert.InRange(Shown(since: 5).Count(line => line == "Progressed"), 2, 3);
        using var reopened = await Open(Heartbeats);
        Assert.True(ResourceVersion.Compare(reopened.ResumeVersion, "150") > 0, reopened.ResumeVersion);
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, Cancel)).Problem);
    }

    [Fact]
    public async Task A_relist_finds_nothing_new_where_only_ignored_changes_were()
    {
        using var recorder = await Synced(Heartbeats);
        await recorder.HandleAsync([Modified("a", "20", heartbeat: "b")], Cancel);
        await recorder.HandleAsync([At(DeltaKind.Gap, ""), At(DeltaKind.ListStarted, ""), Change(DeltaKind.Listed, "a", "20", heartbeat: "b"), Change(DeltaKind.Listed, "b", "31", heartbeat: "z", uid: "u2"), At(DeltaKind.ListCompleted, "40")], Cancel);
        Assert.Equal(["GapObserved", "SyncStarted", "SyncCompleted"], Shown(since: 5));
    }

    [Fact]
    public async Task Each_of_two_rules_counts_what_it_kept_out()
    {
        var phases = Heartbeats with { Name = "phases", Paths = [FieldPath.Parse("$.status.phase")] };
        using var recorder = await Synced(Heartbeats, phases);
        await recorder.HandleAsync([Modified("a", "20", heartbeat: "b"), Modified("a", "21", heartbeat: "b", phase: "Failed"), Modified("a", "22", heartbeat: "c", phase: "Running")], Cancel);
        Assert.Empty(Shown(since: 5));
        Assert.Equal([("heartbeats", 2L), ("phases", 2L)], _counts.All.Select(count => (count.Rule, count.Count)));
    }

    [Fact]
    public async Task An_excluded_namespace_is_left_out_of_lists_changes_and_deletions_and_counted()
    {
        using var recorder = await Open(NoSystem);
        await recorder.HandleAsync([At(DeltaKind.ListStarted, ""), Change(DeltaKind.Listed, "a", "5"), Change(DeltaKind.Listed, "dns", "6", @namespace: "kube-system"), At(DeltaKind.ListCompleted, "9")], Cancel);
        await recorder.HandleAsync([Change(DeltaKind.Modified, "dns", "10", @namespace: "kube-system"), Change(DeltaKind.Deleted, "dns", "11", @namespace: "kube-system"), Modified("a", "12")], Cancel);
        Assert.Equal(["GapObserved", "RulesObserved", "SyncStarted", "ObjectAdded a 5", "SyncCompleted", "ObjectModified a 12"], Shown());
        Assert.Equal([("no-system", Pods.GroupResource, 3L)], _counts.All);
    }

    [Fact]
    public async Task Managed_fields_are_kept_unless_a_rule_drops_them()
    {
        using (var keeping = await Synced())
        {
            await keeping.HandleAsync([Modified("a", "20", manager: "kubectl")], Cancel);
            Assert.NotNull(JsonNode.Parse(_store.Log[^1].State.Span)!["metadata"]!["managedFields"]);
        }
        using var dropping = await Open(NoManagers);
        await dropping.HandleAsync([Modified("a", "21", manager: "kubectl"), Modified("a", "22")], Cancel);
        Assert.All(_store.Log.TakeLast(2), recorded => Assert.Null(JsonNode.Parse(recorded.State.Span)!["metadata"]!["managedFields"]));
        Assert.Equal([("no-managers", 1L)], _counts.All.Select(count => (count.Rule, count.Count)));
    }

    [Fact]
    public async Task The_rules_in_force_are_in_the_stream_before_what_they_left_something_out_of()
    {
        using (await Synced(Heartbeats, NoSystem))
        {
        }
        Assert.Equal("""{"exclude":[{"name":"no-system","namespaces":["kube-*"]}],"ignore":[{"name":"heartbeats","paths":["$.status.conditions[*].lastHeartbeatTime"]}]}""", Assert.Single(Rules()));
        using var reopened = await Open(Heartbeats, NoSystem);
        await reopened.HandleAsync([Modified("a", "20", phase: "Failed")], Cancel);
        Assert.Single(Rules());
    }

    [Fact]
    public async Task A_rule_that_is_added_is_recorded_and_needs_no_list()
    {
        using (await Synced())
        {
        }
        using var reopened = await Open(NoSystem);
        Assert.Equal("9", reopened.ResumeVersion);
        await reopened.HandleAsync([Modified("a", "20")], Cancel);
        Assert.Equal(["RulesObserved", "ObjectModified a 20"], Shown(since: 5));
    }

    [Fact]
    public async Task A_rule_that_is_lifted_is_a_gap_until_a_list_has_found_what_it_left_out()
    {
        using (await Synced(NoSystem))
        {
        }
        using var reopened = await Open();
        Assert.Null(reopened.ResumeVersion);
        await reopened.HandleAsync([At(DeltaKind.ListStarted, ""), Change(DeltaKind.Listed, "a", "5"), Change(DeltaKind.Listed, "b", "6", uid: "u2"), Change(DeltaKind.Listed, "dns", "7", @namespace: "kube-system", uid: "u3"), At(DeltaKind.ListCompleted, "30")], Cancel);
        Assert.Equal(["GapObserved", "RulesObserved", "SyncStarted", "ObjectAdded dns 7", "SyncCompleted"], Shown(since: 6));
        var gap = _store.Log.Last(recorded => recorded.Type == EventType.GapObserved).Metadata;
        Assert.Equal(("9", "the rules let in what they left out before"), (gap.GapFrom, gap.Reason));
        Assert.Equal("{}", Rules()[^1]);
    }

    [Fact]
    public async Task What_was_recorded_before_its_namespace_was_excluded_ends_without_its_content_when_it_is_gone()
    {
        using (await Synced())
        {
        }
        using var reopened = await Open(NoSystem with { Namespaces = ["shop"] });
        await reopened.HandleAsync([Modified("a", "20"), Change(DeltaKind.Deleted, "a", "21")], Cancel);
        Assert.Equal(["RulesObserved", "ObjectDeleted a 21"], Shown(since: 5));
        Assert.True(_store.Log[^1].State.IsEmpty);
        Assert.Equal(Provenance.Watch, _store.Log[^1].Metadata.Provenance);
    }

    [Fact]
    public async Task A_type_that_is_excluded_from_now_on_ends_in_a_gap_and_one_that_is_let_in_again_lists()
    {
        var noPods = new RecordingRule { Name = "no-pods", Kind = RuleKind.Exclude, Types = ["pods"] };
        using (await Synced())
        {
        }
        using (var excluded = await Open(noPods))
        {
            Assert.True(await excluded.RecordRulesAsync(Pods, Start.AddHours(1), Cancel));
            Assert.False(await excluded.RecordRulesAsync(Pods, Start.AddHours(2), Cancel));
        }
        Assert.Equal(["GapObserved", "RulesObserved"], Shown(since: 5));
        using var again = await Open();
        Assert.Null(again.ResumeVersion);
    }

    [Fact]
    public async Task A_gap_behind_a_change_of_rules_still_begins_where_the_cluster_was_last_seen()
    {
        using (await Synced())
        {
        }
        var seen = _store.Log[^1].Metadata.ObservedAt;
        using var reopened = await Open(NoSystem);
        _elapsed += TimeSpan.FromHours(1);
        await reopened.HandleAsync([At(DeltaKind.Gap, "")], Cancel);
        Assert.Equal(["RulesObserved", "GapObserved"], Shown(since: 5));
        Assert.Equal(("9", seen), (_store.Log[^1].Metadata.GapFrom, _store.Log[^1].Metadata.GapFromTime));
    }

    Task<StreamRecorder> Open(params RecordingRule[] rules) =>
        StreamRecorder.OpenAsync(_store, "test", Pods.GroupResource, new Redactor(new byte[RedactionKey.Length]), new RecordingRules(rules).For(Pods, _counts), TimeProvider.System, Cancel);

    /// <summary>Five events, and one more where there are rules: the rules.</summary>
    async Task<StreamRecorder> Synced(params RecordingRule[] rules)
    {
        var recorder = await Open(rules);
        await recorder.HandleAsync([At(DeltaKind.ListStarted, ""), Change(DeltaKind.Listed, "a", "5"), Change(DeltaKind.Listed, "b", "6", uid: "u2"), At(DeltaKind.ListCompleted, "9")], Cancel);
        return recorder;
    }

    List<string> Rules() => [.. _store.Log.Where(recorded => recorded.Type == EventType.RulesObserved).Select(recorded => recorded.Metadata.Reason!)];

    /// <summary>The log behind its first events, the first record of rules not counted.</summary>
    List<string> Shown(int since = 0) => [.. _store.Log.Skip(since + (since > 0 && since < 6 && _store.Log.Take(2).Any(recorded => recorded.Type == EventType.RulesObserved) ? 1 : 0)).Select(recorded =>
        recorded.Metadata.Object.Name.Length == 0 ? $"{recorded.Type}" : $"{recorded.Type} {recorded.Metadata.Object.Name} {recorded.Metadata.ResourceVersion}")];

    Delta Modified(string name, string version, string heartbeat = "a", string phase = "Running", string? manager = null) =>
        Change(DeltaKind.Modified, name, version, heartbeat, phase, manager);

    Delta Change(DeltaKind kind, string name, string version, string heartbeat = "a", string phase = "Running", string? manager = null, string uid = "u1", string @namespace = "shop") => At(kind, version, $$$"""
        {"kind":"Pod","apiVersion":"v1","metadata":{"name":"{{{name}}}","namespace":"{{{@namespace}}}","uid":"{{{uid}}}","resourceVersion":"{{{version}}}"{{{Managers(manager)}}}},
        "status":{"phase":"{{{phase}}}","conditions":[{"type":"Ready","lastHeartbeatTime":"{{{heartbeat}}}"}]}}
        """);

    static string Managers(string? manager) => manager is null ? "" : $$""","managedFields":[{"manager":"{{manager}}"}]""";

    Delta At(DeltaKind kind, string version, string json = "") => new()
    {
        Kind = kind,
        ResourceVersion = version,
        ObservedAt = Start + (_elapsed += TimeSpan.FromSeconds(1)),
        Provenance = kind is DeltaKind.Listed or DeltaKind.ListStarted or DeltaKind.ListCompleted ? Provenance.List : Provenance.Watch,
        Type = Pods,
        Object = Encoding.UTF8.GetBytes(json),
        Reason = kind == DeltaKind.Gap ? "410 Gone" : null,
    };
}
