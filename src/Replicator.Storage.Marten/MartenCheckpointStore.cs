using Replicator.Core.Storage;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten;

/// <summary>The positions of the log's followers, a row each.</summary>
public sealed class MartenCheckpointStore : ICheckpointStore
{
    readonly Database _database;

    internal MartenCheckpointStore(Database database) => _database = database;

    /// <inheritdoc/>
    public async ValueTask<long> ReadAsync(string name, CancellationToken cancellationToken) =>
        await _database.RunAsync(async connection =>
        {
            await using var command = connection.Command($"SELECT position FROM {_database.Schema}.replicator_checkpoints WHERE name = $1", name);
            return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is long position ? position : 0;
        }, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask WriteAsync(string name, long position, CancellationToken cancellationToken) =>
        await _database.RunAsync(async connection =>
        {
            await using var command = connection.Command(
                $"INSERT INTO {_database.Schema}.replicator_checkpoints (name, position) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET position = excluded.position", name, position);
            return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }, cancellationToken).ConfigureAwait(false);
}
