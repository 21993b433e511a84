using Replicator.Core.Storage;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten;

/// <summary>The stores in a PostgreSQL database: the log on Marten's event tables, the projection, and the positions of the log's followers.</summary>
/// <remarks>
/// The schema is made by <see cref="MigrateAsync"/>, by an account that may do that; whoever connects afterwards needs no more than <c>SELECT</c>, <c>INSERT</c>, <c>UPDATE</c>, <c>DELETE</c> and
/// <c>TRUNCATE</c> on its tables, <c>USAGE</c> on its sequences and <c>EXECUTE</c> on its functions (see <see cref="MartenMigrationOptions.GrantTo"/>).
/// </remarks>
public sealed class MartenStores : IAsyncDisposable
{
    readonly Database _database;

    MartenStores(Database database) =>
        (_database, Events, Snapshots, Checkpoints) = (database, new MartenEventStore(database), new MartenSnapshotStore(database), new MartenCheckpointStore(database));

    /// <summary>The log.</summary>
    public MartenEventStore Events { get; }

    /// <summary>The projection. It asks nothing of <see cref="Events"/>, so that the log may be in another engine.</summary>
    public MartenSnapshotStore Snapshots { get; }

    /// <summary>The followers' positions.</summary>
    public MartenCheckpointStore Checkpoints { get; }

    /// <summary>The server and the database, without the secret.</summary>
    public string Place => _database.Place;

    /// <summary>Prepares the stores of a database. Nothing is asked of the server yet: where it is away, the first call says so.</summary>
    /// <exception cref="ArgumentException">The connection string or an option is malformed.</exception>
    public static MartenStores Connect(string connectionString, MartenStoreOptions? options = null) => new(new Database(connectionString, options ?? new MartenStoreOptions()));

    /// <summary>Makes the schema, or brings the one of an earlier version up to date. Safe to run again, and beside another that does the same.</summary>
    /// <exception cref="StoreUnavailableException">The database is away, or the account may not do it.</exception>
    public static async Task MigrateAsync(string connectionString, MartenMigrationOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new MartenMigrationOptions();
        await using var database = new Database(connectionString, new MartenStoreOptions { Schema = options.Schema });
        await Schema.MigrateAsync(database, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits for what is being committed and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        await Events.DisposeAsync().ConfigureAwait(false);
        await Snapshots.DisposeAsync().ConfigureAwait(false);
        await _database.DisposeAsync().ConfigureAwait(false);
    }
}
