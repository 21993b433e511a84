using System.Runtime.CompilerServices;
using System.Text;
using CsCheck;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Xunit;

namespace Replicator.TestKit.Stores;

/// <summary>What every event store must do. A store's tests derive from it; those of a store that lives in another process from <see cref="RemoteEventStoreConformance"/>.</summary>
public abstract class EventStoreConformance : IAsyncLifetime
{
    protected internal static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    protected internal static readonly ResourceType Deployments = new("apps", "v1", "deployments", "Deployment", Namespaced: true);
    static readonly DateTimeOffset Start = new(2026, 1, 1, 3, 0, 0, TimeSpan.Zero);

    IEventStore? _store;

    protected IEventStore Store => _store!;

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Opens the store under test, empty the first time and with what it held the next.</summary>
    protected abstract ValueTask<IEventStore> OpenAsync();

    public async ValueTask InitializeAsync() => _store = await OpenAsync();

    public virtual async ValueTask DisposeAsync()
    {
        if (_store is not null)
            await _store.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected async Task ReopenAsync()
    {
        await _store!.DisposeAsync();
        _store = await OpenAsync();
    }

    [Fact]
    public async Task What_was_appended_is_read_back_whole_and_in_order()
    {
        var writer = new Writer(Store, Pods);
        await writer.Append(("a", "1", """{"n":9007199254740993,"x":1e21,"y":1.0}"""), ("b", "2", """{"s":"\ud83d\ude00 \u0000","e":"","z":null}"""));
        await writer.Append(("a", "3", """{"n":9007199254740993,"x":1e21,"y":1.00}"""));
        await ReopenAsync();

        var read = await ReadAll();
        Assert.Equal(writer.Written.Select(Show), read.Select(Show));
        Assert.Equal([0L, 1L, 2L], read.Select(recorded => recorded.Revision));
    }

    [Fact]
    public async Task Every_field_of_the_metadata_comes_back()
    {
        var stream = new StreamId("c", Deployments.GroupResource);
        var gap = new EventMetadata
        {
            Cluster = "c",
            Type = Deployments,
            ResourceVersion = "184467440737095516150",
            ObservedAt = Start.AddTicks(10),
            Provenance = Provenance.Relist,
            Epoch = 3,
            GapFrom = "12",
            GapFromTime = Start.AddMinutes(-5),
            Reason = "410 Gone: too old",
            TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        };
        var odd = gap with { GapFrom = null, GapFromTime = null, Reason = null, ResourceVersion = "not-a-number", TraceParent = "odd", Object = new("n", "x", "no-guid"), Epoch = 0 };
        await Store.AppendAsync(stream, ExpectedRevision.NoStream, [Proposed(EventType.GapObserved, gap, ""), Proposed(EventType.ObjectDeleted, odd, "")], Cancel);
        await ReopenAsync();

        var read = await ReadAll();
        Assert.Equal([gap, odd], read.Select(recorded => recorded.Metadata));
        Assert.All(read, recorded => Assert.True(recorded.State.IsEmpty));
    }

    [Fact]
    public async Task One_writer_a_zombie_is_refused_and_nothing_of_its_batch_is_there()
    {
        var writer = new Writer(Store, Pods);
        await writer.Append(("a", "1", "{}"));
        var zombie = new Writer(Store, Pods);
        var refused = await Assert.ThrowsAsync<WrongExpectedRevisionException>(() => zombie.Append(("b", "2", "{}"), ("c", "3", "{}")));
        Assert.Equal(0, refused.Actual);
        Assert.Single(await ReadAll());
        await writer.Append(("d", "4", "{}"));
        Assert.Equal(2, (await ReadAll()).Count);
    }

    [Fact]
    public async Task A_retried_batch_is_answered_with_its_first_result()
    {
        var stream = new StreamId("c", Pods.GroupResource);
        var batch = new[] { Proposed(EventType.ObjectAdded, Metadata(Pods, "a", "1"), "{}"), Proposed(EventType.ObjectAdded, Metadata(Pods, "b", "2"), "{}") };
        var first = await Store.AppendAsync(stream, ExpectedRevision.NoStream, batch, Cancel);
        await Store.AppendAsync(stream, ExpectedRevision.Exactly(1), [Proposed(EventType.ObjectAdded, Metadata(Pods, "c", "3"), "{}")], Cancel);
        Assert.Equal(first, await Store.AppendAsync(stream, ExpectedRevision.NoStream, batch, Cancel));
        Assert.Equal(3, (await ReadAll()).Count);

        // An answer may be lost with the process that waited for it.
        await ReopenAsync();
        Assert.Equal(first, await Store.AppendAsync(stream, ExpectedRevision.NoStream, batch, Cancel));
        Assert.Equal(3, (await ReadAll()).Count);

        // The same place with other events is somebody else's, and so is a part of what is there with more behind it.
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await Store.AppendAsync(stream, ExpectedRevision.NoStream, [batch[1], batch[0]], Cancel));
        // Another collector of the cluster proposes the same changes under the same ids, after events of its own: its hashes tell.
        var others = batch.Select(proposed => new ProposedEvent { Id = proposed.Id, Type = proposed.Type, Metadata = proposed.Metadata, State = proposed.State, Hash = Enumerable.Repeat((byte)7, HashChain.HashLength).ToArray() }).ToArray();
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await Store.AppendAsync(stream, ExpectedRevision.NoStream, others, Cancel));
        var longer = batch.Append(Proposed(EventType.ObjectAdded, Metadata(Pods, "x", "9"), "{}")).ToArray();
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await Store.AppendAsync(stream, ExpectedRevision.NoStream, longer, Cancel));
        Assert.Equal(3, (await ReadAll()).Count);
    }

    [Fact]
    public async Task Appends_asked_for_ahead_take_effect_in_the_order_of_the_calls_and_fall_with_the_one_before()
    {
        Assert.SkipUnless(Store.TakesAppendsAhead, "This store is asked for one append of a stream after another.");
        var stream = new StreamId("c", Pods.GroupResource);
        const int rounds = 20, ahead = 8;
        var revision = -1L;
        for (var round = 0; round < rounds; round++)
        {
            // In every other round somebody else's event stands where the fourth was to go.
            var appends = new List<Task<AppendResult>>();
            for (var index = 0; index < ahead; index++)
            {
                var expected = ExpectedRevision.Exactly(revision + index + (round % 2 == 1 && index == 3 ? 1 : 0));
                appends.Add(Store.AppendAsync(stream, expected, [Proposed(EventType.ObjectModified, Metadata(Pods, "a", $"{round * ahead + index + 1}"), $$"""{"round":{{round}},"index":{{index}}}""")], Cancel).AsTask());
            }
            await Task.WhenAll(appends).ContinueWith(_ => { }, Cancel, TaskContinuationOptions.None, TaskScheduler.Default);
            var done = round % 2 == 1 ? 3 : ahead;
            Assert.Equal(Enumerable.Range(1, done).Select(index => revision + index), appends.Take(done).Select(append => append.Result.LastRevision));
            Assert.All(appends.Skip(done), append => Assert.IsType<WrongExpectedRevisionException>(append.Exception?.InnerException));
            revision += done;
        }
        Assert.Equal(Enumerable.Range(0, rounds).SelectMany(round => Enumerable.Range(1, round % 2 == 1 ? 3 : ahead).Select(index => $"{round * ahead + index}")), (await ReadAll()).Select(recorded => recorded.Metadata.ResourceVersion));
    }

    [Fact]
    public async Task Every_type_of_event_comes_back()
    {
        var stream = new StreamId("c", Pods.GroupResource);
        var types = Enum.GetValues<EventType>();
        await Store.AppendAsync(stream, ExpectedRevision.NoStream, [.. types.Select((type, index) => Proposed(type, Metadata(Pods, "a", $"{index + 1}"), type is EventType.ObjectAdded or EventType.DiscoveryObserved ? "{}" : ""))], Cancel);
        await ReopenAsync();
        Assert.Equal(types, (await ReadAll()).Select(recorded => recorded.Type));
    }

    [Fact]
    public async Task Expectations_hold_for_what_they_say()
    {
        var stream = new StreamId("c", Pods.GroupResource);
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await Store.AppendAsync(stream, ExpectedRevision.StreamExists, [Proposed(EventType.ObjectAdded, Metadata(Pods, "a", "1"), "{}")], Cancel));
        await Store.AppendAsync(stream, ExpectedRevision.Any, [Proposed(EventType.ObjectAdded, Metadata(Pods, "a", "1"), "{}")], Cancel);
        await Store.AppendAsync(stream, ExpectedRevision.StreamExists, [Proposed(EventType.ObjectAdded, Metadata(Pods, "b", "2"), "{}")], Cancel);
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await Store.AppendAsync(stream, ExpectedRevision.Exactly(5), [Proposed(EventType.ObjectAdded, Metadata(Pods, "c", "3"), "{}")], Cancel));
        var refused = await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await Store.AppendAsync(stream, ExpectedRevision.NoStream, [Proposed(EventType.ObjectAdded, Metadata(Pods, "d", "4"), "{}")], Cancel));
        Assert.Equal((stream, ExpectedRevision.NoStream, 1L), (refused.Stream, refused.Expected, refused.Actual));
        await Store.AppendAsync(stream, ExpectedRevision.Exactly(1), [Proposed(EventType.ObjectAdded, Metadata(Pods, "e", "5"), "{}")], Cancel);
        Assert.Equal(["a", "b", "e"], (await ReadAll()).Select(recorded => recorded.Metadata.Object.Name));
    }

    [Fact]
    public async Task Of_writers_that_race_for_one_place_exactly_one_wins()
    {
        var stream = new StreamId("c", Pods.GroupResource);
        const int rounds = 25, racers = 6;
        var winners = new List<string>();
        for (var round = 0; round < rounds; round++)
        {
            var expected = ExpectedRevision.Exactly(2L * round - 1);
            var outcomes = await Task.WhenAll(Enumerable.Range(0, racers).Select(racer => Task.Run(async () =>
            {
                // Two events each, so that a mixture of two batches would show.
                var batch = new[] { Proposed(EventType.ObjectAdded, Metadata(Pods, $"r{racer}", $"{2 * round + 1}"), "{}"), Proposed(EventType.ObjectAdded, Metadata(Pods, $"r{racer}", $"{2 * round + 2}"), "{}") };
                try
                {
                    await Store.AppendAsync(stream, expected, batch, Cancel);
                    return new RaceOutcome(racer, null);
                }
                catch (WrongExpectedRevisionException refused)
                {
                    return new RaceOutcome(racer, refused);
                }
            }, Cancel)));
            var winner = Assert.Single(outcomes, outcome => outcome.Refused is null);
            Assert.All(outcomes.Where(outcome => outcome.Refused is not null), outcome => Assert.Equal(2L * round + 1, outcome.Refused!.Actual));
            winners.AddRange([$"r{winner.Racer}", $"r{winner.Racer}"]);
        }
        Assert.Equal(winners, (await ReadAll()).Select(recorded => recorded.Metadata.Object.Name));
    }

    [Fact]
    public async Task A_batch_sent_twice_at_once_is_there_once()
    {
        var stream = new StreamId("c", Pods.GroupResource);
        for (var round = 0; round < 20; round++)
        {
            var batch = new[] { Proposed(EventType.ObjectAdded, Metadata(Pods, "a", $"{2 * round + 1}"), "{}"), Proposed(EventType.ObjectAdded, Metadata(Pods, "a", $"{2 * round + 2}"), "{}") };
            var results = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(async () => await Store.AppendAsync(stream, ExpectedRevision.Exactly(2 * round - 1), batch, Cancel), Cancel)));
            Assert.Single(results.Distinct());
            Assert.Equal(2 * round + 1, results[0].LastRevision);
        }
        Assert.Equal(40, (await ReadAll()).Count);
    }

    [Fact]
    public async Task A_batch_without_events_is_the_callers_mistake() =>
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Store.AppendAsync(new StreamId("c", Pods.GroupResource), ExpectedRevision.Any, [], Cancel));

    [Fact]
    public async Task A_reader_sees_a_batch_whole_or_not_at_all()
    {
        const int batches = 60, size = 20;
        var writer = new Writer(Store, Pods);
        var writing = Task.Run(async () =>
        {
            for (var batch = 0; batch < batches; batch++)
                await writer.Append([.. Enumerable.Range(1, size).Select(index => ("a", $"{batch * size + index}", "{}"))]);
        }, Cancel);
        long revision = -1;
        while (revision < batches * size - 1)
        {
            await foreach (var page in Store.ReadStreamAsync(writer.Stream, long.MaxValue, backwards: true, new ReadOptions(MaxCount: 1), Cancel))
            {
                using (page)
                    revision = Assert.Single(page.Events).Revision;
            }
            Assert.Equal(0, (revision + 1) % size);
            if (writing.IsFaulted)
                await writing;
        }
        await writing;
    }

    [Fact]
    public async Task A_stream_is_read_from_any_revision_in_both_directions()
    {
        var pods = new Writer(Store, Pods);
        var deployments = new Writer(Store, Deployments);
        for (var round = 0; round < 40; round++)
        {
            await pods.Append([.. Enumerable.Range(0, round % 3 + 1).Select(index => ($"p{index}", $"{round * 10 + index + 1}", $$"""{"round":{{round}}}"""))]);
            if (round % 4 == 0)
                await deployments.Append(("d", $"{round + 1}", "{}"));
        }
        var all = pods.Written.Select(Show).ToList();
        foreach (var from in (int[])[0, 1, 2, 17, all.Count - 1, all.Count])
        {
            Assert.Equal(all.Skip(from), await Shown(Store.ReadStreamAsync(pods.Stream, from, backwards: false, new ReadOptions(), Cancel)));
            Assert.Equal(all.Take(from + 1).Reverse(), await Shown(Store.ReadStreamAsync(pods.Stream, from, backwards: true, new ReadOptions(), Cancel)));
            Assert.Equal(all.Skip(from).Take(5), await Shown(Store.ReadStreamAsync(pods.Stream, from, backwards: false, new ReadOptions(MaxCount: 5), Cancel)));
        }
        Assert.Equal(Enumerable.Reverse(all), await Shown(Store.ReadStreamAsync(pods.Stream, long.MaxValue, backwards: true, new ReadOptions(), Cancel)));
        foreach (var backwards in (bool[])[false, true])
            Assert.Empty(await Shown(Store.ReadStreamAsync(StreamId.FromName("k8s-c-none"), 0, backwards, new ReadOptions(), Cancel)));
        Assert.Empty(await Shown(Store.ReadStreamAsync(pods.Stream, all.Count, backwards: false, new ReadOptions(), Cancel)));

        // Without states a read says the same in all else.
        var bare = new List<RecordedEvent>();
        await foreach (var page in Store.ReadStreamAsync(pods.Stream, 0, backwards: false, new ReadOptions(States: false), Cancel))
            bare.AddRange(page.Events);
        Assert.All(bare, recorded => Assert.True(recorded.State.IsEmpty));
        Assert.Equal(pods.Written.Select(written => (written.Revision, written.Id, written.Metadata)), bare.Select(recorded => (recorded.Revision, recorded.Id, recorded.Metadata)));
    }

    [Fact]
    public async Task The_whole_log_is_read_from_any_position_and_by_stream_prefix()
    {
        var pods = new Writer(Store, Pods);
        var deployments = new Writer(Store, Deployments);
        for (var round = 0; round < 1200; round += 3)
        {
            await pods.Append(("a", $"{round + 1}", "{}"), ("b", $"{round + 2}", "{}"));
            await deployments.Append(("d", $"{round + 3}", "{}"));
        }
        var all = await ReadAll();
        Assert.Equal(1200, all.Count);
        Assert.Equal(all.OrderBy(recorded => recorded.Position).Select(Show), all.Select(Show));
        Assert.Equal(all.Skip(700).Select(Show), await Shown(Store.ReadAllAsync(all[699].Position, new ReadOptions(), Cancel)));
        Assert.Equal(deployments.Written.Select(Show), await Shown(Store.ReadAllAsync(0, new ReadOptions(StreamPrefix: deployments.Stream.Name), Cancel)));
        Assert.Equal(7, (await Shown(Store.ReadAllAsync(0, new ReadOptions(MaxCount: 7), Cancel))).Count);
        Assert.Equal(deployments.Written.Take(7).Select(Show), await Shown(Store.ReadAllAsync(0, new ReadOptions(StreamPrefix: deployments.Stream.Name, MaxCount: 7), Cancel)));
        Assert.Empty(await Shown(Store.ReadAllAsync(all[^1].Position, new ReadOptions(), Cancel)));
        Assert.Empty(await Shown(Store.ReadAllAsync(all[^1].Position + 1_000_000, new ReadOptions(), Cancel)));
        Assert.Equal(all[^1].Position, await Store.GetHeadAsync(Cancel));
        var streams = await Store.ListStreamsAsync("k8s-c-", Cancel);
        Assert.Equal([("k8s-c-deployments.apps", 399L), ("k8s-c-pods", 799L)], streams.OrderBy(info => info.Stream.Name).Select(info => (info.Stream.Name, info.LastRevision)));
    }

    [Fact]
    public async Task A_subscription_sees_every_event_once_and_in_order_while_writers_go_on()
    {
        const int count = 600;
        var writing = Task.WhenAll(
            Task.Run(async () => { var writer = new Writer(Store, Pods); for (var index = 1; index <= count; index++) await writer.Append(("p", $"{index}", "{}")); }, Cancel),
            Task.Run(async () => { var writer = new Writer(Store, Deployments); for (var index = 1; index <= count; index++) await writer.Append(("d", $"{index}", "{}")); }, Cancel));
        var seen = new List<(long Position, StreamId Stream, long Revision)>();
        await foreach (var page in Store.SubscribeAsync(0, new ReadOptions(), Cancel))
        {
            using (page)
                seen.AddRange(page.Events.Select(recorded => (recorded.Position, recorded.Stream, recorded.Revision)));
            if (seen.Count >= 2 * count)
                break;
        }
        await writing;
        Assert.Equal(seen.OrderBy(one => one.Position), seen);
        foreach (var stream in seen.GroupBy(one => one.Stream))
            Assert.Equal(Enumerable.Range(0, count).Select(revision => (long)revision), stream.Select(one => one.Revision));
    }

    [Fact]
    public async Task A_prefix_is_taken_by_its_letters()
    {
        // What is a wildcard in one store's language must not be one here.
        foreach (var cluster in (string[])["a_b", "axb", "a%b", "a.b", "A_b", "a_bc"])
            await Store.AppendAsync(new StreamId(cluster, Pods.GroupResource), ExpectedRevision.NoStream, [Proposed(EventType.ObjectAdded, Metadata(Pods, "p", "1") with { Cluster = cluster }, "{}")], Cancel);
        foreach (var (prefix, clusters) in ((string, string[])[])[("k8s-a_b-", ["a_b"]), ("k8s-a%", ["a%b"]), ("k8s-a.", ["a.b"]), ("k8s-a_b", ["a_b", "a_bc"]), ("k8s-b", [])])
        {
            var read = new List<string>();
            await foreach (var page in Store.ReadAllAsync(0, new ReadOptions(StreamPrefix: prefix), Cancel))
            {
                using (page)
                    read.AddRange(page.Events.Select(recorded => recorded.Metadata.Cluster));
            }
            Assert.Equal(clusters, read);
            Assert.Equal(clusters.Select(cluster => $"k8s-{cluster}-pods").Order(), (await Store.ListStreamsAsync(prefix, Cancel)).Select(info => info.Stream.Name).Order());
        }
    }

    [Fact]
    public async Task A_filtered_subscription_brings_its_streams_and_moves_past_the_others()
    {
        var pods = new Writer(Store, Pods);
        var deployments = new Writer(Store, Deployments);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var seen = new List<string>();
        long position = 0;
        var follower = Follow(0, new ReadOptions(StreamPrefix: deployments.Stream.Name), page =>
        {
            lock (seen)
                seen.AddRange(page.Events.Select(Show));
            Assert.True(page.Position >= Volatile.Read(ref position));
            Volatile.Write(ref position, page.Position);
        }, stop.Token);
        await deployments.Append(("d", "1", "{}"));
        for (var version = 1; version <= 300; version++)
            await pods.Append(("a", $"{version}", "{}"));
        await deployments.Append(("d", "2", """{"x":1}"""));
        await Until(() => { lock (seen) return seen.Count == 2; }, follower);
        var resumed = Volatile.Read(ref position);
        await stop.CancelAsync();
        await follower;
        Assert.Equal(deployments.Written.Select(Show), seen);
        Assert.Empty(await Shown(Store.ReadAllAsync(resumed, new ReadOptions(StreamPrefix: deployments.Stream.Name), Cancel)));
    }

    [Fact]
    public async Task A_subscription_goes_on_where_it_was_after_the_store_was_restarted()
    {
        var writer = new Writer(Store, Pods);
        long position = 0;
        var seen = new List<string>();
        for (var life = 0; life < 3; life++)
        {
            writer.Store = Store;
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            var follower = Follow(position, new ReadOptions(), page =>
            {
                lock (seen)
                    seen.AddRange(page.Events.Select(Show));
                position = page.Position;
            }, stop.Token);
            for (var version = 1; version <= 40; version++)
                await writer.Append(("a", $"{life * 100 + version}", $$"""{"life":{{life}},"v":{{version}}}"""));
            await Until(() => { lock (seen) return seen.Count == writer.Written.Count; }, follower);
            await stop.CancelAsync();
            await follower;
            // Appended while nobody follows.
            await writer.Append(("b", $"{life * 100 + 50}", "{}"));
            await ReopenAsync();
        }
        await foreach (var page in Store.ReadAllAsync(position, new ReadOptions(), Cancel))
        {
            using (page)
                seen.AddRange(page.Events.Select(Show));
        }
        Assert.Equal(writer.Written.Select(Show), seen);
    }

    [Fact]
    public async Task Bodies_of_three_megabytes_and_small_changes_of_them_come_back()
    {
        var random = new Random(3);
        var blob = string.Concat(Enumerable.Range(0, 3 * 1024 * 1024).Select(_ => (char)random.Next('a', 'z')));
        var writer = new Writer(Store, Pods);
        await writer.Append(("big", "1", $$"""{"data":"{{blob}}","n":1}"""));
        await writer.Append(("big", "2", $$"""{"data":"{{blob}}","n":2}"""), ("other", "3", $$"""{"data":"{{blob[..1_000_000]}}{{blob}}"}"""), ("big", "4", $$"""{"data":"{{blob}}","n":3}"""));
        await writer.Append(("big", "5", """{"data":"","n":3}"""));
        await ReopenAsync();
        Assert.Equal(writer.Written.Select(Show), await Shown(Store.ReadAllAsync(0, new ReadOptions(), Cancel)));
        Assert.Equal(Enumerable.Reverse(writer.Written).Select(Show), await Shown(Store.ReadStreamAsync(writer.Stream, long.MaxValue, backwards: true, new ReadOptions(), Cancel)));
        Assert.Equal([Show(writer.Written[3])], await Shown(Store.ReadStreamAsync(writer.Stream, 3, backwards: false, new ReadOptions(MaxCount: 1), Cancel)));
        Assert.Null((await LogVerifier.VerifyAsync(Store, null, Cancel)).Problem);
    }

    [Fact]
    public async Task A_batch_of_four_thousand_events_comes_back_and_its_retry_is_answered_with_its_first_result()
    {
        var stream = new StreamId("c", Pods.GroupResource);
        var batch = Enumerable.Range(1, 4_000).Select(version => Proposed(EventType.ObjectModified, Metadata(Pods, $"o{version % 700}", $"{version}"), $$"""{"labels":{"app":"shop"},"n":{{version}}}""")).ToArray();
        var first = await Store.AppendAsync(stream, ExpectedRevision.NoStream, batch, Cancel);
        Assert.Equal(first, await Store.AppendAsync(stream, ExpectedRevision.NoStream, batch, Cancel));
        await ReopenAsync();
        Assert.Equal(first, await Store.AppendAsync(stream, ExpectedRevision.NoStream, batch, Cancel));
        Assert.Equal(batch.Select(proposed => (proposed.Id, Encoding.UTF8.GetString(proposed.State.Span))), (await ReadAll()).Select(recorded => (recorded.Id, Encoding.UTF8.GetString(recorded.State.Span))));
    }

    [Fact]
    public async Task Texts_that_stores_like_to_change_come_back_as_they_were()
    {
        string[] states =
        [
            """{"a":1.0,"b":1.10,"c":1e21,"d":1E-7,"e":-0,"f":-0.0,"g":9007199254740993,"h":0.1e1,"i":123456789012345678901234567890.123456789}""",
            """{"big":1e400,"long":0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000001}""",
            """{"nul":"a\u0000b","tab":"\t","quote":"\"\\"}""",
            """{"high":"\ud800","low":"\udc00 \udfff"}""",
            "{\"emoji\":\"\ud83d\ude00\",\"line\":\"\u2028\u2029\",\"noncharacter\":\"\uffff\"}",
            """{"":"","A":1,"a":{"Z":[],"b":{}},"aa":[null,true,false,[[]],{}],"b":null}""",
            """{"annotations":{"a.b/c":"~0~1/","a/b":"x","a~b":"y"}}""",
            """{"annotations":{"a.b/c":"~0~1/","a/b":"z"}}""",
            $$"""{"deep":{{new string('[', 200)}}{{new string(']', 200)}}}""",
        ];
        var writer = new Writer(Store, Pods);
        // As one object's history and as objects of their own: a patch must be as faithful as a whole.
        for (var index = 0; index < states.Length; index++)
            await writer.Append(("a", $"{2 * index + 1}", states[index]), ($"o{index}", $"{2 * index + 2}", states[index]));
        await ReopenAsync();
        Assert.Equal(writer.Written.Select(Show), (await ReadAll()).Select(Show));
    }

    [Fact]
    public async Task What_is_cancelled_ends_and_leaves_the_log_whole()
    {
        var writer = new Writer(Store, Pods);
        await writer.Append(("a", "1", "{}"));
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.AppendAsync(writer.Stream, ExpectedRevision.Exactly(0), [Proposed(EventType.ObjectAdded, Metadata(Pods, "b", "2"), "{}")], cancelled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Shown(Store.ReadAllAsync(0, new ReadOptions(), cancelled.Token)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Shown(Store.ReadStreamAsync(writer.Stream, 0, backwards: false, new ReadOptions(), cancelled.Token)));
        Assert.Single(await ReadAll());

        // A subscription that waits at the end.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var caughtUp = new TaskCompletionSource();
        var follower = Follow(0, new ReadOptions(), _ => caughtUp.TrySetResult(), stop.Token);
        await caughtUp.Task.WaitAsync(Cancel);
        await stop.CancelAsync();
        await follower;

        // An append that is cancelled while it is under way has happened or has not; its retry is right either way.
        for (var version = 2; version <= 40; version++)
        {
            var batch = new[] { Proposed(EventType.ObjectAdded, Metadata(Pods, "b", $"{version}"), "{}") };
            using var race = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            var append = Task.Run(async () => await Store.AppendAsync(writer.Stream, ExpectedRevision.Exactly(version - 2), batch, race.Token), Cancel);
            var cancel = Task.Run(race.Cancel, Cancel);
            try
            {
                await append;
            }
            catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
            {
                Assert.True(race.IsCancellationRequested);
            }
            await cancel;
            Assert.Equal(version - 1, (await Store.AppendAsync(writer.Stream, ExpectedRevision.Exactly(version - 2), batch, Cancel)).LastRevision);
        }
        Assert.Equal(Enumerable.Range(1, 40).Select(version => $"{version}"), (await ReadAll()).Select(recorded => recorded.Metadata.ResourceVersion));
    }

    [Fact]
    public async Task Any_history_comes_back_byte_for_byte()
    {
        // Objects whose versions are alike, jump, shrink to nothing, are large, die and come back; written over a restart.
        var steps = Gen.Select(Gen.Int[0, 3], Gen.Int[0, 5], Gen.Int[0, 2_000], Gen.Bool).List[1, 200];
        var round = 0;
        await steps.SampleAsync(async list =>
        {
            var writer = new Writer(Store, new ResourceType("g", "v1", $"things{round++}", "Thing", Namespaced: true));
            var version = 0;
            foreach (var (name, shape, size, deleted) in list)
            {
                var state = shape switch
                {
                    0 => "{}",
                    1 => $$"""{"metadata":{"name":"{{name}}"},"text":"{{new string('x', size)}}"}""",
                    2 => $$"""{"big":"{{string.Concat(Enumerable.Range(0, size * 10).Select(n => (char)('a' + n * 7 % 26)))}}","v":{{version}}}""",
                    _ => $$$"""{"metadata":{"name":"{{{name}}}","resourceVersion":"{{{version}}}"},"status":{"ready":{{{(deleted ? "true" : "false")}}}}}""",
                };
                await writer.Append(deleted && shape == 5 ? EventType.ObjectDeleted : EventType.ObjectModified, ($"o{name}", $"{++version}", state));
                if (version % 70 == 0)
                {
                    await ReopenAsync();
                    writer.Store = Store;
                }
            }
            Assert.Equal(writer.Written.Select(Show), await Shown(Store.ReadStreamAsync(writer.Stream, 0, backwards: false, new ReadOptions(), Cancel)));
            Assert.Equal(Enumerable.Reverse(writer.Written).Select(Show), await Shown(Store.ReadStreamAsync(writer.Stream, long.MaxValue, backwards: true, new ReadOptions(), Cancel)));
        }, iter: 12, threads: 1);
        Assert.Null((await LogVerifier.VerifyAsync(Store, null, Cancel)).Problem);
    }

    /// <summary>Follows the log until it is cancelled, and takes up a subscription that the store could not go on with where it was.</summary>
    protected Task Follow(long after, ReadOptions options, Action<EventPage> seen, CancellationToken cancellationToken)
    {
        var store = Store;
        return Task.Run(async () =>
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                try
                {
                    await foreach (var page in store.SubscribeAsync(after, options, cancellationToken))
                    {
                        using (page)
                            seen(page);
                        after = page.Position;
                    }
                }
                catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
                {
                    return;
                }
                catch (StoreUnavailableException)
                {
                    await UntilBackAsync();
                }
            }
        }, CancellationToken.None);
    }

    /// <summary>Waits until a store that was taken away has been brought back.</summary>
    protected virtual Task UntilBackAsync() => Task.CompletedTask;

    /// <summary>Waits for a condition that <paramref name="working"/> brings about; its failure is the test's.</summary>
    protected internal static async Task Until(Func<bool> condition, Task working, [CallerArgumentExpression(nameof(condition))] string text = "")
    {
        await Eventually.HoldsAsync(() => working.IsCompleted || condition(), Cancel, longest: Eventually.Work, text: text);
        if (working.IsCompleted)
            await working;
        Assert.True(condition(), "What the test waits for has ended without bringing it about.");
    }

    protected async Task<List<RecordedEvent>> ReadAll()
    {
        var all = new List<RecordedEvent>();
        await foreach (var page in Store.ReadAllAsync(0, new ReadOptions(), Cancel))
            all.AddRange(page.Events);
        return all;
    }

    protected internal static string Show(RecordedEvent recorded) => $"{recorded.Stream} {recorded.Revision} {recorded.Id} {recorded.Type} {recorded.Metadata} {Convert.ToHexString(recorded.Hash.Span)} {Encoding.UTF8.GetString(recorded.State.Span)}";

    protected static EventMetadata Metadata(ResourceType type, string name, string version) => new()
    {
        Cluster = "c",
        Type = type,
        Object = new("default", name, new Guid(name.Length, 7, 7, Encoding.UTF8.GetBytes((name + "-------")[..8])).ToString()),
        ResourceVersion = version,
        ObservedAt = Start.AddSeconds(double.Parse(version, System.Globalization.CultureInfo.InvariantCulture)),
        Provenance = Provenance.Watch,
    };

    protected static ProposedEvent Proposed(EventType type, EventMetadata metadata, string state) => new()
    {
        Id = EventId.ForObject(metadata.Cluster, metadata.Object.Uid, metadata.ResourceVersion, metadata.Epoch, type),
        Type = type,
        Metadata = metadata,
        State = Encoding.UTF8.GetBytes(state),
        Hash = new byte[HashChain.HashLength],
    };

    protected static async Task<List<string>> Shown(IAsyncEnumerable<EventPage> pages)
    {
        var shown = new List<string>();
        await foreach (var page in pages)
        {
            using (page)
                shown.AddRange(page.Events.Select(Show));
        }
        return shown;
    }

    sealed record RaceOutcome(int Racer, WrongExpectedRevisionException? Refused);

    /// <summary>A writer of one stream that chains its events.</summary>
    protected internal sealed class Writer(IEventStore store, ResourceType type)
    {
        readonly HashChain _chain = new();
        byte[] _hash = [];
        long _revision = -1;

        public IEventStore Store { get; set; } = store;

        public StreamId Stream { get; } = new("c", type.GroupResource);

        public List<RecordedEvent> Written { get; } = [];

        public Task Append(params (string Name, string Version, string State)[] objects) => Append(EventType.ObjectModified, objects);

        public async Task Append(EventType eventType, params (string Name, string Version, string State)[] objects)
        {
            var events = new List<ProposedEvent>();
            var (revision, hash) = (_revision, _hash);
            foreach (var (name, version, state) in objects)
            {
                var proposed = Proposed(eventType, Metadata(type, name, version), state);
                var next = new byte[HashChain.HashLength];
                _chain.Compute(hash, eventType, proposed.Metadata, proposed.State.Span, next);
                hash = next;
                events.Add(new ProposedEvent { Id = proposed.Id, Type = eventType, Metadata = proposed.Metadata, State = proposed.State, Hash = next });
            }
            var result = await Store.AppendAsync(Stream, ExpectedRevision.Exactly(_revision), events, Cancel);
            Written.AddRange(events.Select(proposed => new RecordedEvent
            {
                Position = 0,
                Stream = Stream,
                Revision = ++revision,
                Id = proposed.Id,
                Type = proposed.Type,
                Metadata = proposed.Metadata,
                State = proposed.State,
                Hash = proposed.Hash,
            }));
            (_revision, _hash) = (result.LastRevision, hash);
            Assert.Equal(revision, _revision);
        }
    }
}
