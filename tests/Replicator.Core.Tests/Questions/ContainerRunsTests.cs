using System.Globalization;
using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Questions;
using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Core.Tests.Questions;

public sealed class ContainerRunsTests
{
    const string Digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const string Other = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly DateTimeOffset Start = new(2026, 1, 1, 3, 0, 0, TimeSpan.Zero);

    readonly InMemoryEventStore _events = new();
    int _version;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_run_goes_from_the_start_that_the_kubelet_reported_to_the_end_that_it_reported()
    {
        await Pod(5, EventType.ObjectAdded, Status("c1", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:02Z\"}"));
        await Pod(30, EventType.ObjectModified, Status("c1", Digest, "\"terminated\":{\"exitCode\":1,\"startedAt\":\"2026-01-01T03:00:02Z\",\"finishedAt\":\"2026-01-01T03:00:28Z\"}"));
        Assert.Equal(["00:02..00:28"], await Runs());
    }

    [Fact]
    public async Task Each_restart_is_a_run_of_its_own_and_the_last_state_tells_when_the_one_before_ended()
    {
        await Pod(5, EventType.ObjectAdded, Status("c1", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:02Z\"}"));
        await Pod(40, EventType.ObjectModified, Status("c2", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:35Z\"}", "\"terminated\":{\"containerID\":\"containerd://c1\",\"startedAt\":\"2026-01-01T03:00:02Z\",\"finishedAt\":\"2026-01-01T03:00:31Z\"}"));
        Assert.Equal(["00:02..00:31", "00:35.."], await Runs());
    }

    [Fact]
    public async Task Another_image_in_its_place_and_a_deletion_end_a_run_when_they_were_observed()
    {
        await Pod(5, EventType.ObjectAdded, Status("c1", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:02Z\"}"));
        await Pod(20, EventType.ObjectModified, Status("c2", Other, "\"running\":{\"startedAt\":\"2026-01-01T03:00:19Z\"}"));
        await Pod(25, EventType.ObjectModified, Status("c3", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:24Z\"}"));
        await Pod(50, EventType.ObjectDeleted, Status("c3", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:24Z\"}"));
        Assert.Equal(["00:02..00:20", "00:24..00:50"], await Runs());
    }

    [Fact]
    public async Task A_gap_marks_the_runs_that_it_lies_in_and_what_a_list_found_gone_ended_before()
    {
        await Pod(5, EventType.ObjectAdded, Status("c1", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:02Z\"}"));
        await Append(60, EventType.GapObserved, "", Provenance.Watch, "");
        await Pod(70, EventType.ObjectDeleted, "", Provenance.Relist);
        await Append(70, EventType.SyncCompleted, "", Provenance.Watch, "");
        await Pod(80, EventType.ObjectAdded, Status("c9", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:01:15Z\"}"), uid: "second");
        Assert.Equal(["00:02..<01:10 gap", "01:15.."], await Runs());
    }

    [Fact]
    public async Task What_ran_when_the_record_began_and_does_not_say_since_when_ran_before()
    {
        await Pod(5, EventType.ObjectAdded, Status("c1", Digest, ""), Provenance.List);
        Assert.Equal(["<00:05.."], await Runs());
    }

    [Fact]
    public async Task A_part_of_the_record_shows_the_runs_that_touch_it()
    {
        await Pod(5, EventType.ObjectAdded, Status("c1", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:02Z\"}"));
        await Pod(20, EventType.ObjectModified, Status("c2", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:19Z\"}"));
        // What came later is not looked at, so the run is open.
        Assert.Equal(["00:02.."], await Runs(to: Start.AddSeconds(18)));
        Assert.Equal(["00:19.."], await Runs(from: Start.AddSeconds(30)));
        Assert.Empty(await Runs(to: Start.AddSeconds(1)));
    }

