using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Storage;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten.Snapshots;

/// <summary>A read of the snapshots: one transaction, so one state of them, whatever is applied or rebuilt meanwhile.</summary>
sealed class SnapshotReader : IAsyncDisposable
{
    const int ChangedNames = 1024;

    readonly NpgsqlConnection _connection;
    readonly NpgsqlTransaction _transaction;
    readonly SnapshotTables _tables;

    SnapshotReader(NpgsqlConnection connection, NpgsqlTransaction transaction, SnapshotTables tables, long checkpoint, long? type) =>
        (_connection, _transaction, _tables, Checkpoint, Type) = (connection, transaction, tables, checkpoint, type);

    /// <summary>The last position that is applied.</summary>
    public long Checkpoint { get; }

    /// <summary>The number of the type that the read is about; null where nothing of it was ever recorded.</summary>
    public long? Type { get; }

    /// <summary>Begins a read of the current generation.</summary>
    public static async Task<SnapshotReader> BeginAsync(Database database, string? cluster, GroupResource type, CancellationToken cancellationToken)
    {
        for (var slot = 0; ;)
        {
            var tables = new SnapshotTables(database.Schema, slot);
            var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
            NpgsqlTransaction? transaction = null;
            try
            {
                transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
                await using var batch = new NpgsqlBatch(connection, transaction);
                // A slot is emptied by TRUNCATE, which respects no snapshot but does wait for this lock; taken before the snapshot is, it makes sure that the slot is still the current one.
                batch.Add($"LOCK TABLE {tables.Types} IN ACCESS SHARE MODE");
                batch.Add($"SELECT slot, checkpoint FROM {SnapshotTables.State(database.Schema)} WHERE is_current");
                batch.Add($"SELECT id FROM {tables.Types} WHERE cluster = $1 AND grp = $2 AND resource = $3", cluster ?? "", type.Group ?? "", type.Resource ?? "");
                await using var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                var (current, checkpoint) = (reader.GetInt32(0), reader.GetInt64(1));
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                long? number = await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? reader.GetInt64(0) : null;
                if (current == slot)
                    return new SnapshotReader(connection, transaction, tables, checkpoint, number);
                slot = current;
            }
            catch
            {
                if (transaction is not null)
                    await transaction.DisposeAsync().ConfigureAwait(false);
                await connection.DisposeAsync().ConfigureAwait(false);
                throw;
            }
            await transaction.DisposeAsync().ConfigureAwait(false);
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Turns a cut into bounds of position; in between each version says for itself.</summary>
    /// <exception cref="FormatException">The cut is a resource version that cannot be ordered.</exception>
    public Task<PositionBounds> BoundAsync(Cut cut, CancellationToken cancellationToken) => BoundAsync(Type!.Value, cut, cancellationToken);

    async Task<PositionBounds> BoundAsync(long type, Cut cut, CancellationToken cancellationToken)
    {
        switch (cut.Kind)
        {
            case CutKind.Now:
                return new PositionBounds(Checkpoint, Checkpoint, null, null);
            case CutKind.Position:
                return new PositionBounds(Math.Min(cut.Value, Checkpoint), Math.Min(cut.Value, Checkpoint), null, null);
            default:
                var isTime = cut.Kind == CutKind.Time;
                var (column, value) = isTime ? ("observed_at", (object)cut.Value) : ("version_order", Order(cut));
                var (first, last) = isTime ? (0, Checkpoint) : await FindEpochAsync(type, (string)value, cancellationToken).ConfigureAwait(false);
                await using (var batch = new NpgsqlBatch(_connection, _transaction))
                {
                    batch.Add($"SELECT coalesce(max(position), $3) FROM {_tables.Moments} WHERE type = $1 AND {column} <= $2 AND position > $3 AND position <= $4", type, value, first, last);
                    batch.Add($"SELECT coalesce(min(position) - 1, $4) FROM {_tables.Moments} WHERE type = $1 AND {column} > $2 AND position > $3 AND position <= $4", type, value, first, last);
                    await using var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                    await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                    var low = reader.GetInt64(0);
                    await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                    await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                    return new PositionBounds(low, Math.Min(last, reader.GetInt64(0)), isTime ? cut.Value : null, isTime ? null : (string)value);
                }
        }
    }

    /// <summary>The objects of the type as of a cut, in the API server's order. A state lies in <paramref name="state"/> until the next is asked for.</summary>
    public async IAsyncEnumerable<StoredObject> ListAsync(ObjectQuery query, string? name, PooledBufferWriter? state, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (Type is not { } type)
            yield break;
        var bounds = await BoundAsync(query.Cut, cancellationToken).ConfigureAwait(false);
        var isNow = query.Cut.Kind == CutKind.Now;
        var sql = new StringBuilder();
        await using var command = new NpgsqlCommand { Connection = _connection, Transaction = _transaction };
        string Parameter(object value)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
            return $"${command.Parameters.Count}";
        }
        sql.Append(CultureInfo.InvariantCulture, $"SELECT o.scope, o.name, o.uid, v.version{(state is null ? "" : ", v.state::text")} FROM {_tables.Objects} o CROSS JOIN LATERAL (");
        sql.Append(CultureInfo.InvariantCulture, $"SELECT v.event, v.version, v.facet, v.state FROM {_tables.Versions} v WHERE v.object = o.id AND v.position <= {Parameter(bounds.High)}");
        if (bounds.Time is { } time)
            sql.Append(CultureInfo.InvariantCulture, $" AND (v.position <= {Parameter(bounds.Low)} OR v.observed_at <= {Parameter(time)})");
        if (bounds.Order is { } order)
            sql.Append(CultureInfo.InvariantCulture, $" AND (v.position <= {Parameter(bounds.Low)} OR v.version_order <= {Parameter(order)})");
        sql.Append(CultureInfo.InvariantCulture, $" ORDER BY v.position DESC LIMIT 1) v WHERE o.type = {Parameter(type)} AND v.event <> {(int)EventType.ObjectDeleted}");
        sql.Append(isNow ? " AND o.died IS NULL" : string.Create(CultureInfo.InvariantCulture, $" AND o.born <= {Parameter(bounds.High)} AND (o.died IS NULL OR o.died > {Parameter(bounds.Low)})"));
        if (query.Namespace is { } @namespace)
            sql.Append(CultureInfo.InvariantCulture, $" AND o.scope = {Parameter(SnapshotWriter.Scope(@namespace))}");
        if (name is not null)
            sql.Append(CultureInfo.InvariantCulture, $" AND o.name = {Parameter(name)}");
        if (query.After is { } after)
            sql.Append(CultureInfo.InvariantCulture, $" AND (o.scope, o.name) > ({Parameter(SnapshotWriter.Scope(after.Namespace))}, {Parameter(after.Name)})");
        if (query.Selector.Requirements.Count > 0 || query.OwnerUids is not null)
        {
            var facets = Parameter(await FindFacetsAsync(type, query.Selector, query.OwnerUids, cancellationToken).ConfigureAwait(false));
            sql.Append(CultureInfo.InvariantCulture, $" AND v.facet = ANY({facets}) AND {(isNow ? $"o.facet = ANY({facets})" : $"o.id IN (SELECT object FROM {_tables.FacetObjects} WHERE facet = ANY({facets}))")}");
        }
        sql.Append(CultureInfo.InvariantCulture, $" ORDER BY o.scope, o.name, o.born LIMIT {Parameter(query.Limit)}");
        command.CommandText = sql.ToString();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            state?.Clear();
            if (state is not null && !await reader.IsDBNullAsync(4, cancellationToken).ConfigureAwait(false))
                Read(reader, 4, state);
            yield return new StoredObject(new ObjectIdentity(SnapshotWriter.Unscope(reader.GetString(0)), reader.GetString(1), reader.GetString(2)), reader.GetString(3), state?.WrittenMemory ?? default);
        }
    }

