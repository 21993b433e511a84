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
    // More objects than a store finds at a time.
    const int Many = 5000;

    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly ResourceType Deployments = new("apps", "v1", "deployments", "Deployment", Namespaced: true);
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
    public async Task A_long_list_comes_whole_and_in_order_and_may_be_left_at_any_point()
    {
        var query = await RecordManyAsync();
        var all = await List(query);
        Assert.Equal(Many, all.Count);
        Assert.Equal(all.Select(one => (one.Object.Namespace, one.Object.Name)).Order(), all.Select(one => (one.Object.Namespace, one.Object.Name)));
        foreach (var left in (int[])[1, 63, 64, 65, 200, 3000, Many - 1])
        {
            var seen = new List<ObjectIdentity>();
            await foreach (var one in Snapshots.ListAsync(query, Cancel))
            {
                seen.Add(one.Object);
                if (seen.Count == left)
                    break;
            }
            Assert.Equal(all.Take(left).Select(one => one.Object), seen);
        }
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in Snapshots.ListAsync(query, gone.Token))
                await gone.CancelAsync();
        });
        Assert.Equal(Many, (await List(query)).Count);
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
            Assert.Equal(8, (await List(query with { Cut = cut, OwnerUids = ["owner-2"] })).Count);
            Assert.Equal(3, (await List(query with { Cut = cut, OwnerUids = ["owner-2"], Limit = 3 })).Count);
            Assert.Equal(16, (await List(query with { Cut = cut, OwnerUids = ["owner-2", "owner-3", "nobody"] })).Count);
            Assert.Empty(await List(query with { Cut = cut, OwnerUids = [] }));
            foreach (var counted in (ObjectQuery[])[query, query with { Namespace = "ns1" }, query with { OwnerUids = ["owner-2"] }, query with { Limit = 7 }])
                Assert.Equal((await List(counted with { Cut = cut })).Count, await Snapshots.CountAsync(counted with { Cut = cut }, Cancel));
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
    public async Task What_changed_between_two_cuts_is_what_two_lists_differ_in()
    {
        var round = 0;
        await Gen.Select(Histories, Gen.Int[0, 59], Gen.Int[0, 59]).SampleAsync(async (steps, one, other) =>
        {
            var cluster = $"d{round++}";
            await Record(cluster, steps);
            await CatchUp();
            var log = (await Log(cluster)).Where(recorded => recorded.Metadata.Object.Name.Length > 0).ToList();
            if (log.Count == 0)
                return;
            var (first, second) = (log[one % log.Count], log[other % log.Count]);
            foreach (var (from, to) in ((Cut, Cut)[])
            [
                (Cut.AtPosition(first.Position), Cut.AtPosition(second.Position)),
                (Cut.AtTime(first.Metadata.ObservedAt), Cut.AtTime(second.Metadata.ObservedAt)),
                (Cut.AtResourceVersion(first.Metadata.ResourceVersion), Cut.AtResourceVersion(second.Metadata.ResourceVersion)),
                (Cut.AtTime(second.Metadata.ObservedAt), Cut.Now),
                (Cut.AtTime(Start.AddYears(-1)), Cut.Now),
            ])
            {
                foreach (var @namespace in (string?[])[null, "ns1"])
                {
                    var query = new ObjectQuery { Cluster = cluster, Type = Pods.GroupResource, Cut = from, Namespace = @namespace };
                    var (before, after) = (await List(query), await List(query with { Cut = to }));
                    var expected = before.Select(held => held.Object.ToString()).Union(after.Select(held => held.Object.ToString())).Order(StringComparer.Ordinal)
                        .Select(name => (Name: name, Before: Held(before, name), After: Held(after, name))).Where(pair => pair.Before != pair.After).ToList();
                    var actual = new List<(string Name, string? Before, string? After)>();
                    await foreach (var changed in Snapshots.ListChangedAsync(new ChangedQuery { Cluster = cluster, From = from, To = to, Namespace = @namespace }, Cancel))
                    {
                        Assert.Equal(Pods.GroupResource, changed.Type.GroupResource);
                        if (changed.Before is not null || changed.After is not null)
                            actual.Add((new ObjectIdentity(changed.Namespace, changed.Name, "").ToString(), Show(changed.Before), Show(changed.After)));
                    }
                    Assert.Equal(expected, actual);
                }
            }

            static string? Held(List<StoredObject> held, string name) => held.Where(one => one.Object.ToString() == name).Select(one => Show(one)).FirstOrDefault();

            static string? Show(StoredObject? held) => held is { } one ? $"{one.Object.Uid} {one.ResourceVersion} {Text(one.State)}" : null;
        }, iter: 15, threads: 1);
    }

    [Fact]
    public async Task What_came_and_went_between_two_cuts_is_there_with_neither_and_what_was_created_again_is_one()
    {
        await Record("c", [(1, 1, false), (2, 1, false), (3, 1, false), (2, 1, true), (1, 1, true), (1, 2, false), (4, 1, false)]);
        await CatchUp();
        var changed = new List<(string, string?, string?)>();
        await foreach (var one in Snapshots.ListChangedAsync(new ChangedQuery { Cluster = "c", From = Cut.AtResourceVersion("2"), To = Cut.AtResourceVersion("7") }, Cancel))
            changed.Add((one.Name, one.Before?.Object.Uid, one.After?.Object.Uid));
        changed.Sort();
        Assert.Equal(["o1", "o2", "o3"], changed.Select(one => one.Item1));
        Assert.NotNull(changed[0].Item2);
        Assert.NotNull(changed[0].Item3);
        Assert.NotEqual(changed[0].Item2, changed[0].Item3);
        Assert.Equal((null, null), (changed[1].Item2, changed[1].Item3));
        Assert.Null(changed[2].Item2);
        Assert.Empty(await Snapshots.ListChangedAsync(new ChangedQuery { Cluster = "c", From = Cut.AtResourceVersion("2"), To = Cut.Now, Types = [Deployments.GroupResource] }, Cancel).ToListAsync(Cancel));
        Assert.Empty(await Snapshots.ListChangedAsync(new ChangedQuery { Cluster = "other", From = Cut.AtPosition(0), To = Cut.Now }, Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task A_short_interval_of_a_long_record_is_compared_as_exactly_as_a_long_one()
    {
        // Far more versions than objects: a store may look at the objects instead.
        await Record("c", [.. Enumerable.Range(0, 1500).Select(index => (index % 7, index % 5, false))]);
        await CatchUp();
        var whole = await Snapshots.ListChangedAsync(new ChangedQuery { Cluster = "c", From = Cut.AtResourceVersion("8"), To = Cut.Now }, Cancel).CountAsync(Cancel);
        Assert.Equal(7, whole);
        var last = await Snapshots.ListChangedAsync(new ChangedQuery { Cluster = "c", From = Cut.AtResourceVersion("1499"), To = Cut.AtResourceVersion("1501") }, Cancel).Select(one => (one.Name, one.Before?.ResourceVersion, one.After?.ResourceVersion)).ToListAsync(Cancel);
        Assert.Equal(2, last.Count);
        Assert.All(last, one => Assert.NotEqual(one.Item2, one.Item3));
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

    [Fact]
    public async Task Every_label_operator_selects_what_it_says_now_and_in_the_past()
    {
        await Append(Pods, ("a", "1", """{"metadata":{"labels":{"app":"web","size":"3"}}}"""), ("b", "2", """{"metadata":{"labels":{"app":"db","size":"10"}}}"""), ("c", "3", """{"metadata":{"labels":{"app":"web","canary":""}}}"""), ("d", "4", "{}"));
        await Append(Pods, ("a", "5", """{"metadata":{"labels":{"app":"old"}}}"""), ("c", "6", """{"metadata":{"labels":{"app":"web"}}}"""));
        await CatchUp();
        async Task Selects(string selector, Cut cut, params string[] names) =>
            Assert.Equal(names, (await List(new ObjectQuery { Cluster = "c", Type = Pods.GroupResource, Cut = cut, Selector = LabelSelector.Parse(selector) })).Select(one => one.Object.Name));
        var past = Cut.AtResourceVersion("4");
        await Selects("app=web", past, "a", "c");
        await Selects("app=web", Cut.Now, "c");
        await Selects("app!=web", past, "b", "d");
        await Selects("app!=web", Cut.Now, "a", "b", "d");
        await Selects("app in (web, db),size", past, "a", "b");
        await Selects("app notin (web)", past, "b", "d");
        await Selects("canary", past, "c");
        await Selects("canary", Cut.Now);
        await Selects("!canary", past, "a", "b", "d");
        await Selects("!app", past, "d");
        await Selects("size>3", past, "b");
        await Selects("size<11", past, "a", "b");
        await Selects("app=none", past);
    }

    [Fact]
    public async Task A_list_is_in_the_order_of_etcd_whatever_the_names()
    {
        (string Namespace, string Name)[] names = [("shop-a", "x"), ("shop", "x"), ("shop", "a-b"), ("shop", "a"), ("shop", "a.b"), ("shop0", "a"), ("", "node-1"), ("shop", "aa"), ("sho", "z")];
        await Append(Pods, [.. names.Select((name, index) => ($"{name.Namespace}/{name.Name}", $"{index + 1}", "{}"))]);
        await CatchUp();
        var expected = names.Select(name => name.Namespace.Length == 0 ? name.Name : $"{name.Namespace}/{name.Name}").Order(StringComparer.Ordinal);
        foreach (var cut in (Cut[])[Cut.Now, Cut.AtResourceVersion("9")])
            Assert.Equal(expected, (await List(new ObjectQuery { Cluster = "c", Type = Pods.GroupResource, Cut = cut })).Select(one => one.Object.ToString()));
    }

    [Fact]
    public async Task Long_and_opaque_resource_versions_keep_their_text_and_their_order()
    {
        await Append(Pods, ("a", "9", """{"v":1}"""), ("a", "10", """{"v":2}"""), ("a", "18446744073709551616", """{"v":3}"""), ("a", "100000000000000000000000", """{"v":4}"""));
        await Append(Deployments, ("d", "opaque/1", """{"v":1}"""), ("d", "opaque/2", """{"v":2}"""));
        await CatchUp();
        foreach (var (cut, state) in ((string, string)[])[("9", """{"v":1}"""), ("11", """{"v":2}"""), ("18446744073709551615", """{"v":2}"""), ("18446744073709551616", """{"v":3}"""), ("99999999999999999999999", """{"v":3}"""), ("100000000000000000000001", """{"v":4}""")])
            Assert.Equal(state, Text((await Snapshots.GetAsync("c", Pods.GroupResource, "", "a", Cut.AtResourceVersion(cut), Cancel))!.Value.State));
        Assert.Null(await Snapshots.GetAsync("c", Pods.GroupResource, "", "a", Cut.AtResourceVersion("8"), Cancel));
        Assert.Equal("opaque/2", (await Snapshots.GetAsync("c", Deployments.GroupResource, "", "d", Cut.Now, Cancel))!.Value.ResourceVersion);
        Assert.Equal(["100000000000000000000000", "opaque/2"], (await Snapshots.GetTypesAsync("c", Cancel)).Select(type => type.ResourceVersion).Order());
        await Assert.ThrowsAsync<FormatException>(async () => await Snapshots.GetAsync("c", Pods.GroupResource, "", "a", Cut.AtResourceVersion("opaque"), Cancel));
    }

    [Fact]
    public async Task Bodies_of_three_megabytes_and_texts_that_stores_like_to_change_come_back_as_they_were()
    {
        var blob = new string('x', 3 * 1024 * 1024);
        string[] states = [$$"""{"data":"{{blob}}","n":1}""", """{"e":1e21,"n":9007199254740993,"z":1.0,"zz":-0}""", """{"nul":"a\u0000b","surrogate":"\ud800"}""", "{}", $$"""{"data":"{{blob}}","n":2}"""];
        for (var index = 0; index < states.Length; index++)
            await Append(Pods, ("a", $"{index + 1}", states[index]));
        await CatchUp();
        for (var index = 0; index < states.Length; index++)
            Assert.Equal(states[index], Text((await Snapshots.GetAsync("c", Pods.GroupResource, "", "a", Cut.AtResourceVersion($"{index + 1}"), Cancel))!.Value.State));
        Assert.Equal(states[^1], Text(Assert.Single(await List(new ObjectQuery { Cluster = "c", Type = Pods.GroupResource, Cut = Cut.Now })).State));
        var history = new List<string>();
        await foreach (var version in Snapshots.GetHistoryAsync("c", Pods.GroupResource, "", "a", states: true, Cancel))
            history.Add(Text(version.State));
        Assert.Equal(states, history);
        await foreach (var version in Snapshots.GetHistoryAsync("c", Pods.GroupResource, "", "a", states: false, Cancel))
            Assert.True(version.State.IsEmpty);
    }

    [Fact]
    public async Task What_is_applied_twice_counts_once_and_a_page_that_fails_changes_nothing()
    {
        await Record("c", [(1, 1, false), (2, 2, false), (1, 2, false)]);
        await CatchUp();
        var (digest, checkpoint) = (await Snapshots.ComputeDigestAsync(Cancel), await Snapshots.GetCheckpointAsync(Cancel));
        await foreach (var page in Events.ReadAllAsync(0, new ReadOptions(), Cancel))
        {
            using (page)
                await Snapshots.ApplyAsync(page, Cancel);
        }
        Assert.Equal((digest, checkpoint), (await Snapshots.ComputeDigestAsync(Cancel), await Snapshots.GetCheckpointAsync(Cancel)));

        await Record("d", [(1, 1, false), (2, 2, false)]);
        var next = new List<RecordedEvent>();
        await foreach (var page in Events.ReadAllAsync(checkpoint, new ReadOptions(), Cancel))
            next.AddRange(page.Events);
        var last = next[^1];
        next.Add(new RecordedEvent { Position = last.Position + 1, Stream = last.Stream, Revision = last.Revision + 1, Id = Guid.NewGuid(), Type = (EventType)99, Metadata = last.Metadata, Hash = last.Hash });
        await Assert.ThrowsAsync<StoreCorruptException>(async () => await Snapshots.ApplyAsync(new EventPage(next, last.Position + 1, null), Cancel));
        Assert.Equal((digest, checkpoint), (await Snapshots.ComputeDigestAsync(Cancel), await Snapshots.GetCheckpointAsync(Cancel)));

        await CatchUp();
        Assert.Equal(2, (await List(new ObjectQuery { Cluster = "d", Type = Pods.GroupResource, Cut = Cut.Now })).Count);
        Assert.Equal(await Events.GetHeadAsync(Cancel), await Snapshots.GetCheckpointAsync(Cancel));
    }

    [Fact]
    public async Task A_position_that_is_found_leaves_nothing_of_before_the_cut_behind_it_out()
    {
        await Record("c", Enumerable.Range(0, 1200).Select(index => (index % 9, index % 5, index % 11 == 10)).ToList());
        await CatchUp();
        var log = await Log("c");
        foreach (var recorded in log.Where((_, index) => index % 97 == 0))
        {
            foreach (var type in (GroupResource?[])[null, Pods.GroupResource])
            {
                var byTime = await Snapshots.FindPositionAsync("c", type, Cut.AtTime(recorded.Metadata.ObservedAt), Cancel);
                Assert.All(log.Where(other => other.Position <= byTime), other => Assert.True(other.Metadata.ObservedAt <= recorded.Metadata.ObservedAt));
                var byVersion = await Snapshots.FindPositionAsync("c", type, Cut.AtResourceVersion(recorded.Metadata.ResourceVersion), Cancel);
                Assert.All(log.Where(other => other.Position <= byVersion), other => Assert.True(ResourceVersion.Compare(other.Metadata.ResourceVersion, recorded.Metadata.ResourceVersion) <= 0));
                Assert.Equal(recorded.Position, await Snapshots.FindPositionAsync("c", type, Cut.AtPosition(recorded.Position), Cancel));
            }
        }
        // And it is worth having: the end is not looked for from the start.
        Assert.True(await Snapshots.FindPositionAsync("c", Pods.GroupResource, Cut.AtTime(Start.AddYears(1)), Cancel) > 0);
    }

    [Fact]
    public async Task A_list_that_began_before_a_rebuild_was_done_or_an_event_was_applied_ends_as_it_began()
    {
        await Append(Pods, [.. Enumerable.Range(0, 5000).Select(index => ($"p{index:0000}", $"{index + 1}", $$"""{"n":{{index}}}"""))]);
        await CatchUp();
        var seen = new List<string>();
        await foreach (var one in Snapshots.ListAsync(new ObjectQuery { Cluster = "c", Type = Pods.GroupResource, Cut = Cut.Now }, Cancel))
        {
            seen.Add(Text(one.State));
            if (seen.Count == 10)
            {
                await Append(Pods, ("p4990", "6000", """{"n":"changed"}"""), ("p9999", "6001", """{"n":"new"}"""));
                await CatchUp();
                using var projector = new Projector(Events, Snapshots);
                await projector.RebuildAsync(null, Cancel);
            }
        }
        Assert.Equal(Enumerable.Range(0, 5000).Select(index => $$"""{"n":{{index}}}"""), seen);
        Assert.Equal("""{"n":"changed"}""", Text((await Snapshots.GetAsync("c", Pods.GroupResource, "", "p4990", Cut.Now, Cancel))!.Value.State));
        Assert.Equal(5001, await Snapshots.ListLiveAsync("c", Pods.GroupResource, Cancel).CountAsync(Cancel));
    }

    [Fact]
    public async Task A_resource_version_means_the_newest_epoch_whose_first_list_is_not_newer_than_it()
    {
        using var recorder = await StreamRecorder.OpenAsync(Events, "c", Pods.GroupResource, new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, Cancel);
        var second = 0;
        Delta Marker(DeltaKind kind, int version) => new()
        {
            Kind = kind,
            ResourceVersion = version == 0 ? "" : version.ToString(CultureInfo.InvariantCulture),
            ObservedAt = Start.AddSeconds(second++),
            Provenance = Provenance.Watch,
            Type = Pods,
        };
        Delta Pod(DeltaKind kind, string name, int version, string past) => Marker(kind, version) with
        {
            Object = Encoding.UTF8.GetBytes($$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","namespace":"ns","resourceVersion":"{{{version}}}","uid":"{{{name}}}"},"past":"{{{past}}}"}"""),
        };
        async Task<string> AsOf(Cut cut) =>
            string.Join(' ', (await List(new ObjectQuery { Cluster = "c", Type = Pods.GroupResource, Cut = cut })).Select(one => $"{one.Object.Name}{one.ResourceVersion}{(Encoding.UTF8.GetString(one.State.Span).Contains("undone", StringComparison.Ordinal) ? "!" : "")}"));

        await recorder.HandleAsync(
        [
            Marker(DeltaKind.ListStarted, 0), Pod(DeltaKind.Listed, "a", 2, "kept"), Pod(DeltaKind.Listed, "b", 3, "kept"), Marker(DeltaKind.ListCompleted, 4),
            Pod(DeltaKind.Modified, "a", 5, "kept"), Pod(DeltaKind.Added, "d", 6, "undone"), Pod(DeltaKind.Deleted, "b", 7, "undone"), Pod(DeltaKind.Modified, "a", 9, "undone"),
        ], Cancel);
        // Enough for any sparse index to be asked as well.
        for (var version = 10; version < 1000; version++)
            await recorder.HandleAsync([Pod(DeltaKind.Modified, "d", version, "undone")], Cancel);
        using var projector = new Projector(Events, Snapshots);
        await projector.CatchUpAsync(Cancel);
        var before = await Events.GetHeadAsync(Cancel);
        Assert.Equal("a9! d999!", await AsOf(Cut.AtResourceVersion("999")));

        // Restored to version 5; what was at 6 and after is undone, and the numbers are given again.
        await recorder.HandleAsync(
        [
            Marker(DeltaKind.Gap, 0) with { Reason = "restored", StartsEpoch = true },
            Marker(DeltaKind.ListStarted, 0), Pod(DeltaKind.Listed, "a", 5, "kept"), Pod(DeltaKind.Listed, "b", 3, "kept"), Marker(DeltaKind.ListCompleted, 6),
            Pod(DeltaKind.Added, "e", 7, "kept"), Pod(DeltaKind.Deleted, "a", 8, "kept"),
        ], Cancel);
        for (var version = 9; version < 700; version++)
            await recorder.HandleAsync([Pod(DeltaKind.Modified, "e", version, "kept")], Cancel);
        await projector.CatchUpAsync(Cancel);

        // Before the new epoch's first list the old one is all that is known.
        Assert.Equal("a2 b3", await AsOf(Cut.AtResourceVersion("4")));
        Assert.Equal("a5 b3", await AsOf(Cut.AtResourceVersion("5")));
        Assert.Equal("a5 b3", await AsOf(Cut.AtResourceVersion("6")));
        Assert.Equal("a5 b3 e7", await AsOf(Cut.AtResourceVersion("7")));
        Assert.Equal("b3 e7", await AsOf(Cut.AtResourceVersion("8")));
        Assert.Equal("b3 e500", await AsOf(Cut.AtResourceVersion("500")));
        Assert.Equal("b3 e699", await AsOf(Cut.AtResourceVersion("999")));
        Assert.Equal("b3 e699", await AsOf(Cut.Now));
        // The past that was undone has positions.
        Assert.Equal("a9! d999!", await AsOf(Cut.AtPosition(before)));
        Assert.Null(await Snapshots.GetAsync("c", Pods.GroupResource, "ns", "d", Cut.AtResourceVersion("500"), Cancel));
        Assert.Equal("3", (await Snapshots.GetAsync("c", Pods.GroupResource, "ns", "b", Cut.AtResourceVersion("500"), Cancel))?.ResourceVersion);

        var digest = await Snapshots.ComputeDigestAsync(Cancel);
        await projector.RebuildAsync(null, Cancel);
        Assert.Equal(digest, await Snapshots.ComputeDigestAsync(Cancel));
        Assert.Equal("b3 e500", await AsOf(Cut.AtResourceVersion("500")));
    }

    [Fact]
    public async Task As_of_is_exact_around_a_gap_wherever_in_the_sparse_index_it_falls()
    {
        for (var changes = 250; changes < 260; changes++)
        {
            var cluster = $"g{changes}";
            await Record(cluster, [.. Enumerable.Range(0, changes).Select(index => (index % 7, index % 5, false))]);
            using (var recorder = await StreamRecorder.OpenAsync(Events, cluster, Pods.GroupResource, new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, Cancel))
            {
                Delta Make(DeltaKind kind, int version, string text = "") => new()
                {
                    Kind = kind,
                    ResourceVersion = version == 0 ? "" : version.ToString(CultureInfo.InvariantCulture),
                    ObservedAt = Start.AddHours(1).AddSeconds(version),
                    Provenance = Provenance.Watch,
                    Type = Pods,
                    Object = Encoding.UTF8.GetBytes(text),
                };
                Delta Pod(DeltaKind kind, int version) => Make(kind, version, $$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"o0","namespace":"ns0","resourceVersion":"{{{version}}}","uid":"{{{new Guid(0, 1, 0, new byte[8])}}}"},"n":{{{version}}}}""");
                await recorder.HandleAsync([Make(DeltaKind.Gap, 0) with { Reason = "410 Expired" }, Make(DeltaKind.ListStarted, 0), Pod(DeltaKind.Listed, 900), Make(DeltaKind.ListCompleted, 1000)], Cancel);
                await recorder.HandleAsync([.. Enumerable.Range(1001, 300).Select(version => Pod(DeltaKind.Modified, version))], Cancel);
            }
            await CatchUp();
            var log = await Log(cluster);
            foreach (var version in (int[])[2, changes / 2, changes, changes + 1, 1001, 1100, 1300])
            {
                var text = version.ToString(CultureInfo.InvariantCulture);
                await Same(log, cluster, Cut.AtResourceVersion(text), other => other.Metadata.ResourceVersion.Length > 0 && ResourceVersion.Compare(other.Metadata.ResourceVersion, text) <= 0);
            }
        }
    }

    /// <summary>Names, shapes (labels, owners) and deletions.</summary>
    static Gen<List<(int Name, int Shape, bool Deleted)>> Histories => Gen.Select(Gen.Int[0, 6], Gen.Int[0, 4], Gen.Int[0, 3].Select(number => number == 0)).List[1, 60];

    async Task CatchUp()
    {
        using var projector = new Projector(Events, Snapshots);
        await projector.CatchUpAsync(Cancel);
    }

    static string Text(ReadOnlyMemory<byte> state) => Encoding.UTF8.GetString(state.Span);

    /// <summary>Appends states as they are; a name may have its namespace before a slash.</summary>
    async Task Append(ResourceType type, params (string Name, string Version, string State)[] objects) =>
        await Events.AppendAsync(new StreamId("c", type.GroupResource), ExpectedRevision.Any, [.. objects.Select(one =>
        {
            var slash = one.Name.IndexOf('/', StringComparison.Ordinal);
            var metadata = new EventMetadata
            {
                Cluster = "c",
                Type = type,
                Object = new(slash < 0 ? "" : one.Name[..slash], one.Name[(slash + 1)..], $"uid-{one.Name}"),
                ResourceVersion = one.Version,
                ObservedAt = Start,
                Provenance = Provenance.Watch,
            };
            return new ProposedEvent
            {
                Id = EventId.ForObject("c", metadata.Object.Uid, one.Version, 0, EventType.ObjectModified),
                Type = EventType.ObjectModified,
                Metadata = metadata,
                State = Encoding.UTF8.GetBytes(one.State),
                Hash = new byte[HashChain.HashLength],
            };
        })], Cancel);

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

    /// <summary>More objects than are found at a time.</summary>
    protected async Task<ObjectQuery> RecordManyAsync()
    {
        await Record("c", [.. Enumerable.Range(0, Many).Select(index => (index, 1, false))]);
        using var projector = new Projector(Events, Snapshots);
        await projector.CatchUpAsync(Cancel);
        return new ObjectQuery { Cluster = "c", Type = Pods.GroupResource, Cut = Cut.AtTime(Start.AddYears(1)) };
    }

    protected async Task<List<StoredObject>> List(ObjectQuery query)
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

        // One object by name answers as the list does; which one goes round with the cut.
        var name = (int)((cut.Kind == CutKind.Now ? 0 : cut.Value) % 7);
        var got = await Snapshots.GetAsync(cluster, Pods.GroupResource, $"ns{name % 2}", $"o{name}", cut, Cancel);
        Assert.Equal(fold.GetValueOrDefault(($"ns{name % 2}", $"o{name}")), got is { } found ? Text(found.State) : null);
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
