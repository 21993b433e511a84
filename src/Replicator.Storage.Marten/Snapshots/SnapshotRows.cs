using Npgsql;
using NpgsqlTypes;

namespace Replicator.Storage.Marten.Snapshots;

/// <summary>New rows of one transaction, which go into their tables by <c>COPY</c> in binary.</summary>
sealed class SnapshotRows(SnapshotTables tables)
{
    public List<ObjectState> Objects { get; } = [];
    public List<VersionRow> Versions { get; } = [];
    public List<(long Id, long Type, string Version, string Kind, bool Namespaced)> Served { get; } = [];
    public List<(long Id, long Type, Guid Digest, byte[] Content)> Facets { get; } = [];
    public HashSet<(long Type, string Key, string Value, long Facet)> Labels { get; } = [];
    public HashSet<(long Type, string Uid, long Facet)> Owners { get; } = [];
    public HashSet<(long Facet, long Object)> FacetObjects { get; } = [];
    public List<(long Type, long Position, string Order, long ObservedAt)> Moments { get; } = [];
    public List<(long Cluster, long Position, string Order, long ObservedAt)> ClusterMoments { get; } = [];

    public async Task WriteAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await CopyAsync(connection, $"{tables.Objects} (id, type, scope, name, uid, born, died, facet)", Objects, static (into, row) =>
        {
            into.Write(row.Id);
            into.Write(row.Type);
            into.Write(row.Scope);
            into.Write(row.Name);
            into.Write(row.Uid);
            into.Write(row.Born);
            if (row.Died is { } died)
                into.Write(died);
            else
                into.WriteNull();
            into.Write(row.Facet);
        }, cancellationToken).ConfigureAwait(false);
        await CopyAsync(connection, $"{tables.Versions} (object, position, event, provenance, served, facet, observed_at, version, version_order, state)", Versions, static (into, row) =>
        {
            into.Write(row.Object);
            into.Write(row.Position);
            into.Write(row.Event);
            into.Write(row.Provenance);
            into.Write(row.Served);
            into.Write(row.Facet);
            into.Write(row.ObservedAt);
            into.Write(row.Version);
            into.Write(row.Order);
            if (row.State.IsEmpty)
                into.WriteNull();
            else
                into.Write(row.State, NpgsqlDbType.Json);
        }, cancellationToken).ConfigureAwait(false);
        await CopyAsync(connection, $"{tables.Served} (id, type, version, kind, namespaced)", Served, static (into, row) =>
        {
            into.Write(row.Id);
            into.Write(row.Type);
            into.Write(row.Version);
            into.Write(row.Kind);
            into.Write(row.Namespaced);
        }, cancellationToken).ConfigureAwait(false);
        await CopyAsync(connection, $"{tables.Facets} (id, type, digest, content)", Facets, static (into, row) =>
        {
            into.Write(row.Id);
            into.Write(row.Type);
            into.Write(row.Digest);
            into.Write(row.Content);
        }, cancellationToken).ConfigureAwait(false);
        await CopyAsync(connection, $"{tables.FacetLabels} (type, key, value, facet)", Labels, static (into, row) =>
        {
            into.Write(row.Type);
            into.Write(row.Key);
            into.Write(row.Value);
            into.Write(row.Facet);
        }, cancellationToken).ConfigureAwait(false);
        await CopyAsync(connection, $"{tables.FacetOwners} (type, uid, facet)", Owners, static (into, row) =>
        {
            into.Write(row.Type);
            into.Write(row.Uid);
            into.Write(row.Facet);
        }, cancellationToken).ConfigureAwait(false);
        await CopyAsync(connection, $"{tables.Moments} (type, position, version_order, observed_at)", Moments, WriteMoment, cancellationToken).ConfigureAwait(false);
        await CopyAsync(connection, $"{tables.ClusterMoments} (cluster, position, max_version_order, max_observed_at)", ClusterMoments, WriteMoment, cancellationToken).ConfigureAwait(false);
        if (FacetObjects.Count > 0)
        {
            // An object may come back to a facet that it had before.
            await using var command = new NpgsqlCommand($"INSERT INTO {tables.FacetObjects} (facet, object) SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING", connection);
            command.Parameters.Add(new NpgsqlParameter { Value = FacetObjects.Select(row => row.Facet).ToArray() });
            command.Parameters.Add(new NpgsqlParameter { Value = FacetObjects.Select(row => row.Object).ToArray() });
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    static void WriteMoment(NpgsqlBinaryImporter into, (long Of, long Position, string Order, long ObservedAt) row)
    {
        into.Write(row.Of);
        into.Write(row.Position);
        into.Write(row.Order);
        into.Write(row.ObservedAt);
    }

    static async Task CopyAsync<T>(NpgsqlConnection connection, string into, IReadOnlyCollection<T> rows, Action<NpgsqlBinaryImporter, T> write, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
            return;
        await using var importer = await connection.BeginBinaryImportAsync($"COPY {into} FROM STDIN (FORMAT BINARY)", cancellationToken).ConfigureAwait(false);
        foreach (var row in rows)
        {
            await importer.StartRowAsync(cancellationToken).ConfigureAwait(false);
            write(importer, row);
        }
        await importer.CompleteAsync(cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>A row of <c>versions</c>.</summary>
readonly record struct VersionRow(long Object, long Position, short Event, short Provenance, long Served, long Facet, long ObservedAt, string Version, string Order, ReadOnlyMemory<byte> State);

/// <summary>A row of <c>objects</c>, as the writer knows it.</summary>
sealed class ObjectState
{
    public required long Id { get; init; }
    public required long Type { get; init; }
    public required string Scope { get; init; }
    public required string Name { get; init; }
    public required string Uid { get; init; }
    public required long Born { get; init; }
    public long? Died { get; set; }
    public long Facet { get; set; }
    public bool IsNew { get; set; }
    public bool IsTouched { get; set; }
}