    /// <summary>Every version of the objects that bore a name.</summary>
    public async IAsyncEnumerable<StoredVersion> GetHistoryAsync(GroupResource type, string @namespace, string name, bool states, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (Type is not { } number)
            yield break;
        await using var command = _connection.Command($"""
            SELECT o.uid, v.position, v.event, v.version, v.observed_at, v.provenance, s.version, s.kind, s.namespaced, lead(v.observed_at) OVER (PARTITION BY v.object ORDER BY v.position){(states ? ", v.state::text" : "")}
            FROM {_tables.Objects} o JOIN {_tables.Versions} v ON v.object = o.id JOIN {_tables.Served} s ON s.id = v.served WHERE o.type = $1 AND o.scope = $2 AND o.name = $3 ORDER BY o.born, v.position
            """, number, SnapshotWriter.Scope(@namespace), name);
        command.Transaction = _transaction;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var (uid, previous) = ("", ReadOnlyMemory<byte>.Empty);
        using var state = new PooledBufferWriter();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (reader.GetString(0) != uid)
                (uid, previous) = (reader.GetString(0), default);
            // A deletion that was found by a list brought no state: the last one that is known stands for it.
            if (states && !await reader.IsDBNullAsync(10, cancellationToken).ConfigureAwait(false))
            {
                state.Clear();
                Read(reader, 10, state);
                previous = state.WrittenSpan.ToArray();
            }
            var @event = (EventType)reader.GetInt16(2);
            yield return new StoredVersion
            {
                Object = new ObjectIdentity(@namespace, name, uid),
                Type = new ResourceType(type.Group, reader.GetString(6), type.Resource, reader.GetString(7), reader.GetBoolean(8)),
                Event = @event,
                ResourceVersion = reader.GetString(3),
                Position = reader.GetInt64(1),
                From = HashChain.FromMicroseconds(reader.GetInt64(4)),
                To = @event == EventType.ObjectDeleted || reader.IsDBNull(9) ? null : HashChain.FromMicroseconds(reader.GetInt64(9)),
                Provenance = (Provenance)reader.GetInt16(5),
                State = previous,
            };
        }
    }

    /// <summary>What differs between two cuts: the names that versions between them bear, then what held under each at both.</summary>
    public async IAsyncEnumerable<ChangedObject> ListChangedAsync(ChangedQuery query, PooledBufferWriter before, PooledBufferWriter after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var types = new List<(ResourceType Type, long Number, PositionBounds From, PositionBounds To)>();
        var numbers = await ReadTypeNumbersAsync(query.Cluster, cancellationToken).ConfigureAwait(false);
        foreach (var status in await ReadTypesAsync(query.Cluster, cancellationToken).ConfigureAwait(false))
        {
            if (query.Types?.Contains(status.Type.GroupResource) == false)
                continue;
            var number = numbers[status.Type.GroupResource];
            var (from, to) = (await BoundAsync(number, query.From, cancellationToken).ConfigureAwait(false), await BoundAsync(number, query.To, cancellationToken).ConfigureAwait(false));
            if (Math.Min(from.Low, to.Low) < Math.Max(from.High, to.High))
                types.Add((status.Type, number, from, to));
        }
        if (types.Count == 0)
            yield break;
        var touched = await ReadTouchedAsync([.. types.Select(type => type.Number)], types.Min(type => Math.Min(type.From.Low, type.To.Low)), types.Max(type => Math.Max(type.From.High, type.To.High)), query.Namespace, cancellationToken).ConfigureAwait(false);
        foreach (var (type, number, from, to) in types)
        {
            foreach (var names in touched[number].Chunk(ChangedNames))
            {
                await foreach (var one in CompareAsync(type, number, from, to, names, before, after, cancellationToken).ConfigureAwait(false))
                    yield return one;
            }
        }
    }

    async Task<Dictionary<GroupResource, long>> ReadTypeNumbersAsync(string cluster, CancellationToken cancellationToken)
    {
        await using var command = _connection.Command($"SELECT id, grp, resource FROM {_tables.Types} WHERE cluster = $1", cluster);
        command.Transaction = _transaction;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var numbers = new Dictionary<GroupResource, long>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            numbers[new GroupResource(reader.GetString(1), reader.GetString(2))] = reader.GetInt64(0);
        return numbers;
    }

    async Task<ILookup<long, (string Scope, string Name)>> ReadTouchedAsync(long[] types, long low, long high, string? @namespace, CancellationToken cancellationToken)
    {
        await using var command = _connection.Command($"""
            SELECT DISTINCT o.type, o.scope, o.name FROM {_tables.Versions} v JOIN {_tables.Objects} o ON o.id = v.object
            WHERE v.position > $1 AND v.position <= $2 AND o.type = ANY($3) AND ($4 OR o.scope = $5) ORDER BY o.type, o.scope, o.name
            """, low, high, types, @namespace is null, SnapshotWriter.Scope(@namespace ?? ""));
        command.Transaction = _transaction;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var touched = new List<(long Type, string Scope, string Name)>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            touched.Add((reader.GetInt64(0), reader.GetString(1), reader.GetString(2)));
        return touched.ToLookup(one => one.Type, one => (one.Scope, one.Name));
    }

    async IAsyncEnumerable<ChangedObject> CompareAsync(
        ResourceType type, long number, PositionBounds from, PositionBounds to, (string Scope, string Name)[] names, PooledBufferWriter before, PooledBufferWriter after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand { Connection = _connection, Transaction = _transaction };
        string Parameter(object value)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
            return $"${command.Parameters.Count}";
        }
        string Includes(PositionBounds bounds) => bounds switch
        {
            { Time: { } time } => $"v.position <= {Parameter(bounds.High)} AND (v.position <= {Parameter(bounds.Low)} OR v.observed_at <= {Parameter(time)})",
            { Order: { } order } => $"v.position <= {Parameter(bounds.High)} AND (v.position <= {Parameter(bounds.Low)} OR v.version_order <= {Parameter(order)})",
            _ => $"v.position <= {Parameter(bounds.High)}",
        };
        string Held(PositionBounds bounds) => $"(SELECT v.position, v.event, v.version, v.state FROM {_tables.Versions} v WHERE v.object = o.id AND {Includes(bounds)} ORDER BY v.position DESC LIMIT 1)";
        var deleted = (int)EventType.ObjectDeleted;
        command.CommandText = $"""
            SELECT k.scope, k.name, o.uid, b.version, CASE WHEN b.position IS DISTINCT FROM a.position THEN b.state::text END, a.version, CASE WHEN b.position IS DISTINCT FROM a.position THEN a.state::text END,
                coalesce(b.event <> {deleted}, false), coalesce(a.event <> {deleted}, false), b.position IS NOT DISTINCT FROM a.position,
                EXISTS (SELECT 1 FROM {_tables.Versions} v WHERE v.object = o.id AND v.position > {Parameter(Math.Min(from.Low, to.Low))} AND v.position <= {Parameter(Math.Max(from.High, to.High))} AND ({Includes(from)}) <> ({Includes(to)}))
            FROM unnest({Parameter(names.Select(name => name.Scope).ToArray())}, {Parameter(names.Select(name => name.Name).ToArray())}) WITH ORDINALITY AS k (scope, name, place)
            JOIN {_tables.Objects} o ON o.type = {Parameter(number)} AND o.scope = k.scope AND o.name = k.name
            LEFT JOIN LATERAL {Held(from)} b ON true LEFT JOIN LATERAL {Held(to)} a ON true ORDER BY k.place, o.born
            """;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        (string Scope, string Name)? open = null;
        StoredObject? earlier = null, later = null;
        var (isSame, isTouched) = (false, false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var key = (reader.GetString(0), reader.GetString(1));
            if (open is not null && open != key && Changed() is { } changed)
                yield return changed;
            if (open != key)
                (open, earlier, later, isSame, isTouched) = (key, null, null, false, false);
            var identity = new ObjectIdentity(SnapshotWriter.Unscope(key.Item1), key.Item2, reader.GetString(2));
            var (had, has) = (reader.GetBoolean(7), reader.GetBoolean(8));
            isSame |= had && has && reader.GetBoolean(9);
            isTouched |= reader.GetBoolean(10);
            if (had)
                earlier = Take(3, before, identity);
            if (has)
                later = Take(5, after, identity);
        }
        if (open is not null && Changed() is { } last)
            yield return last;

        StoredObject Take(int column, PooledBufferWriter into, ObjectIdentity identity)
        {
            into.Clear();
            if (!reader.IsDBNull(column + 1))
                Read(reader, column + 1, into);
            return new StoredObject(identity, reader.GetString(column), into.WrittenMemory);
        }

        ChangedObject? Changed() => isSame || (earlier is null && later is null && !isTouched) ? null
            : new ChangedObject(type, SnapshotWriter.Unscope(open.Value.Scope), open.Value.Name, earlier, later);
    }

    public async Task<List<TypeStatus>> ReadTypesAsync(string? cluster, CancellationToken cancellationToken)
    {
        await using var command = _connection.Command($"""
            SELECT t.cluster, t.grp, t.resource, s.version, s.kind, s.namespaced, t.version, t.observed_at, t.position, t.objects, t.versions, t.gaps, t.synced
            FROM {_tables.Types} t JOIN {_tables.Served} s ON s.id = t.served WHERE $1 OR t.cluster = $2 ORDER BY t.cluster COLLATE "C", t.grp COLLATE "C", t.resource COLLATE "C"
            """, cluster is null, cluster ?? "");
        command.Transaction = _transaction;
        await using var types = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var statuses = new List<TypeStatus>();
        while (await types.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            statuses.Add(new TypeStatus
            {
                Cluster = types.GetString(0),
                Type = new ResourceType(types.GetString(1), types.GetString(3), types.GetString(2), types.GetString(4), types.GetBoolean(5)),
                ResourceVersion = types.GetString(6),
                LastObservedAt = HashChain.FromMicroseconds(types.GetInt64(7)),
                LastPosition = types.GetInt64(8),
                Objects = types.GetInt64(9),
                Versions = types.GetInt64(10),
                Gaps = types.GetInt64(11),
                Synced = types.GetBoolean(12),
            });
        }
        return statuses;
    }

    public async Task<List<GapStatus>> ReadGapsAsync(string cluster, GroupResource? type, CancellationToken cancellationToken)
    {
        await using var command = _connection.Command(
            $"SELECT t.grp, t.resource, g.position, g.from_version, g.to_version, g.from_time, g.to_time, g.reason FROM {_tables.Gaps} g JOIN {_tables.Types} t ON t.id = g.type WHERE t.cluster = $1 ORDER BY g.position", cluster);
        command.Transaction = _transaction;
        await using var gaps = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var statuses = new List<GapStatus>();
        while (await gaps.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var of = new GroupResource(gaps.GetString(0), gaps.GetString(1));
            if (type is { } wanted && wanted != of)
                continue;
            statuses.Add(new GapStatus(of, gaps.GetInt64(2), gaps.GetString(3), gaps.IsDBNull(4) ? null : gaps.GetString(4),
                gaps.IsDBNull(5) ? null : HashChain.FromMicroseconds(gaps.GetInt64(5)), gaps.IsDBNull(6) ? null : HashChain.FromMicroseconds(gaps.GetInt64(6)), gaps.GetString(7)));
        }
        return statuses;
    }

    /// <summary>The last position up to which nothing of the cluster is later than the cut, as far as the sparse index knows.</summary>
    public async Task<long> FindClusterPositionAsync(string cluster, Cut cut, CancellationToken cancellationToken)
    {
        if (cut.Kind is CutKind.Now or CutKind.Position)
            return Math.Min(Checkpoint, cut.Value);
        var (column, value) = cut.Kind == CutKind.Time ? ("max_observed_at", (object)cut.Value) : ("max_version_order", Order(cut));
        await using var command = _connection.Command(
            $"SELECT coalesce(max(m.position), 0) FROM {_tables.ClusterMoments} m JOIN {_tables.Clusters} c ON c.id = m.cluster WHERE c.name = $1 AND m.{column} <= $2", cluster, value);
        command.Transaction = _transaction;
        return (long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    /// <summary>A digest over all types, objects and versions in an order that does not depend on how the tables were filled.</summary>
    public async Task<string> ComputeDigestAsync(CancellationToken cancellationToken)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Append(FormattableString line) => sha.AppendData(Encoding.UTF8.GetBytes(line.ToString(CultureInfo.InvariantCulture)));
        foreach (var type in await ReadTypesAsync(null, cancellationToken).ConfigureAwait(false))
        {
            Append($"type {type.Cluster} {type.Type} {type.ResourceVersion} {type.LastPosition} {type.Objects} {type.Versions} {type.Gaps} {type.Synced}\n");
            foreach (var gap in await ReadGapsAsync(type.Cluster, type.Type.GroupResource, cancellationToken).ConfigureAwait(false))
                Append($"gap {gap}\n");
        }
        await using (var query = _connection.Command(
            $"SELECT t.cluster, t.grp, t.resource, e.epoch, e.position, coalesce(e.version_order, '') FROM {_tables.Epochs} e JOIN {_tables.Types} t ON t.id = e.type ORDER BY e.position, t.id"))
        {
            query.Transaction = _transaction;
            await using var epochs = await query.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            while (await epochs.ReadAsync(cancellationToken).ConfigureAwait(false))
                Append($"epoch {epochs.GetString(0)} {epochs.GetString(1)} {epochs.GetString(2)} {epochs.GetInt32(3)} {epochs.GetInt64(4)} {epochs.GetString(5)}\n");
        }
        await using var command = _connection.Command($"""
            SELECT t.cluster, t.grp, t.resource, o.scope, o.name, o.uid, o.born, coalesce(o.died, 0), v.position, v.event, v.version, v.observed_at, v.provenance, s.version, s.kind, f.content, v.state::text
            FROM {_tables.Versions} v JOIN {_tables.Objects} o ON o.id = v.object JOIN {_tables.Types} t ON t.id = o.type JOIN {_tables.Served} s ON s.id = v.served LEFT JOIN {_tables.Facets} f ON f.id = v.facet ORDER BY v.position
            """);
        command.Transaction = _transaction;
        await using var versions = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        using var state = new PooledBufferWriter();
        while (await versions.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            Append($"version {versions.GetString(0)} {versions.GetString(1)} {versions.GetString(2)} {versions.GetString(3)} {versions.GetString(4)} {versions.GetString(5)} {versions.GetInt64(6)} {versions.GetInt64(7)} ");
            Append($"{versions.GetInt64(8)} {versions.GetInt16(9)} {versions.GetString(10)} {versions.GetInt64(11)} {versions.GetInt16(12)} {versions.GetString(13)} {versions.GetString(14)} ");
            if (!versions.IsDBNull(15))
                sha.AppendData(versions.GetFieldValue<byte[]>(15));
            state.Clear();
            if (!versions.IsDBNull(16))
                Read(versions, 16, state);
            sha.AppendData(state.WrittenSpan);
            Append($"\n");
        }
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The facets of the type whose labels match and that name the owner.</summary>
    async Task<long[]> FindFacetsAsync(long type, LabelSelector selector, IReadOnlyCollection<string>? owners, CancellationToken cancellationToken)
    {
        var wanted = selector.Requirements.FirstOrDefault(requirement => requirement.Operator == LabelOperator.In);
        await using var command = owners is not null
            ? _connection.Command($"SELECT DISTINCT f.id, f.content FROM {_tables.FacetOwners} l JOIN {_tables.Facets} f ON f.id = l.facet WHERE l.type = $1 AND l.uid = ANY($2)", type, owners.Select(SnapshotWriter.NoNul).ToArray())
            : wanted is not null
                ? _connection.Command($"SELECT DISTINCT f.id, f.content FROM {_tables.FacetLabels} l JOIN {_tables.Facets} f ON f.id = l.facet WHERE l.type = $1 AND l.key = $2 AND l.value = ANY($3)", type, SnapshotWriter.NoNul(wanted.Key), wanted.Values.Select(SnapshotWriter.NoNul).ToArray())
                : _connection.Command($"SELECT f.id, f.content FROM {_tables.Facets} f WHERE f.type = $1", type);
        command.Transaction = _transaction;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var facets = new List<long>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (selector.Requirements.Count == 0 || selector.Matches(Facet.Read(reader.GetFieldValue<byte[]>(1)).Labels))
                facets.Add(reader.GetInt64(0));
        }
        return [.. facets];
    }

    /// <summary>The positions of the epoch that a resource version is of: the newest whose first list is not newer than it. Everything before them lies before the cut, everything after them behind it.</summary>
    async Task<(long First, long Last)> FindEpochAsync(long type, string order, CancellationToken cancellationToken)
    {
        // A list whose version cannot be ordered is not known to be older than anything; neither is one that has not come yet.
        await using var command = _connection.Command(
            $"SELECT position, coalesce(version_order <> '' AND version_order <= $2, false) FROM {_tables.Epochs} WHERE type = $1 ORDER BY epoch DESC", type, order);
        command.Transaction = _transaction;
        await using var epochs = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var last = Checkpoint;
        while (await epochs.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (epochs.GetBoolean(1))
                return (epochs.GetInt64(0), last);
            last = Math.Min(last, epochs.GetInt64(0) - 1);
        }
        return (0, last);
    }

    static string Order(Cut cut)
    {
        var order = VersionOrder.From(cut.Version!);
        return order.Length > 0 ? order : throw new FormatException($"Resource version '{cut.Version}' is not a decimal integer: it names no moment (KEP-5504).");
    }

    static void Read(NpgsqlDataReader reader, int column, PooledBufferWriter into)
    {
        using var stream = reader.GetStream(column);
        var length = (int)stream.Length;
        stream.ReadExactly(into.GetSpan(length)[..length]);
        into.Advance(length);
    }
}

/// <summary>A cut as positions: everything of the type up to <paramref name="Low"/> lies before it, everything after <paramref name="High"/> behind it; between them the version's own time or number decides.</summary>
readonly record struct PositionBounds(long Low, long High, long? Time, string? Order);
