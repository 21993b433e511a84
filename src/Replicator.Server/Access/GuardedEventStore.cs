using System.Runtime.CompilerServices;
using Replicator.Core.Events;
using Replicator.Core.Recording;
using Replicator.Core.Storage;

namespace Replicator.Server.Access;

/// <summary>The log as the caller may see it: without the events of objects that he may not list (following, watch), nor what the observer says of types that he may not list everywhere. Reads only.</summary>
sealed class GuardedEventStore(IEventStore inner) : IEventStore
{
    static Caller Caller => Caller.Current ?? throw new InvalidOperationException("A guarded store was asked outside of a request.");

    public ValueTask<AppendResult> AppendAsync(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> events, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("The HTTP API reads the log and appends nothing.");

    public IAsyncEnumerable<EventPage> ReadStreamAsync(StreamId stream, long from, bool backwards, ReadOptions options, CancellationToken cancellationToken) =>
        FilterAsync(inner.ReadStreamAsync(stream, from, backwards, options, cancellationToken), "list", cancellationToken);

    public IAsyncEnumerable<EventPage> ReadAllAsync(long after, ReadOptions options, CancellationToken cancellationToken) => FilterAsync(inner.ReadAllAsync(after, options, cancellationToken), "list", cancellationToken);

    public IAsyncEnumerable<EventPage> SubscribeAsync(long after, ReadOptions options, CancellationToken cancellationToken) => FilterAsync(inner.SubscribeAsync(after, options, cancellationToken), "watch", cancellationToken);

    public ValueTask<long> GetHeadAsync(CancellationToken cancellationToken) => inner.GetHeadAsync(cancellationToken);

    public ValueTask<IReadOnlyList<StreamInfo>> ListStreamsAsync(string prefix, CancellationToken cancellationToken) => inner.ListStreamsAsync(prefix, cancellationToken);

    /// <summary>The store is another's to close.</summary>
    public ValueTask DisposeAsync() => default;

    static IAsyncEnumerable<EventPage> FilterAsync(IAsyncEnumerable<EventPage> pages, string verb, CancellationToken cancellationToken) =>
        Caller is { SeesEverything: false } caller ? FilterAsync(pages, caller, verb, cancellationToken) : pages;

    static async IAsyncEnumerable<EventPage> FilterAsync(IAsyncEnumerable<EventPage> pages, Caller caller, string verb, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var page in pages.ConfigureAwait(false))
        {
            // The right is asked for with every event: one that is withdrawn ends what a stream gives within seconds.
            var seen = new List<RecordedEvent>(page.Events.Count);
            foreach (var recorded in page.Events)
            {
                if (await MaySeeAsync(caller, recorded.Metadata, verb, cancellationToken).ConfigureAwait(false))
                    seen.Add(recorded);
            }
            yield return new EventPage(seen, page.Position, page);
        }
    }

    static async ValueTask<bool> MaySeeAsync(Caller caller, EventMetadata metadata, string verb, CancellationToken cancellationToken)
    {
        var (type, @namespace) = (metadata.Type.GroupResource, metadata.Object.Namespace);
        // What a server says of itself, every user of it may ask.
        if (DiscoveryRecorder.IsDocument(type))
            return await caller.IsKnownAsync(metadata.Cluster, cancellationToken).ConfigureAwait(false);
        var everywhere = new AccessAttributes(verb, type.Group, type.Resource);
        return (await caller.MayAsync(metadata.Cluster, everywhere, cancellationToken).ConfigureAwait(false)).Allowed
            || @namespace.Length > 0 && (await caller.MayAsync(metadata.Cluster, everywhere with { Namespace = @namespace }, cancellationToken).ConfigureAwait(false)).Allowed;
    }
}
