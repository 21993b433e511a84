using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite.Log;
using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite.Snapshots;

/// <summary>Folds events into one generation of the snapshots. Not thread-safe.</summary>
sealed class SnapshotWriter : IDisposable
{
    const int EventsPerMoment = 256;
    const int MaxCachedObjects = 200_000;
    const int MaxCachedFacets = 100_000;

    readonly Database _database;
    readonly Statement _insertType, _updateType, _insertServed, _insertObject, _findObject, _updateObject, _insertVersion, _findFacet, _insertFacet, _insertLabel, _insertOwner, _insertFacetObject,
        _insertGap, _closeGaps, _insertEpoch, _closeEpochs, _insertMoment, _insertCluster, _updateCluster, _insertClusterMoment, _updateCheckpoint;
    readonly Dictionary<(string Cluster, GroupResource Type), TypeState> _types = [];
    readonly Dictionary<string, ClusterState> _clusters = [];
    readonly Dictionary<LiveKey, ObjectState> _objects = [];
    readonly Dictionary<FacetKey, long> _facets = new(FacetKey.Comparer);
    readonly List<TypeState> _touched = [];
    readonly JsonTape _tape = new();
    readonly PooledBufferWriter _content = new();
    bool _begun;

    public SnapshotWriter(string path)
    {
        _database = Database.Open(path, DatabaseMode.Write);
        try
        {
            if (_database.ReadInteger("PRAGMA user_version") == 0)
                SnapshotSchema.Create(_database);
            _insertType = _database.Prepare("INSERT INTO types (id, cluster, grp, resource, served, version, observed_at, position, objects, versions, gaps, synced, since_moment) VALUES (?1, ?2, ?3, ?4, 0, 0, 0, 0, 0, 0, 0, 0, 0)");
            _updateType = _database.Prepare("UPDATE types SET served = ?2, version = ?3, observed_at = ?4, position = ?5, objects = ?6, versions = ?7, gaps = ?8, synced = ?9, since_moment = ?10 WHERE id = ?1");
            _insertServed = _database.Prepare("INSERT INTO served (id, type, version, kind, namespaced) VALUES (?1, ?2, ?3, ?4, ?5)");
            _insertObject = _database.Prepare("INSERT INTO objects (type, namespace, name, uid, born, died, facet) VALUES (?1, ?2, ?3, ?4, ?5, NULL, 0)");
            _findObject = _database.Prepare("SELECT id, uid, died, facet FROM objects WHERE type = ?1 AND namespace = ?2 AND name = ?3 ORDER BY born");
            _updateObject = _database.Prepare("UPDATE objects SET died = ?2, facet = ?3 WHERE id = ?1");
            _insertVersion = _database.Prepare("INSERT INTO versions (object, position, event, served, version, observed_at, provenance, facet) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
            _findFacet = _database.Prepare("SELECT id FROM facets WHERE type = ?1 AND content = ?2");
            _insertFacet = _database.Prepare("INSERT INTO facets (type, content) VALUES (?1, ?2)");
            _insertLabel = _database.Prepare("INSERT INTO facet_labels (type, key, value, facet) VALUES (?1, ?2, ?3, ?4)");
            _insertOwner = _database.Prepare("INSERT OR IGNORE INTO facet_owners (type, uid, facet) VALUES (?1, ?2, ?3)");
            _insertFacetObject = _database.Prepare("INSERT OR IGNORE INTO facet_objects (facet, object) VALUES (?1, ?2)");
            _insertGap = _database.Prepare("INSERT INTO gaps (type, position, from_version, from_time, reason) VALUES (?1, ?2, ?3, ?4, ?5)");
            _closeGaps = _database.Prepare("UPDATE gaps SET to_version = ?2, to_time = ?3 WHERE type = ?1 AND to_version IS NULL");
            _insertEpoch = _database.Prepare("INSERT INTO epochs (type, epoch, position) VALUES (?1, ?2, ?3)");
            _closeEpochs = _database.Prepare("UPDATE epochs SET version = ?2 WHERE type = ?1 AND version IS NULL");
            _insertMoment = _database.Prepare("INSERT INTO moments (type, position, version, observed_at) VALUES (?1, ?2, ?3, ?4)");
            _insertCluster = _database.Prepare("INSERT INTO clusters (id, name, since_moment, max_version, max_observed_at) VALUES (?1, ?2, 0, 0, 0)");
            _updateCluster = _database.Prepare("UPDATE clusters SET since_moment = ?2, max_version = ?3, max_observed_at = ?4 WHERE id = ?1");
            _insertClusterMoment = _database.Prepare("INSERT INTO cluster_moments (cluster, position, max_version, max_observed_at) VALUES (?1, ?2, ?3, ?4)");
            _updateCheckpoint = _database.Prepare("UPDATE meta SET checkpoint = ?1");
            Load();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The last position that is applied, what is gathered included.</summary>
    public long Checkpoint { get; private set; }

    /// <summary>How many events the open transaction holds.</summary>
    public int Gathered { get; private set; }

    /// <summary>Applies what the generation has not yet of a page, and moves the checkpoint, in one transaction.</summary>
    public void Apply(EventPage page)
    {
        Gather(page);
        Commit();
    }

    /// <summary>Applies what the generation has not yet of a page in a transaction that stays open until <see cref="Commit"/>: a page of the file that several events change is then written once.</summary>
    public void Gather(EventPage page)
    {
        if (page.Position <= Checkpoint)
            return;
        try
        {
            if (!_begun)
                _database.Begin();
            _begun = true;
            foreach (var recorded in page.Events)
            {
                if (recorded.Position > Checkpoint)
                    Apply(recorded);
            }
            Gathered += page.Events.Count;
            Checkpoint = page.Position;
        }
        catch
        {
            Abandon();
            throw;
        }
    }

    /// <summary>Makes what is gathered durable and visible.</summary>
    public void Commit()
    {
        if (!_begun)
            return;
        try
        {
            foreach (var type in _touched)
                Store(type);
            _touched.Clear();
            foreach (var cluster in _clusters.Values)
                Store(cluster);
            _updateCheckpoint.Bind(1, Checkpoint);
            _updateCheckpoint.Run();
            _database.Commit();
            (_begun, Gathered) = (false, 0);
        }
        catch
        {
            Abandon();
            throw;
        }
    }

    public void Dispose()
    {
        _content.Dispose();
        _database.Dispose();
    }

    void Abandon()
    {
        _database.Rollback();
        (_begun, Gathered) = (false, 0);
        Load();
    }

    void Load()
    {
        _types.Clear();
        _clusters.Clear();
        _objects.Clear();
        _facets.Clear();
        _touched.Clear();
        Checkpoint = _database.ReadInteger("SELECT checkpoint FROM meta");
        using var types = _database.PrepareOnce("SELECT id, cluster, grp, resource, served, version, observed_at, position, objects, versions, gaps, synced, since_moment FROM types");
        while (types.Step())
        {
            _types.Add((types.Text(1), new GroupResource(types.Text(2), types.Text(3))), new TypeState
            {
                Id = types.Integer(0),
                Served = types.Integer(4),
                Version = SqliteVersion.Read(types, 5),
                ObservedAt = types.Integer(6),
                Position = types.Integer(7),
                Objects = types.Integer(8),
                Versions = types.Integer(9),
                Gaps = types.Integer(10),
                Synced = types.Integer(11) != 0,
                SinceMoment = types.Integer(12),
            });
        }
        var byId = _types.ToDictionary(pair => pair.Value.Id);
        using var epochs = _database.PrepareOnce("SELECT type, MAX(epoch) FROM epochs GROUP BY type");
        while (epochs.Step())
            byId[epochs.Integer(0)].Value.Epoch = (int)epochs.Integer(1);
        using var clusters = _database.PrepareOnce("SELECT id, name, since_moment, max_version, max_observed_at FROM clusters");
        while (clusters.Step())
            _clusters.Add(clusters.Text(1), new ClusterState { Id = clusters.Integer(0), SinceMoment = clusters.Integer(2), MaxVersion = SqliteVersion.Read(clusters, 3), MaxObservedAt = clusters.Integer(4) });
        using var served = _database.PrepareOnce("SELECT id, type, version, kind, namespaced FROM served");
        while (served.Step())
        {
            var (key, state) = byId[served.Integer(1)];
            state.Versioned.Add(new ResourceType(key.Type.Group, served.Text(2), key.Type.Resource, served.Text(3), served.Integer(4) != 0), served.Integer(0));
        }
    }

    void Apply(RecordedEvent recorded)
    {
        if (recorded.Type == EventType.DiscoveryObserved)
            return;
        var metadata = recorded.Metadata;
        var type = Type(metadata);
        var observedAt = HashChain.Microseconds(metadata.ObservedAt);
        if (metadata.Epoch > type.Epoch)
        {
            type.Epoch = metadata.Epoch;
            _insertEpoch.Bind(1, type.Id);
            _insertEpoch.Bind(2, metadata.Epoch);
            _insertEpoch.Bind(3, recorded.Position);
            _insertEpoch.Run();
        }
        type.Version = SqliteVersion.From(metadata.ResourceVersion);
        type.ObservedAt = observedAt;
        type.Position = recorded.Position;
        type.Served = Served(type, metadata.Type);
        if (!type.Touched)
        {
            type.Touched = true;
            _touched.Add(type);
        }

        var cluster = Cluster(metadata.Cluster);
        cluster.Touched = true;
        cluster.MaxObservedAt = Math.Max(cluster.MaxObservedAt, observedAt);
        if (type.Version.IsComparable && cluster.MaxVersion.IsAtMost(type.Version))
            cluster.MaxVersion = type.Version;
        if (++cluster.SinceMoment >= EventsPerMoment)
        {
            cluster.SinceMoment = 0;
            _insertClusterMoment.Bind(1, cluster.Id);
            _insertClusterMoment.Bind(2, recorded.Position);
            _insertClusterMoment.Bind(3, cluster.MaxVersion);
            _insertClusterMoment.Bind(4, cluster.MaxObservedAt);
            _insertClusterMoment.Run();
        }

        // A list comes in no order of versions, and a gap has none: no moment there bounds anything.
        type.SinceMoment++;
        if (type.Synced && metadata.ResourceVersion.Length > 0 && type.SinceMoment >= EventsPerMoment)
        {
            type.SinceMoment = 0;
            _insertMoment.Bind(1, type.Id);
            _insertMoment.Bind(2, recorded.Position);
            _insertMoment.Bind(3, type.Version);
            _insertMoment.Bind(4, observedAt);
            _insertMoment.Run();
        }

        switch (recorded.Type)
        {
            case EventType.ObjectAdded or EventType.ObjectModified or EventType.ObjectDeleted:
                ApplyObject(type, recorded, observedAt);
                break;
            case EventType.SyncStarted:
                type.Synced = false;
                break;
            case EventType.SyncCompleted:
                type.Synced = true;
                _closeGaps.Bind(1, type.Id);
                _closeGaps.Bind(2, metadata.ResourceVersion);
                _closeGaps.Bind(3, observedAt);
                _closeGaps.Run();
                if (type.Epoch > 0)
                {
                    _closeEpochs.Bind(1, type.Id);
                    _closeEpochs.Bind(2, type.Version);
                    _closeEpochs.Run();
                }
                break;
            case EventType.GapObserved:
                type.Synced = false;
                type.Gaps++;
                _insertGap.Bind(1, type.Id);
                _insertGap.Bind(2, recorded.Position);
                _insertGap.Bind(3, metadata.GapFrom ?? "");
                if (metadata.GapFromTime is { } time)
                    _insertGap.Bind(4, HashChain.Microseconds(time));
                else
                    _insertGap.BindNull(4);
                _insertGap.Bind(5, metadata.Reason ?? "");
                _insertGap.Run();
                break;
            case EventType.Progressed or EventType.RulesObserved:
                break;
            default:
                throw new StoreCorruptException($"The event at position {recorded.Position} has the unknown type {(int)recorded.Type}: a newer Replicator wrote it; upgrade this one.");
        }
    }

    void ApplyObject(TypeState type, RecordedEvent recorded, long observedAt)
    {
        var metadata = recorded.Metadata;
        var state = Object(type, metadata.Object, recorded.Position);
        var died = recorded.Type == EventType.ObjectDeleted;
        var facet = recorded.State.IsEmpty ? state.Facet : Facet(type, recorded.State);

        type.Versions++;
        if (state.IsNew || died == state.IsLive || facet != state.Facet)
        {
            if (state.IsNew || died == state.IsLive)
                type.Objects += died ? (state.IsNew ? 0 : -1) : 1;
            if (facet != state.Facet)
            {
                _insertFacetObject.Bind(1, facet);
                _insertFacetObject.Bind(2, state.Id);
                _insertFacetObject.Run();
            }
            (state.IsNew, state.IsLive, state.Facet) = (false, !died, facet);
            _updateObject.Bind(1, state.Id);
            if (died)
                _updateObject.Bind(2, recorded.Position);
            else
                _updateObject.BindNull(2);
            _updateObject.Bind(3, facet);
            _updateObject.Run();
        }

        _insertVersion.Bind(1, state.Id);
        _insertVersion.Bind(2, recorded.Position);
        _insertVersion.Bind(3, (long)recorded.Type);
        _insertVersion.Bind(4, type.Served);
        _insertVersion.Bind(5, type.Version);
        _insertVersion.Bind(6, observedAt);
        _insertVersion.Bind(7, (long)metadata.Provenance);
        _insertVersion.Bind(8, facet);
        _insertVersion.Run();
        if (died)
            _objects.Remove(new LiveKey(type.Id, metadata.Object));
    }

    long Facet(TypeState type, ReadOnlyMemory<byte> state)
    {
        _tape.Parse(state);
        _content.Clear();
        Core.Projecting.Facet.Write(_tape, _content);
        var lookup = _facets.GetAlternateLookup<FacetKey.Span>();
        var key = new FacetKey.Span(type.Id, _content.WrittenSpan);
        if (lookup.TryGetValue(key, out var id))
            return id;
        _findFacet.Bind(1, type.Id);
        _findFacet.Bind(2, _content.WrittenSpan);
        if (_findFacet.Step())
            id = _findFacet.Integer(0);
        _findFacet.Reset();
        if (id == 0)
            id = InsertFacet(type);
        if (_facets.Count >= MaxCachedFacets)
            _facets.Clear();
        lookup[key] = id;
        return id;
    }

    long InsertFacet(TypeState type)
    {
        _insertFacet.Bind(1, type.Id);
        _insertFacet.Bind(2, _content.WrittenSpan);
        _insertFacet.Run();
        var id = _database.LastInsertedRow;
        var facet = Core.Projecting.Facet.Read(_content.WrittenSpan);
        foreach (var (label, value) in facet.Labels)
        {
            _insertLabel.Bind(1, type.Id);
            _insertLabel.Bind(2, label);
            _insertLabel.Bind(3, value);
            _insertLabel.Bind(4, id);
            _insertLabel.Run();
        }
        foreach (var owner in facet.Owners)
        {
            _insertOwner.Bind(1, type.Id);
            _insertOwner.Bind(2, owner);
            _insertOwner.Bind(3, id);
            _insertOwner.Run();
        }
        return id;
    }

    ObjectState Object(TypeState type, ObjectIdentity identity, long position)
    {
        var key = new LiveKey(type.Id, identity);
        if (_objects.TryGetValue(key, out var state))
            return state;
        _findObject.Bind(1, type.Id);
        _findObject.Bind(2, ObjectKey.Scope(identity.Namespace));
        _findObject.Bind(3, identity.Name);
        while (_findObject.Step())
        {
            if (PackedText.ReadUid(_findObject, 1) == identity.Uid)
                state = new ObjectState { Id = _findObject.Integer(0), IsLive = _findObject.IsNull(2), Facet = _findObject.Integer(3) };
        }
        _findObject.Reset();
        if (state is null)
        {
            _insertObject.Bind(1, type.Id);
            _insertObject.Bind(2, ObjectKey.Scope(identity.Namespace));
            _insertObject.Bind(3, identity.Name);
            PackedText.BindUid(_insertObject, 4, identity.Uid);
            _insertObject.Bind(5, position);
            _insertObject.Run();
            state = new ObjectState { Id = _database.LastInsertedRow, IsNew = true };
        }
        if (_objects.Count >= MaxCachedObjects)
            _objects.Clear();
        _objects.Add(key, state);
        return state;
    }

    TypeState Type(EventMetadata metadata)
    {
        var key = (metadata.Cluster, metadata.Type.GroupResource);
        if (_types.TryGetValue(key, out var type))
            return type;
        type = new TypeState { Id = _types.Count + 1 };
        _insertType.Bind(1, type.Id);
        _insertType.Bind(2, metadata.Cluster);
        _insertType.Bind(3, metadata.Type.Group);
        _insertType.Bind(4, metadata.Type.Resource);
        _insertType.Run();
        _types.Add(key, type);
        return type;
    }

    ClusterState Cluster(string name)
    {
        if (_clusters.TryGetValue(name, out var cluster))
            return cluster;
        cluster = new ClusterState { Id = _clusters.Count + 1 };
        _insertCluster.Bind(1, cluster.Id);
        _insertCluster.Bind(2, name);
        _insertCluster.Run();
        _clusters.Add(name, cluster);
        return cluster;
    }

    void Store(ClusterState cluster)
    {
        if (!cluster.Touched)
            return;
        cluster.Touched = false;
        _updateCluster.Bind(1, cluster.Id);
        _updateCluster.Bind(2, cluster.SinceMoment);
        _updateCluster.Bind(3, cluster.MaxVersion);
        _updateCluster.Bind(4, cluster.MaxObservedAt);
        _updateCluster.Run();
    }

    long Served(TypeState type, ResourceType resource)
    {
        if (type.Versioned.TryGetValue(resource, out var id))
            return id;
        id = _types.Values.Sum(other => other.Versioned.Count) + 1;
        _insertServed.Bind(1, id);
        _insertServed.Bind(2, type.Id);
        _insertServed.Bind(3, resource.Version);
        _insertServed.Bind(4, resource.Kind);
        _insertServed.Bind(5, resource.Namespaced ? 1 : 0);
        _insertServed.Run();
        type.Versioned.Add(resource, id);
        return id;
    }

    void Store(TypeState type)
    {
        type.Touched = false;
        _updateType.Bind(1, type.Id);
        _updateType.Bind(2, type.Served);
        _updateType.Bind(3, type.Version);
        _updateType.Bind(4, type.ObservedAt);
        _updateType.Bind(5, type.Position);
        _updateType.Bind(6, type.Objects);
        _updateType.Bind(7, type.Versions);
        _updateType.Bind(8, type.Gaps);
        _updateType.Bind(9, type.Synced ? 1 : 0);
        _updateType.Bind(10, type.SinceMoment);
        _updateType.Run();
    }

    readonly record struct LiveKey(long Type, ObjectIdentity Object);

    sealed class ObjectState
    {
        public required long Id { get; init; }
        public bool IsNew { get; set; }
        public bool IsLive { get; set; }
        public long Facet { get; set; }
    }

    sealed class ClusterState
    {
        public required long Id { get; init; }
        public long SinceMoment { get; set; }
        public SqliteVersion MaxVersion { get; set; }
        public long MaxObservedAt { get; set; }
        public bool Touched { get; set; }
    }

    sealed class TypeState
    {
        public required long Id { get; init; }
        public long Served { get; set; }
        public SqliteVersion Version { get; set; }
        public long ObservedAt { get; set; }
        public long Position { get; set; }
        public long Objects { get; set; }
        public long Versions { get; set; }
        public long Gaps { get; set; }
        public bool Synced { get; set; }
        public long SinceMoment { get; set; }
        public int Epoch { get; set; }
        public bool Touched { get; set; }
        public Dictionary<ResourceType, long> Versioned { get; } = [];
    }
}
