using System.Text;
using CsCheck;
using Replicator.Core.Copying;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Core.Tests.Copying;

public sealed class LogCopyTests
{
    static readonly DateTimeOffset Start = new(2026, 1, 1, 3, 0, 0, TimeSpan.Zero);

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_copy_has_every_event_with_its_id_revision_and_hash()
    {
        var (source, target) = (await Written(("pods", 700), ("deployments", 30), ("pods", 1)), new InMemoryEventStore());
        var result = await LogCopy.RunAsync(source, target, null, Cancel);

        Assert.Equal(new LogCopyResult(731, 0, 2), result);
        Assert.Equal(Shown(source), Shown(target));
        Assert.Null((await LogVerifier.VerifyAsync(target, null, Cancel)).Problem);
    }

    [Fact]
    public async Task A_copy_that_was_broken_off_at_any_event_goes_on_and_doubles_nothing() =>
        await Gen.Select(Gen.Select(Gen.Int[0, 3], Gen.Int[1, 40]).List[1, 12], Gen.Int[0, 11]).SampleAsync(async (runs, failsAt) =>
        {
            var source = await Written([.. runs.Select(run => ($"type{run.Item1}", run.Item2))]);
            var target = new InMemoryEventStore();
            var appends = 0;
            target.BeforeAppend = () =>
            {
                if (appends++ == failsAt)
                    throw new StoreUnavailableException("away");
            };
            try
            {
                await LogCopy.RunAsync(new SmallPages(source, 25), target, null, Cancel);
            }
            catch (StoreUnavailableException)
            {
                // It is copied again below.
            }
            await LogCopy.RunAsync(new SmallPages(source, 25), target, null, Cancel);
            Assert.Equal(Shown(source), Shown(target));
            var again = await LogCopy.RunAsync(source, target, null, Cancel);
            Assert.Equal((0, source.Log.Count), (again.Copied, again.Held));
        }, iter: 60);

    [Fact]
    public async Task What_was_appended_since_is_carried_on()
    {
        var (source, target) = (await Written(("pods", 3)), new InMemoryEventStore());
        await LogCopy.RunAsync(source, target, null, Cancel);
        await Append(source, "pods", 2);
        await Append(source, "nodes", 1);
        Assert.Equal(new LogCopyResult(3, 3, 2), await LogCopy.RunAsync(source, target, null, Cancel));
        Assert.Equal(Shown(source), Shown(target));
    }

    [Fact]
    public async Task Another_history_under_the_same_name_is_refused_and_nothing_is_copied()
    {
        var (source, target) = (await Written(("pods", 3), ("nodes", 2)), new InMemoryEventStore());
        await Append(target, "nodes", 1, state: """{"other":true}""");
        var refused = await Assert.ThrowsAsync<LogCopyException>(() => LogCopy.RunAsync(source, target, null, Cancel));
        Assert.Contains("'k8s-c-nodes': its event 0 has another hash", refused.Message, StringComparison.Ordinal);
        Assert.Single(target.Log);
    }

    [Fact]
    public async Task A_target_that_is_ahead_is_refused()
    {
        var (source, target) = (await Written(("pods", 2)), await Written(("pods", 5)));
        var refused = await Assert.ThrowsAsync<LogCopyException>(() => LogCopy.RunAsync(source, target, null, Cancel));
        Assert.Contains("up to revision 4, the source only up to 1", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_event_is_not_carried_over()
    {
        var source = await Written(("pods", 3));
        await Append(source, "pods", 1, hash: new byte[HashChain.HashLength]);
        var target = new InMemoryEventStore();
        var refused = await Assert.ThrowsAsync<LogCopyException>(() => LogCopy.RunAsync(source, target, null, Cancel));
        Assert.Contains("Event 3 of stream 'k8s-c-pods' (position 4) of the source is not what its hash says", refused.Message, StringComparison.Ordinal);
        Assert.Empty(target.Log);
    }

    static async Task<InMemoryEventStore> Written(params (string Type, int Count)[] runs)
    {
        var store = new InMemoryEventStore();
        foreach (var (type, count) in runs)
            await Append(store, type, count);
        return store;
    }

    static async Task Append(InMemoryEventStore store, string resource, int count, string? state = null, byte[]? hash = null)
    {
        using var chain = new HashChain();
        var type = new ResourceType("", "v1", resource, "Thing", Namespaced: true);
        var stream = new StreamId("c", type.GroupResource);
        var own = store.Log.Where(recorded => recorded.Stream == stream).ToList();
        var previous = own.Count == 0 ? [] : own[^1].Hash.ToArray();
        var events = new List<ProposedEvent>();
        for (var index = own.Count; index < own.Count + count; index++)
        {
            var metadata = new EventMetadata
            {
                Cluster = "c",
                Type = type,
                Object = new("default", "a", new Guid(index, 1, 1, new byte[8]).ToString()),
                ResourceVersion = $"{index + 1}",
                ObservedAt = Start.AddSeconds(index),
                Provenance = Provenance.Watch,
            };
            var body = Encoding.UTF8.GetBytes(state ?? $$"""{"n":{{index}}}""");
            var next = hash ?? new byte[HashChain.HashLength];
            if (hash is null)
                chain.Compute(previous, EventType.ObjectAdded, metadata, body, next);
            previous = next;
            events.Add(new ProposedEvent { Id = EventId.ForObject("c", metadata.Object.Uid, metadata.ResourceVersion, 0, EventType.ObjectAdded), Type = EventType.ObjectAdded, Metadata = metadata, State = body, Hash = next });
        }
        await store.AppendAsync(stream, ExpectedRevision.Exactly(own.Count - 1), events, Cancel);
    }

    static List<string> Shown(InMemoryEventStore store) =>
        [.. store.Log.OrderBy(recorded => recorded.Stream.Name, StringComparer.Ordinal).ThenBy(recorded => recorded.Revision)
            .Select(recorded => $"{recorded.Stream} {recorded.Revision} {recorded.Id} {recorded.Type} {recorded.Metadata} {Convert.ToHexString(recorded.Hash.Span)} {Encoding.UTF8.GetString(recorded.State.Span)}")];

    /// <summary>A store that reads in pages of few events.</summary>
    sealed class SmallPages(InMemoryEventStore inner, int size) : IEventStore
    {
        public ValueTask<AppendResult> AppendAsync(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> events, CancellationToken cancellationToken) =>
            inner.AppendAsync(stream, expected, events, cancellationToken);

        public IAsyncEnumerable<EventPage> ReadStreamAsync(StreamId stream, long from, bool backwards, ReadOptions options, CancellationToken cancellationToken) =>
            inner.ReadStreamAsync(stream, from, backwards, options, cancellationToken);

        public async IAsyncEnumerable<EventPage> ReadAllAsync(long after, ReadOptions options, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (var page in inner.ReadAllAsync(after, options, cancellationToken))
            {
                foreach (var chunk in page.Events.Chunk(size))
                    yield return new EventPage(chunk, chunk[^1].Position, null);
            }
        }

        public IAsyncEnumerable<EventPage> SubscribeAsync(long after, ReadOptions options, CancellationToken cancellationToken) => inner.SubscribeAsync(after, options, cancellationToken);

        public ValueTask<long> GetHeadAsync(CancellationToken cancellationToken) => inner.GetHeadAsync(cancellationToken);

        public ValueTask<IReadOnlyList<StreamInfo>> ListStreamsAsync(string prefix, CancellationToken cancellationToken) => inner.ListStreamsAsync(prefix, cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
