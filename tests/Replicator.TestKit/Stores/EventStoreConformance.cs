using System.Text;
using CsCheck;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Xunit;

namespace Replicator.TestKit.Stores;

/// <summary>What every event store must do. A store's tests derive from it.</summary>
public abstract class EventStoreConformance : IAsyncLifetime
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly ResourceType Deployments = new("apps", "v1", "deployments", "Deployment", Namespaced: true);
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

        // The same place with other events is somebody else's.
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await Store.AppendAsync(stream, ExpectedRevision.NoStream, [batch[1], batch[0]], Cancel));
    }

    [Fact]
    public async Task Expectations_hold_for_what_they_say()
    {
        var stream = new StreamId("c", Pods.GroupResource);
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await Store.AppendAsync(stream, ExpectedRevision.StreamExists, [Proposed(EventType.ObjectAdded, Metadata(Pods, "a", "1"), "{}")], Cancel));
        await Store.AppendAsync(stream, ExpectedRevision.Any, [Proposed(EventType.ObjectAdded, Metadata(Pods, "a", "1"), "{}")], Cancel);
        await Store.AppendAsync(stream, ExpectedRevision.StreamExists, [Proposed(EventType.ObjectAdded, Metadata(Pods, "b", "2"), "{}")], Cancel);
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await Store.AppendAsync(stream, ExpectedRevision.Exactly(5), [Proposed(EventType.ObjectAdded, Metadata(Pods, "c", "3"), "{}")], Cancel));
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
        Assert.Empty(await Shown(Store.ReadStreamAsync(StreamId.FromName("k8s-c-none"), 0, backwards: false, new ReadOptions(), Cancel)));
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

    protected async Task<List<RecordedEvent>> ReadAll()
    {
        var all = new List<RecordedEvent>();
        await foreach (var page in Store.ReadAllAsync(0, new ReadOptions(), Cancel))
            all.AddRange(page.Events);
        return all;
    }

    protected static string Show(RecordedEvent recorded) => $"{recorded.Stream} {recorded.Revision} {recorded.Id} {recorded.Type} {recorded.Metadata} {Convert.ToHexString(recorded.Hash.Span)} {Encoding.UTF8.GetString(recorded.State.Span)}";

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

    static async Task<List<string>> Shown(IAsyncEnumerable<EventPage> pages)
    {
        var shown = new List<string>();
        await foreach (var page in pages)
        {
            using (page)
                shown.AddRange(page.Events.Select(Show));
        }
        return shown;
    }

    /// <summary>A writer of one stream that chains its events.</summary>
    protected sealed class Writer(IEventStore store, ResourceType type)
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
