using System.Security.Cryptography;
using Replicator.Core.Diagnostics;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Recording;

/// <summary>Records what a server says that it serves: each discovery document as it changes, in the cluster's discovery stream, and each OpenAPI document in a stream beside it. Not thread-safe.</summary>
/// <remarks>A later reader knows by them which types, kinds, versions, short names and fields there were at any moment.</remarks>
public sealed class DiscoveryRecorder : IDisposable
{
    /// <summary>The type that events of the discovery stream bear; the name is the document's path.</summary>
    public static ResourceType DocumentType { get; } = new("", "v1", "$discovery", "DiscoveryDocument", Namespaced: false);

    /// <summary>The type that events of the OpenAPI stream bear; the name is the document's path.</summary>
    public static ResourceType OpenApiType { get; } = new("", "v1", "$openapi", "OpenAPIDocument", Namespaced: false);

    readonly IEventStore _store;
    readonly string _cluster;
    readonly StreamId _stream;
    readonly ResourceType _type;
    readonly HashChain _chain = new();
    readonly Dictionary<string, byte[]> _known = [];
    readonly byte[] _hash = new byte[HashChain.HashLength];
    long _revision = -1;

    DiscoveryRecorder(IEventStore store, string cluster, StreamId stream, ResourceType type) => (_store, _cluster, _stream, _type) = (store, cluster, stream, type);

    /// <summary>Whether events of a type are such documents, and no objects.</summary>
    public static bool IsDocument(GroupResource type) => type == DocumentType.GroupResource || type == OpenApiType.GroupResource;

    /// <summary>Opens the stream of discovery documents: reads it to learn which are recorded already.</summary>
    public static Task<DiscoveryRecorder> OpenAsync(IEventStore store, string cluster, CancellationToken cancellationToken) =>
        OpenAsync(new DiscoveryRecorder(store, cluster, StreamId.Discovery(cluster), DocumentType), cancellationToken);

    /// <summary>Opens the stream of OpenAPI documents.</summary>
    public static Task<DiscoveryRecorder> OpenOpenApiAsync(IEventStore store, string cluster, CancellationToken cancellationToken) =>
        OpenAsync(new DiscoveryRecorder(store, cluster, StreamId.OpenApi(cluster), OpenApiType), cancellationToken);

    static async Task<DiscoveryRecorder> OpenAsync(DiscoveryRecorder recorder, CancellationToken cancellationToken)
    {
        await foreach (var page in recorder._store.ReadStreamAsync(recorder._stream, 0, backwards: false, new ReadOptions(), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    recorder._revision = recorded.Revision;
                    recorded.Hash.Span.CopyTo(recorder._hash);
                    recorder._known[recorded.Metadata.Object.Name] = SHA256.HashData(recorded.State.Span);
                }
            }
        }
        return recorder;
    }

    /// <summary>Records the documents that differ from what is known and returns when they are durable.</summary>
    /// <param name="documents">Path and JSON of each.</param>
    /// <param name="observedAt">When they were fetched.</param>
    /// <param name="provenance">How.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="JsonFormatException">A document is not JSON; nothing was recorded.</exception>
    public async ValueTask HandleAsync(IEnumerable<(string Path, ReadOnlyMemory<byte> Json)> documents, DateTimeOffset observedAt, Provenance provenance, CancellationToken cancellationToken)
    {
        var (events, changed) = (new List<ProposedEvent>(), new Dictionary<string, byte[]>());
        var (revision, hash) = (_revision, _revision < 0 ? [] : _hash.ToArray());
        foreach (var (path, json) in documents)
        {
            var state = CanonicalJson.ToArray(json.Span);
            var digest = SHA256.HashData(state);
            if (_known.TryGetValue(path, out var known) && known.AsSpan().SequenceEqual(digest))
                continue;
            changed[path] = digest;
            var metadata = new EventMetadata
            {
                Cluster = _cluster,
                Type = _type,
                Object = new ObjectIdentity("", path, ""),
                ResourceVersion = "",
                ObservedAt = HashChain.FromMicroseconds(HashChain.Microseconds(observedAt)),
                Provenance = provenance,
            };
            var next = new byte[HashChain.HashLength];
            _chain.Compute(hash, EventType.DiscoveryObserved, metadata, state, next);
            hash = next;
            events.Add(new ProposedEvent { Id = EventId.ForPlace(_stream, ++revision, EventType.DiscoveryObserved), Type = EventType.DiscoveryObserved, Metadata = metadata, State = state, Hash = next });
        }
        if (events.Count == 0)
            return;
        await _store.AppendAsync(_stream, ExpectedRevision.Exactly(_revision), events, cancellationToken).ConfigureAwait(false);
        CoreTelemetry.EventsRecorded.Add(events.Count, new KeyValuePair<string, object?>("stream", _stream.Name));
        foreach (var (path, digest) in changed)
            _known[path] = digest;
        _revision = revision;
        hash.CopyTo(_hash, 0);
    }

    /// <inheritdoc/>
    public void Dispose() => _chain.Dispose();
}
