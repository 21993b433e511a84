using Npgsql;
using Replicator.Storage.Marten.Log;
using Replicator.Storage.Marten.Snapshots;

namespace Replicator.Storage.Marten.Postgres;

/// <summary>The tables of a schema: Marten's own for the log, made by Marten, and those that are ours.</summary>
static class Schema
{
    /// <summary>Counts up with every change of the tables.</summary>
    public const int Version = 1;

    public static async Task MigrateAsync(Database database, MartenMigrationOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            // Two migrations at once would trip over each other's CREATE; the lock is the session's, as Marten uses transactions of its own.
            await using (var wait = connection.Command("SELECT pg_advisory_lock($1)", database.AppenderKey))
                await wait.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                using (var store = MartenLog.CreateStore(database, JasperFx.AutoCreate.CreateOrUpdate))
                    await store.Storage.ApplyAllConfiguredChangesToDatabaseAsync().ConfigureAwait(false);
                await using var own = new NpgsqlCommand(Own(database.Schema), connection);
                await own.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                if (options.GrantTo is { } role)
                {
                    await using var grant = new NpgsqlCommand(Grants(database.Schema, role), connection);
                    await grant.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
            }
            finally
            {
                await using var release = connection.Command("SELECT pg_advisory_unlock_all()");
                await release.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (database.Translate(exception, cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    static string Own(string schema) => $"""
        BEGIN;
        ALTER TABLE {schema}.mt_events ALTER COLUMN data SET COMPRESSION lz4, ALTER COLUMN headers SET COMPRESSION lz4;
        CREATE TABLE IF NOT EXISTS {schema}.replicator_checkpoints (name text PRIMARY KEY, position bigint NOT NULL);
        {SnapshotTables.Create(schema)}
        CREATE TABLE IF NOT EXISTS {schema}.replicator_schema (version integer NOT NULL);
        DELETE FROM {schema}.replicator_schema;
        INSERT INTO {schema}.replicator_schema (version) VALUES ({Version});
        COMMIT;
        """;

    static string Grants(string schema, string role)
    {
        var quoted = $"\"{role.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        return $"""
            BEGIN;
            GRANT USAGE ON SCHEMA {schema} TO {quoted};
            GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA {schema} TO {quoted};
            GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {quoted};
            GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {quoted};
            COMMIT;
            """;
    }
}
