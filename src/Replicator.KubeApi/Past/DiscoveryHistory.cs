using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.KubeApi;

/// <summary>What a cluster's server served at any moment, out of the discovery documents and custom resource definitions that were recorded. Thread-safe.</summary>
sealed class DiscoveryHistory(IEventStore events, ISnapshotStore snapshots, string cluster) : IDisposable
{
    const int CachedStates = 32;

    static readonly GroupResource Definitions = new("apiextensions.k8s.io", "customresourcedefinitions");

    static readonly HashSet<(string Group, string Version, string Resource)> NothingWithheld = [];

    readonly SemaphoreSlim _refreshing = new(1, 1);
    readonly StreamId _documentStream = StreamId.Discovery(cluster), _openApiStream = StreamId.OpenApi(cluster), _definitionStream = new(cluster, Definitions);
    readonly List<Document> _documents = [], _openApi = [];
    readonly List<Definition> _definitions = [];
    readonly HashSet<string> _definedNames = [];
    readonly Dictionary<(string Documents, long Definitions, int Types), ServedResources> _states = [];
    long _head = -1;

    /// <summary>What was served at the moment. What was recorded later than it stands in for what was not recorded yet.</summary>
    public async ValueTask<ServedResources> GetAsync(AsOf moment, IReadOnlyList<TypeStatus> recorded, CancellationToken cancellationToken)
    {
        await _refreshing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await RefreshAsync(cancellationToken).ConfigureAwait(false);
            var documents = Choose(_documents, moment);
            var definition = _definitions.FindLastIndex(one => IsBefore(one.At, one.Version, moment));
            var key = (string.Join(',', documents.Select(document => document.Revision)), definition < 0 ? 0 : _definitions[definition].Position, recorded.Count);
            if (_states.TryGetValue(key, out var known))
                return known;
            var contents = new Dictionary<string, ReadOnlyMemory<byte>>();
            foreach (var document in documents)
                contents[document.Path] = await ReadAsync(_documentStream, document.Revision, cancellationToken).ConfigureAwait(false);
            var customs = definition < 0 ? [] : await ReadDefinitionsAsync(_definitions[definition].Position, cancellationToken).ConfigureAwait(false);
            if (_states.Count >= CachedStates)
                _states.Clear();
            return _states[key] = ServedResources.Create(contents, customs, _definedNames.ToHashSet(), recorded.Select(status => status.Type), NothingWithheld);
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <summary>A document as it was at the moment; null where it was never recorded.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> FindDocumentAsync(string path, AsOf moment, CancellationToken cancellationToken)
    {
        await _refreshing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await RefreshAsync(cancellationToken).ConfigureAwait(false);
            foreach (var (stream, documents) in ((StreamId, List<Document>)[])[(_openApiStream, _openApi), (_documentStream, _documents)])
            {
                if (Choose(documents, moment).Find(document => document.Path == path) is { } found)
                    return await ReadAsync(stream, found.Revision, cancellationToken).ConfigureAwait(false);
            }
            return null;
        }
        finally
        {
            _refreshing.Release();
        }
    }

    public void Dispose() => _refreshing.Dispose();

    static List<Document> Choose(List<Document> documents, AsOf moment) =>
        [.. documents.GroupBy(document => document.Path).Select(versions => versions.LastOrDefault(document => document.At <= moment.Time) ?? versions.First()).OrderBy(document => document.Revision)];

    static bool IsBefore(DateTimeOffset at, string version, AsOf moment) => moment.Cut.Kind == CutKind.ResourceVersion && ResourceVersion.IsComparable(version)
        ? ResourceVersion.Compare(version, moment.Cut.Version) <= 0
        : at <= moment.Time;

    async ValueTask RefreshAsync(CancellationToken cancellationToken)
    {
        var head = await events.GetHeadAsync(cancellationToken).ConfigureAwait(false);
        if (head == _head)
            return;
        foreach (var (stream, documents) in ((StreamId, List<Document>)[])[(_documentStream, _documents), (_openApiStream, _openApi)])
        {
            await foreach (var page in events.ReadStreamAsync(stream, documents.Count == 0 ? 0 : documents[^1].Revision + 1, backwards: false, new ReadOptions(States: false), cancellationToken).ConfigureAwait(false))
            {
                using (page)
                    documents.AddRange(page.Events.Select(recorded => new Document(recorded.Metadata.Object.Name, recorded.Revision, recorded.Metadata.ObservedAt)));
            }
        }
        await foreach (var page in events.ReadStreamAsync(_definitionStream, _definitions.Count == 0 ? 0 : _definitions[^1].Revision + 1, backwards: false, new ReadOptions(States: false), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    if (recorded.Type is not (EventType.ObjectAdded or EventType.ObjectModified or EventType.ObjectDeleted))
                        continue;
                    _definitions.Add(new Definition(recorded.Revision, recorded.Position, recorded.Metadata.ObservedAt, recorded.Metadata.ResourceVersion));
                    _definedNames.Add(recorded.Metadata.Object.Name);
                }
            }
        }
        _head = head;
    }

    async ValueTask<ReadOnlyMemory<byte>> ReadAsync(StreamId stream, long revision, CancellationToken cancellationToken)
    {
        await foreach (var page in events.ReadStreamAsync(stream, revision, backwards: false, new ReadOptions(MaxCount: 1), cancellationToken).ConfigureAwait(false))
        {
            using (page)
                return page.Events[0].State.ToArray();
        }
        throw new StoreCorruptException($"The stream {stream} lacks revision {revision}: verify the log.");
    }

    async ValueTask<List<CustomResource>> ReadDefinitionsAsync(long position, CancellationToken cancellationToken)
    {
        var customs = new List<CustomResource>();
        await foreach (var definition in snapshots.ListAsync(new ObjectQuery { Cluster = cluster, Type = Definitions, Cut = Cut.AtPosition(position) }, cancellationToken).ConfigureAwait(false))
        {
            if (CustomResource.Read(definition.State) is { } custom)
                customs.Add(custom);
        }
        return customs;
    }

    sealed record Document(string Path, long Revision, DateTimeOffset At);

    sealed record Definition(long Revision, long Position, DateTimeOffset At, string Version);
}
