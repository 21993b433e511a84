using System.Security.Cryptography;
using Npgsql;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Storage;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten.Snapshots;

/// <summary>Folds events into one generation of the snapshots: a page is folded in memory, its rows go in by <c>COPY</c>, all in one transaction with the checkpoint. Not thread-safe.</summary>
sealed class SnapshotWriter(Database database, SnapshotTables tables) : IDisposable
{
    const int EventsPerMoment = 256;
    const int MaxCachedObjects = 200_000;
    const int MaxCachedFacets = 100_000;

    readonly Dictionary<(string Cluster, GroupResource Type), TypeState> _types = [];
    readonly Dictionary<string, ClusterState> _clusters = [];
    readonly Dictionary<ObjectKey, ObjectState> _objects = [];
    readonly Dictionary<(long Type, Guid Digest), long> _facets = [];
    readonly List<ObjectState> _touched = [];
    readonly JsonTape _tape = new();
    readonly PooledBufferWriter _content = new();
    long _checkpoint = -1, _nextObject, _nextFacet, _nextServed;

    /// <summary>Applies what the generation has not yet of a page, and moves the checkpoint; false, and nothing applied, where it is no longer (or not yet) the current one as <paramref name="isCurrent"/> says.</summary>
    public async Task<bool> ApplyAsync(EventPage page, bool isCurrent, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            // A commit that a power cut takes back is folded again from the log. The row's lock keeps a second projector out until this one is done.
            await using var begin = new NpgsqlBatch(connection, transaction);
            begin.Add("SELECT set_config('synchronous_commit', 'off', true)");
            begin.Add($"SELECT checkpoint, is_current FROM {SnapshotTables.State(database.Schema)} WHERE slot = $1 FOR UPDATE", tables.Slot);
            long checkpoint;
            await using (var reader = await begin.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
            {
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                checkpoint = reader.GetInt64(0);
                if (reader.GetBoolean(1) != isCurrent)
                    return false;
            }
            if (checkpoint != _checkpoint)
                await LoadAsync(connection, checkpoint, cancellationToken).ConfigureAwait(false);
            if (page.Position <= checkpoint)
                return true;

            var events = page.Events.Where(recorded => recorded.Position > checkpoint && recorded.Type != EventType.DiscoveryObserved).ToList();
            if (_objects.Count >= MaxCachedObjects)
                _objects.Clear();
            if (_facets.Count >= MaxCachedFacets)
                _facets.Clear();
            var rows = new SnapshotRows(tables);
            var facets = Prepare(events);
            await FindAsync(connection, events, facets, cancellationToken).ConfigureAwait(false);
            await using var updates = new NpgsqlBatch(connection, transaction);
            for (var index = 0; index < events.Count; index++)
                Apply(events[index], facets[index], rows, updates);
            await rows.WriteAsync(connection, cancellationToken).ConfigureAwait(false);
            Store(updates);
            updates.Add($"UPDATE {SnapshotTables.State(database.Schema)} SET checkpoint = $1 WHERE slot = $2", page.Position, tables.Slot);
            await updates.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            _checkpoint = page.Position;
            foreach (var state in _touched)
                (state.IsNew, state.IsTouched) = (false, false);
            _touched.Clear();
            return true;
        }
        catch (Exception exception)
        {
            // What is held in memory may be ahead of the tables.
            _checkpoint = -1;
            if (database.Translate(exception, cancellationToken) is { } translated)
                throw translated;
            throw;
        }
    }

    public void Dispose() => _content.Dispose();