    [Theory]
    [InlineData(Digest, 1)]
    [InlineData("sha256:aaaaaaa", 1)]
    [InlineData("AAAAAAAAAA", 1)]
    [InlineData("registry.example/app@" + Digest, 1)]
    [InlineData(Other, 0)]
    public async Task A_digest_is_found_by_its_beginning_with_or_without_its_algorithm(string digest, int count)
    {
        await Pod(5, EventType.ObjectAdded, Status("c1", Digest, "\"running\":{\"startedAt\":\"2026-01-01T03:00:02Z\"}"));
        Assert.Equal(count, (await ContainerImages.FindRunsAsync(_events, "c", digest, null, null, null, Cancel)).Count);
    }

    [Theory]
    [InlineData("sha256:abc")]
    [InlineData("nginx")]
    [InlineData("")]
    public async Task What_is_no_digest_is_refused_with_what_one_looks_like(string digest) =>
        Assert.Contains("first 7", (await Assert.ThrowsAsync<FormatException>(async () => await ContainerImages.FindRunsAsync(_events, "c", digest, null, null, null, Cancel))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_node_has_a_period_for_each_set_of_versions()
    {
        async Task Node(int second, EventType type, string runtime) => await Append(second, type, $$$$"""{"status":{"nodeInfo":{"containerRuntimeVersion":"{{{{runtime}}}}","kubeletVersion":"v1.36.2"}}}""", Provenance.Watch, "n", new ResourceType("", "v1", "nodes", "Node", Namespaced: false));
        await Node(1, EventType.ObjectAdded, "containerd://2.0.1");
        await Node(2, EventType.ObjectModified, "containerd://2.0.1");
        await Node(9, EventType.ObjectModified, "containerd://2.0.2");
        await Node(30, EventType.ObjectDeleted, "containerd://2.0.2");
        Assert.Equal([("containerd://2.0.1", 1, 9), ("containerd://2.0.2", 9, 30)],
            (await NodeRuntimes.ReadAsync(_events, "c", null, Cancel)).Select(period => (period.Runtime, (int)(period.From - Start).TotalSeconds, (int)(period.To!.Value - Start).TotalSeconds)));
        Assert.Equal([("containerd://2.0.1", (DateTimeOffset?)null)], (await NodeRuntimes.ReadAsync(_events, "c", Start.AddSeconds(5), Cancel)).Select(period => (period.Runtime, period.To)));
    }

    async Task<List<string>> Runs(DateTimeOffset? from = null, DateTimeOffset? to = null)
    {
        string Text(DateTimeOffset? time) => time is { } one ? one.ToString("mm:ss", CultureInfo.InvariantCulture) : "";
        return [.. (await ContainerImages.FindRunsAsync(_events, "c", Digest, from, to, null, Cancel)).Select(run => $"{(run.IsFromBefore ? "<" : "")}{Text(run.From)}..{(run.IsToBefore ? "<" : "")}{Text(run.To)}{(run.HasGap ? " gap" : "")}")];
    }

    static string Status(string container, string digest, string state, string last = "") =>
        "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"containerStatuses\":[{\"containerID\":\"containerd://" + container + "\",\"image\":\"app:1\",\"imageID\":\"registry.example/app@" + digest
            + "\",\"lastState\":{" + last + "},\"name\":\"web\",\"state\":{" + state + "}}]}}";

    Task Pod(int second, EventType type, string state, Provenance provenance = Provenance.Watch, string uid = "first") => Append(second, type, state, provenance, uid);

    async Task Append(int second, EventType type, string state, Provenance provenance, string uid, ResourceType? of = null)
    {
        var version = (++_version).ToString(CultureInfo.InvariantCulture);
        await _events.AppendAsync(new StreamId("c", (of ?? Pods).GroupResource), ExpectedRevision.Any,
        [
            new ProposedEvent
            {
                Id = Guid.NewGuid(),
                Type = type,
                Metadata = new EventMetadata
                {
                    Cluster = "c",
                    Type = of ?? Pods,
                    Object = uid.Length == 0 ? new("", "", "") : new ObjectIdentity("ns", "p", uid),
                    ResourceVersion = version,
                    ObservedAt = Start.AddSeconds(second),
                    Provenance = provenance,
                    GapFromTime = type == EventType.GapObserved ? Start.AddSeconds(second) : null,
                },
                State = Encoding.UTF8.GetBytes(state),
                Hash = new byte[HashChain.HashLength],
            },
        ], Cancel);
    }
}
