using Replicator.Core.Storage;
using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite;

/// <summary>The positions of the log's followers, in a file of their own, so that a follower never waits for the log's writer.</summary>
/// <remarks>A power cut may take the last positions back: a follower then repeats some events, and skips none.</remarks>
public sealed class SqliteCheckpointStore : ICheckpointStore, IDisposable
{
    readonly Lock _lock = new();
    readonly Database _database;
    readonly Statement _read, _write;

    SqliteCheckpointStore(Database database)
    {
        _database = database;
        _read = database.Prepare("SELECT position FROM checkpoints WHERE name = ?1");
        _write = database.Prepare("INSERT INTO checkpoints (name, position) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET position = excluded.position");
    }

    /// <summary>Opens the file, and creates it where there is none.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be opened or written.</exception>
    public static SqliteCheckpointStore Open(string path)
    {
        var database = Database.Open(path, DatabaseMode.Write);
        try
        {
            database.Execute("CREATE TABLE IF NOT EXISTS checkpoints (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID");
            return new SqliteCheckpointStore(database);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<long> ReadAsync(string name, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _read.Bind(1, name);
            var position = _read.Step() ? _read.Integer(0) : 0;
            _read.Reset();
            return ValueTask.FromResult(position);
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(string name, long position, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _write.Bind(1, name);
            _write.Bind(2, position);
            _write.Run();
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose() => _database.Dispose();
}