    async Task LoadAsync(NpgsqlConnection connection, long checkpoint, CancellationToken cancellationToken)
    {
        _types.Clear();
        _clusters.Clear();
        _objects.Clear();
        _facets.Clear();
        _touched.Clear();
        await using var batch = new NpgsqlBatch(connection);
        batch.Add($"SELECT id, cluster, grp, resource, served, version, observed_at, position, objects, versions, gaps, synced, since_moment FROM {tables.Types}");
        batch.Add($"SELECT id, type, version, kind, namespaced FROM {tables.Served}");
        batch.Add($"SELECT type, max(epoch) FROM {tables.Epochs} GROUP BY type");
        batch.Add($"SELECT id, name, since_moment, max_version_order, max_observed_at FROM {tables.Clusters}");
        batch.Add($"SELECT (SELECT coalesce(max(id), 0) FROM {tables.Objects}), (SELECT coalesce(max(id), 0) FROM {tables.Facets}), (SELECT coalesce(max(id), 0) FROM {tables.Served})");
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var byId = new Dictionary<long, (GroupResource Type, TypeState State)>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var type = new GroupResource(reader.GetString(2), reader.GetString(3));
            var state = new TypeState
            {
                Id = reader.GetInt64(0),
                Served = reader.GetInt64(4),
                Version = reader.GetString(5),
                ObservedAt = reader.GetInt64(6),
                Position = reader.GetInt64(7),
                Objects = reader.GetInt64(8),
                Versions = reader.GetInt64(9),
                Gaps = reader.GetInt64(10),
                Synced = reader.GetBoolean(11),
                SinceMoment = reader.GetInt64(12),
            };
            _types.Add((reader.GetString(1), type), state);
            byId.Add(state.Id, (type, state));
        }
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var (type, state) = byId[reader.GetInt64(1)];
            state.Versioned.Add(new ResourceType(type.Group, reader.GetString(2), type.Resource, reader.GetString(3), reader.GetBoolean(4)), reader.GetInt64(0));
        }
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            byId[reader.GetInt64(0)].State.Epoch = reader.GetInt32(1);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            _clusters.Add(reader.GetString(1), new ClusterState { Id = reader.GetInt64(0), SinceMoment = reader.GetInt64(2), MaxOrder = reader.GetString(3), MaxObservedAt = reader.GetInt64(4) });
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        (_nextObject, _nextFacet, _nextServed) = (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
        _checkpoint = checkpoint;
    }

    /// <summary>The facet of each event's state, and the types that the page brings.</summary>
    List<FacetContent?> Prepare(List<RecordedEvent> events)
    {
        var facets = new List<FacetContent?>(events.Count);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        foreach (var recorded in events)
        {
            if (recorded.Type is not (EventType.ObjectAdded or EventType.ObjectModified or EventType.ObjectDeleted) || recorded.State.IsEmpty)
            {
                facets.Add(null);
                continue;
            }
            _tape.Parse(recorded.State);
            _content.Clear();
            Facet.Write(_tape, _content);
            SHA256.HashData(_content.WrittenSpan, digest);
            var id = new Guid(digest[..16]);
            var type = Type(recorded.Metadata).Id;
            facets.Add(new FacetContent(type, id, _facets.ContainsKey((type, id)) ? [] : _content.WrittenSpan.ToArray()));
        }
        return facets;
    }

    /// <summary>Looks up the objects and facets of the page that are not in memory, each kind in one query.</summary>
    async Task FindAsync(NpgsqlConnection connection, List<RecordedEvent> events, List<FacetContent?> facets, CancellationToken cancellationToken)
    {
        var objects = events.Where(recorded => recorded.Metadata.Object.Name.Length > 0).Select(recorded => (Type(recorded.Metadata).Id, recorded.Metadata.Object))
            .Where(key => !_objects.ContainsKey(new ObjectKey(key.Id, key.Object))).Distinct().ToList();
        if (objects.Count > 0)
        {
            await using var command = connection.Command(
                $"SELECT o.id, o.type, o.scope, o.name, o.uid, o.born, o.died, o.facet FROM unnest($1, $2, $3, $4) AS w (type, scope, name, uid) JOIN {tables.Objects} o ON o.type = w.type AND o.scope = w.scope AND o.name = w.name AND o.uid = w.uid",
                objects.Select(key => key.Id).ToArray(), objects.Select(key => Scope(key.Object.Namespace)).ToArray(), objects.Select(key => key.Object.Name).ToArray(), objects.Select(key => key.Object.Uid).ToArray());
            await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                var state = new ObjectState
                {
                    Id = reader.GetInt64(0),
                    Type = reader.GetInt64(1),
                    Scope = reader.GetString(2),
                    Name = reader.GetString(3),
                    Uid = reader.GetString(4),
                    Born = reader.GetInt64(5),
                    Died = reader.IsDBNull(6) ? null : reader.GetInt64(6),
                    Facet = reader.GetInt64(7),
                };
                _objects[new ObjectKey(state.Type, new ObjectIdentity(Unscope(state.Scope), state.Name, state.Uid))] = state;
            }
        }
        var unknown = facets.OfType<FacetContent>().Select(facet => (facet.Type, facet.Digest)).Where(key => !_facets.ContainsKey(key)).Distinct().ToList();
        if (unknown.Count > 0)
        {
            await using var command = connection.Command(
                $"SELECT f.type, f.digest, f.id FROM unnest($1, $2) AS w (type, digest) JOIN {tables.Facets} f ON f.type = w.type AND f.digest = w.digest", unknown.Select(key => key.Type).ToArray(), unknown.Select(key => key.Digest).ToArray());
            await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                _facets[(reader.GetInt64(0), reader.GetGuid(1))] = reader.GetInt64(2);
        }
    }

    void Apply(RecordedEvent recorded, FacetContent? facet, SnapshotRows rows, NpgsqlBatch updates)
    {
        var metadata = recorded.Metadata;
        var type = Type(metadata);
        var observedAt = HashChain.Microseconds(metadata.ObservedAt);
        var order = VersionOrder.From(metadata.ResourceVersion);
        if (metadata.Epoch > type.Epoch)
        {
            type.Epoch = metadata.Epoch;
            updates.Add($"INSERT INTO {tables.Epochs} (type, epoch, position) VALUES ($1, $2, $3)", type.Id, metadata.Epoch, recorded.Position);
        }
        (type.Version, type.ObservedAt, type.Position, type.IsTouched) = (metadata.ResourceVersion, observedAt, recorded.Position, true);
        type.Served = Served(type, metadata.Type, rows);

        var cluster = Cluster(metadata.Cluster);
        cluster.IsTouched = true;
        cluster.MaxObservedAt = Math.Max(cluster.MaxObservedAt, observedAt);
        if (string.CompareOrdinal(order, cluster.MaxOrder) > 0)
            cluster.MaxOrder = order;
        if (++cluster.SinceMoment >= EventsPerMoment)
        {
            cluster.SinceMoment = 0;
            rows.ClusterMoments.Add((cluster.Id, recorded.Position, cluster.MaxOrder, cluster.MaxObservedAt));
        }

        // A list comes in no order of versions, and a gap has none: no moment there bounds anything.
        type.SinceMoment++;
        if (type.Synced && metadata.ResourceVersion.Length > 0 && type.SinceMoment >= EventsPerMoment)
        {
            type.SinceMoment = 0;
            rows.Moments.Add((type.Id, recorded.Position, order, observedAt));
        }

        switch (recorded.Type)
        {
            case EventType.ObjectAdded or EventType.ObjectModified or EventType.ObjectDeleted:
                ApplyObject(type, recorded, facet, order, observedAt, rows);
                break;
            case EventType.SyncStarted:
                type.Synced = false;
                break;
            case EventType.SyncCompleted:
                type.Synced = true;
                updates.Add($"UPDATE {tables.Gaps} SET to_version = $2, to_time = $3 WHERE type = $1 AND to_version IS NULL", type.Id, metadata.ResourceVersion, observedAt);
                if (type.Epoch > 0)
                    updates.Add($"UPDATE {tables.Epochs} SET version_order = $2 WHERE type = $1 AND version_order IS NULL", type.Id, order);
                break;
            case EventType.GapObserved:
                type.Synced = false;
                type.Gaps++;
                updates.Add($"INSERT INTO {tables.Gaps} (type, position, from_version, from_time, reason) VALUES ($1, $2, $3, $4, $5)", type.Id, recorded.Position, metadata.GapFrom ?? "",
                    metadata.GapFromTime is { } time ? HashChain.Microseconds(time) : DBNull.Value, NoNul(metadata.Reason ?? ""));
                break;
            case EventType.Progressed or EventType.RulesObserved:
                break;
            default:
                throw new StoreCorruptException($"The event at position {recorded.Position} has the unknown type {(int)recorded.Type}: a newer Replicator wrote it; upgrade this one.");
        }
    }

    void ApplyObject(TypeState type, RecordedEvent recorded, FacetContent? content, string order, long observedAt, SnapshotRows rows)
    {
        var metadata = recorded.Metadata;
        var key = new ObjectKey(type.Id, metadata.Object);
        var died = recorded.Type == EventType.ObjectDeleted;
        var isFirst = !_objects.TryGetValue(key, out var state);
        if (state is null)
        {
            state = new ObjectState { Id = ++_nextObject, Type = type.Id, Scope = Scope(metadata.Object.Namespace), Name = metadata.Object.Name, Uid = metadata.Object.Uid, Born = recorded.Position, IsNew = true };
            rows.Objects.Add(state);
            _touched.Add(state);
            _objects.Add(key, state);
        }
        var facet = content is null ? state.Facet : FacetOf(content, rows);
        var isLive = !isFirst && state.Died is null;

        type.Versions++;
        if (isFirst || died == isLive)
            type.Objects += died ? (isFirst ? 0 : -1) : 1;
        if (facet != state.Facet && facet != 0)
            rows.FacetObjects.Add((facet, state.Id));
        if (isFirst || died == isLive || facet != state.Facet)
        {
            state.Died = died ? recorded.Position : null;
            state.Facet = facet;
            if (!state.IsNew && !state.IsTouched)
            {
                state.IsTouched = true;
                _touched.Add(state);
            }
        }
        rows.Versions.Add(new VersionRow(state.Id, recorded.Position, (short)recorded.Type, (short)metadata.Provenance, type.Served, facet, observedAt, metadata.ResourceVersion, order, recorded.State));
    }

    long FacetOf(FacetContent content, SnapshotRows rows)
    {
        if (_facets.TryGetValue((content.Type, content.Digest), out var id))
            return id;
        id = ++_nextFacet;
        _facets.Add((content.Type, content.Digest), id);
        rows.Facets.Add((id, content.Type, content.Digest, content.Content));
        var facet = Facet.Read(content.Content);
        foreach (var (label, value) in facet.Labels)
            rows.Labels.Add((content.Type, NoNul(label), NoNul(value), id));
        foreach (var owner in facet.Owners)
            rows.Owners.Add((content.Type, NoNul(owner), id));
        return id;
    }

    /// <summary>What changed of objects, types and clusters that are there already.</summary>
    void Store(NpgsqlBatch updates)
    {
        var changed = _touched.Where(state => !state.IsNew).ToList();
        if (changed.Count > 0)
        {
            updates.Add($"UPDATE {tables.Objects} o SET died = nullif(c.died, 0), facet = c.facet FROM unnest($1, $2, $3) AS c (id, died, facet) WHERE o.id = c.id",
                changed.Select(state => state.Id).ToArray(), changed.Select(state => state.Died ?? 0).ToArray(), changed.Select(state => state.Facet).ToArray());
        }
        foreach (var ((name, resource), type) in _types)
        {
            if (!type.IsTouched)
                continue;
            type.IsTouched = false;
            updates.Add($"""
                INSERT INTO {tables.Types} AS t (id, cluster, grp, resource, served, version, observed_at, position, objects, versions, gaps, synced, since_moment) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                ON CONFLICT (id) DO UPDATE SET served = excluded.served, version = excluded.version, observed_at = excluded.observed_at, position = excluded.position, objects = excluded.objects,
                    versions = excluded.versions, gaps = excluded.gaps, synced = excluded.synced, since_moment = excluded.since_moment
                """, type.Id, name, resource.Group, resource.Resource, type.Served, type.Version, type.ObservedAt, type.Position, type.Objects, type.Versions, type.Gaps, type.Synced, type.SinceMoment);
        }
        foreach (var (name, cluster) in _clusters)
        {
            if (!cluster.IsTouched)
                continue;
            cluster.IsTouched = false;
            updates.Add($"""
                INSERT INTO {tables.Clusters} (id, name, since_moment, max_version_order, max_observed_at) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (id) DO UPDATE SET since_moment = excluded.since_moment, max_version_order = excluded.max_version_order, max_observed_at = excluded.max_observed_at
                """, cluster.Id, name, cluster.SinceMoment, cluster.MaxOrder, cluster.MaxObservedAt);
        }
    }

    TypeState Type(EventMetadata metadata)
    {
        var key = (metadata.Cluster, metadata.Type.GroupResource);
        if (!_types.TryGetValue(key, out var type))
            _types.Add(key, type = new TypeState { Id = _types.Count + 1 });
        return type;
    }

    ClusterState Cluster(string name)
    {
        if (!_clusters.TryGetValue(name, out var cluster))
            _clusters.Add(name, cluster = new ClusterState { Id = _clusters.Count + 1 });
        return cluster;
    }

    long Served(TypeState type, ResourceType resource, SnapshotRows rows)
    {
        if (type.Versioned.TryGetValue(resource, out var id))
            return id;
        id = ++_nextServed;
        rows.Served.Add((id, type.Id, resource.Version, resource.Kind, resource.Namespaced));
        type.Versioned.Add(resource, id);
        return id;
    }

    public static string Scope(string @namespace) => @namespace.Length == 0 ? "" : $"{@namespace}/";

    public static string Unscope(string scope) => scope.Length == 0 ? "" : scope[..^1];

    /// <summary>An index holds no NUL (PostgreSQL manual, 8.3); neither does any name that Kubernetes accepts.</summary>
    public static string NoNul(string text) => text.Replace('\0', '\uFFFD');

    readonly record struct ObjectKey(long Type, ObjectIdentity Object);

    sealed record FacetContent(long Type, Guid Digest, byte[] Content);

    sealed class ClusterState
    {
        public required long Id { get; init; }
        public long SinceMoment { get; set; }
        public string MaxOrder { get; set; } = "";
        public long MaxObservedAt { get; set; }
        public bool IsTouched { get; set; }
    }

    sealed class TypeState
    {
        public required long Id { get; init; }
        public long Served { get; set; }
        public string Version { get; set; } = "";
        public long ObservedAt { get; set; }
        public long Position { get; set; }
        public long Objects { get; set; }
        public long Versions { get; set; }
        public long Gaps { get; set; }
        public bool Synced { get; set; }
        public long SinceMoment { get; set; }
        public int Epoch { get; set; }
        public bool IsTouched { get; set; }
        public Dictionary<ResourceType, long> Versioned { get; } = [];
    }
}
