using System.Globalization;
using System.Text;
using CsCheck;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;
using Xunit;

namespace Replicator.TestKit.Stores;

/// <summary>What every snapshot store must answer: the same as a naive fold of the log. A store's tests derive from it.</summary>
public abstract class SnapshotStoreConformance : IAsyncLifetime
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly DateTimeOffset Start = new(2026, 1, 1, 3, 0, 0, TimeSpan.Zero);

    protected abstract IEventStore Events { get; }

    protected abstract ISnapshotStore Snapshots { get; }

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    protected abstract ValueTask OpenAsync();

    protected abstract ValueTask CloseAsync();

    public async ValueTask InitializeAsync() => await OpenAsync();

    public virtual async ValueTask DisposeAsync()
    {
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task As_of_is_exact_for_every_position_time_and_version_of_any_history()
    {
        var round = 0;
        await Histories.SampleAsync(async steps =>
        {
            var cluster = $"c{round++}";
            await Record(cluster, steps);
            using (var projector = new Projector(Events, Snapshots))
                await projector.CatchUpAsync(Cancel);
            var log = await Log(cluster);
            foreach (var recorded in log)
            {
                await Same(log, cluster, Cut.AtPosition(recorded.Position), other => other.Position <= recorded.Position);
                await Same(log, cluster, Cut.AtTime(recorded.Metadata.ObservedAt), other => other.Metadata.ObservedAt <= recorded.Metadata.ObservedAt);
                await Same(log, cluster, Cut.AtTime(recorded.Metadata.ObservedAt.AddMicroseconds(-1)), other => other.Metadata.ObservedAt < recorded.Metadata.ObservedAt);
                var version = recorded.Metadata.ResourceVersion;
                await Same(log, cluster, Cut.AtResourceVersion(version), other => ResourceVersion.Compare(other.Metadata.ResourceVersion, version) <= 0);
            }
            await Same(log, cluster, Cut.Now, _ => true);
            await Same(log, cluster, Cut.AtTime(Start.AddYears(1)), _ => true);
            Assert.Empty(await List(new ObjectQuery { Cluster = cluster, Type = Pods.GroupResource, Cut = Cut.AtTime(Start.AddYears(-1)) }));
        }, iter: 10, threads: 1);
    }

    [Fact]
    public async Task State_is_a_fold_of_the_log_and_a_rebuild_gives_the_same()
    {
        await Histories.SampleAsync(async steps =>
        {
            await Record($"c{Guid.NewGuid():N}", steps);
            using var projector = new Projector(Events, Snapshots);
            await projector.CatchUpAsync(Cancel);
            var digest = await Snapshots.ComputeDigestAsync(Cancel);
            await CloseAsync();
            await OpenAsync();
            using var again = new Projector(Events, Snapshots);
            var progress = new Collected();
            await again.RebuildAsync(progress, Cancel);
            Assert.Equal(digest, await Snapshots.ComputeDigestAsync(Cancel));
            Assert.Equal(await Events.GetHeadAsync(Cancel), await Snapshots.GetCheckpointAsync(Cancel));
            Assert.Equal(await Events.GetHeadAsync(Cancel), progress.Last.Position);
        }, iter: 8, threads: 1);
    }

    [Fact]
    public async Task A_rebuild_that_was_interrupted_goes_on_and_readers_keep_the_old_state_until_it_is_done()
    {
        await Record("c", Enumerable.Range(0, 1500).Select(index => (index % 7, index % 5, false)).ToList());
        using var projector = new Projector(Events, Snapshots);
        await projector.CatchUpAsync(Cancel);
        var digest = await Snapshots.ComputeDigestAsync(Cancel);

        using (var interrupt = CancellationTokenSource.CreateLinkedTokenSource(Cancel))
        {
            var stopping = new Collected { OnReport = _ => interrupt.Cancel() };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => projector.RebuildAsync(stopping, interrupt.Token));
        }
        Assert.Equal(digest, await Snapshots.ComputeDigestAsync(Cancel));
        await CloseAsync();
        await OpenAsync();
        Assert.Equal(digest, await Snapshots.ComputeDigestAsync(Cancel));
        using var again = new Projector(Events, Snapshots);
        var progress = new Collected();
        await again.RebuildAsync(progress, Cancel);
        Assert.True(progress.First.Position > 600, $"It began anew: {progress.First}");
        Assert.Equal(digest, await Snapshots.ComputeDigestAsync(Cancel));

        // What follows is applied to the new generation.
        await Record("d", [(1, 1, false)]);
        await again.CatchUpAsync(Cancel);
        Assert.Single(await List(new ObjectQuery { Cluster = "d", Type = Pods.GroupResource, Cut = Cut.Now }));
    }

    [Fact]
    public async Task A_list_is_paged_and_narrowed_by_namespace_labels_and_owner()
    {
        await Record("c", [.. Enumerable.Range(0, 40).Select(index => (index, index % 5, false))]);
        using var projector = new Projector(Events, Snapshots);
        await projector.CatchUpAsync(Cancel);
        var query = new ObjectQuery { Cluster = "c", Type = Pods.GroupResource, Cut = Cut.Now };
        var all = await List(query);
        Assert.Equal(40, all.Count);
        foreach (var cut in (Cut[])[Cut.Now, Cut.AtTime(Start.AddYears(1))])
        {
            var paged = new List<StoredObject>();
            (string, string)? after = null;
            while (true)
            {
                var page = await List(query with { Cut = cut, Limit = 7, After = after });
                if (page.Count == 0)
                    break;
                paged.AddRange(page);
                after = (page[^1].Object.Namespace, page[^1].Object.Name);
            }
            Assert.Equal(all.Select(one => one.Object), paged.Select(one => one.Object));
            Assert.Equal(20, (await List(query with { Cut = cut, Namespace = "ns1" })).Count);
            Assert.All(await List(query with { Cut = cut, Namespace = "ns1" }), one => Assert.Equal("ns1", one.Object.Namespace));
            Assert.Equal(8, (await List(query with { Cut = cut, Selector = new LabelSelector([new("shape", LabelOperator.In, ["3"])]) })).Count);
            Assert.Equal(24, (await List(query with { Cut = cut, Selector = new LabelSelector([new("shape", LabelOperator.NotIn, ["3", "1"])]) })).Count);
            Assert.Equal(4, (await List(query with { Cut = cut, Namespace = "ns0", Selector = new LabelSelector([new("shape", LabelOperator.In, ["3"])]) })).Count);
            Assert.Equal(8, (await List(query with { Cut = cut, OwnerUid = "owner-2" })).Count);
            Assert.Equal(3, (await List(query with { Cut = cut, OwnerUid = "owner-2", Limit = 3 })).Count);
        }
    }

    [Fact]
    public async Task History_goes_over_deletion_and_re_creation_with_half_open_intervals()
    {
        await Record("c", [(1, 1, false), (1, 2, false), (1, 2, true), (1, 3, false)]);
        using var projector = new Projector(Events, Snapshots);
        await projector.CatchUpAsync(Cancel);
        var versions = new List<StoredVersion>();
        await foreach (var version in Snapshots.GetHistoryAsync("c", Pods.GroupResource, "ns1", "o1", states: true, Cancel))
            versions.Add(version);
        Assert.Equal([EventType.ObjectAdded, EventType.ObjectModified, EventType.ObjectDeleted, EventType.ObjectAdded], versions.Select(version => version.Event));
        Assert.Equal([versions[1].From, versions[2].From, null, null], versions.Select(version => version.To));
        Assert.Equal(2, versions.Select(version => version.Object.Uid).Distinct().Count());
        Assert.All(versions, version => Assert.False(version.State.IsEmpty));
    }

    [Fact]
    public async Task Types_and_gaps_say_how_each_type_stands()
    {
        await Record("c", [(1, 1, false), (2, 2, false), (2, 2, true)]);
        using var projector = new Projector(Events, Snapshots);
        await projector.CatchUpAsync(Cancel);
        var type = Assert.Single(await Snapshots.GetTypesAsync("c", Cancel));
        Assert.Equal((1L, 3L, 1L, true), (type.Objects, type.Versions, type.Gaps, type.Synced));
        var gap = Assert.Single(await Snapshots.GetGapsAsync("c", null, Cancel));
        Assert.Equal(("", "1"), (gap.FromResourceVersion, gap.ToResourceVersion));
        Assert.NotNull(gap.To);
        Assert.Empty(await Snapshots.GetTypesAsync("other", Cancel));
        Assert.Null(await Snapshots.GetAsync("c", Pods.GroupResource, "ns0", "o2", Cut.Now, Cancel));
        Assert.NotNull(await Snapshots.GetAsync("c", Pods.GroupResource, "ns1", "o1", Cut.Now, Cancel));
    }

    /// <summary>Names, shapes (labels, owners) and deletions.</summary>
    static Gen<List<(int Name, int Shape, bool Deleted)>> Histories => Gen.Select(Gen.Int[0, 6], Gen.Int[0, 4], Gen.Int[0, 3].Select(number => number == 0)).List[1, 60];

    async Task Record(string cluster, List<(int Name, int Shape, bool Deleted)> steps)
    {
        using var recorder = await StreamRecorder.OpenAsync(Events, cluster, Pods.GroupResource, new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, Cancel);
        var (version, second) = (1, 0);
        Delta Make(DeltaKind kind, string text, string version) => new()
        {
            Kind = kind,
            ResourceVersion = version,
            ObservedAt = Start.AddSeconds(second++ / 3),
            Provenance = Provenance.Watch,
            Type = Pods,
            Object = Encoding.UTF8.GetBytes(text),
        };
        var deltas = new List<Delta> { Make(DeltaKind.ListStarted, "", "1"), Make(DeltaKind.ListCompleted, "", "1") };
        var lives = new Dictionary<int, int>();
        var live = new HashSet<int>();
        foreach (var (name, shape, deleted) in steps)
        {
            if (deleted && !live.Contains(name))
                continue;
            var kind = deleted ? DeltaKind.Deleted : live.Contains(name) ? DeltaKind.Modified : DeltaKind.Added;
            if (kind == DeltaKind.Added)
                lives[name] = lives.GetValueOrDefault(name) + 1;
            if (deleted)
                live.Remove(name);
            else
                live.Add(name);
            var number = (++version).ToString(CultureInfo.InvariantCulture);
            var uid = new Guid(name, (short)lives[name], 0, new byte[8]);
            deltas.Add(Make(kind, $$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"shape":"{{{shape}}}"},"name":"o{{{name}}}","namespace":"ns{{{name % 2}}}","ownerReferences":[{"uid":"owner-{{{shape}}}"}],"resourceVersion":"{{{number}}}","uid":"{{{uid}}}"},"n":{{{version}}}.0}""", number));
        }
        foreach (var chunk in deltas.Chunk(17))
            await recorder.HandleAsync(chunk, Cancel);
    }

    async Task<List<RecordedEvent>> Log(string cluster)
    {
        var log = new List<RecordedEvent>();
        await foreach (var page in Events.ReadStreamAsync(new StreamId(cluster, Pods.GroupResource), 0, backwards: false, new ReadOptions(), Cancel))
            log.AddRange(page.Events);
        return log;
    }

    async Task<List<StoredObject>> List(ObjectQuery query)
    {
        var list = new List<StoredObject>();
        await foreach (var one in Snapshots.ListAsync(query, Cancel))
            list.Add(one with { State = one.State.ToArray() });
        return list;
    }

    async Task Same(List<RecordedEvent> log, string cluster, Cut cut, Func<RecordedEvent, bool> isBefore)
    {
        var fold = new SortedDictionary<(string, string), string>();
        foreach (var recorded in log.Where(isBefore).Where(recorded => recorded.Metadata.Object.Name.Length > 0))
        {
            var key = (recorded.Metadata.Object.Namespace, recorded.Metadata.Object.Name);
            if (recorded.Type == EventType.ObjectDeleted)
                fold.Remove(key);
            else
                fold[key] = Encoding.UTF8.GetString(recorded.State.Span);
        }
        var listed = await List(new ObjectQuery { Cluster = cluster, Type = Pods.GroupResource, Cut = cut });
        Assert.Equal(fold.Values, listed.Select(one => Encoding.UTF8.GetString(one.State.Span)));
    }

    sealed class Collected : IProgress<RebuildProgress>
    {
        public Action<RebuildProgress>? OnReport { get; init; }
        public RebuildProgress First { get; private set; }
        public RebuildProgress Last { get; private set; }

        public void Report(RebuildProgress value)
        {
            if (First == default)
                First = value;
            Last = value;
            OnReport?.Invoke(value);
        }
    }
}
