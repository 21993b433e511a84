using Replicator.Core.Storage;

namespace Replicator.Storage.Sqlite;

/// <summary>A data folder and the three stores in it, held by one process at a time (see <see cref="DataFolder"/>).</summary>
/// <remarks><c>log.db</c> is what must be backed up; <c>snapshots-N.db</c> are folded from it; <c>checkpoints.db</c> says how far the followers of the log are.</remarks>
public sealed class SqliteDataFolder : IAsyncDisposable
{
    readonly DataFolder _folder;

    SqliteDataFolder(DataFolder folder, SqliteEventStore events, SqliteSnapshotStore snapshots, SqliteCheckpointStore checkpoints) =>
        (_folder, Events, Snapshots, Checkpoints) = (folder, events, snapshots, checkpoints);

    /// <summary>The folder.</summary>
    public string Path => _folder.Path;
    /// <summary>The log.</summary>
    public SqliteEventStore Events { get; }
    /// <summary>The projection.</summary>
    public SqliteSnapshotStore Snapshots { get; }
    /// <summary>The followers' positions.</summary>
    public SqliteCheckpointStore Checkpoints { get; }
    /// <summary>Where the redaction key lies.</summary>
    public string RedactionKeyPath => _folder.RedactionKeyPath;

    /// <summary>Where a folder's log lies.</summary>
    public static string LogIn(string path) => System.IO.Path.Combine(path, "log.db");

    /// <summary>Opens a folder, and makes it where there is none.</summary>
    /// <exception cref="StoreUnavailableException">Another process uses it (the message names it), or it cannot be made, opened or written.</exception>
    /// <exception cref="StoreCorruptException">A file in it is damaged.</exception>
    public static async Task<SqliteDataFolder> OpenAsync(string path)
    {
        var folder = DataFolder.Open(path);
        SqliteEventStore? events = null;
        SqliteSnapshotStore? snapshots = null;
        try
        {
            events = SqliteEventStore.Open(LogIn(folder.Path));
            snapshots = SqliteSnapshotStore.Open(folder.Path, events);
            return new SqliteDataFolder(folder, events, snapshots, SqliteCheckpointStore.Open(System.IO.Path.Combine(folder.Path, "checkpoints.db")));
        }
        catch (Exception exception)
        {
            if (snapshots is not null)
                await snapshots.DisposeAsync().ConfigureAwait(false);
            if (events is not null)
                await events.DisposeAsync().ConfigureAwait(false);
            await folder.DisposeAsync().ConfigureAwait(false);
            if (exception is IOException or UnauthorizedAccessException)
                throw DataFolder.Unwritable(folder.Path, exception);
            throw;
        }
    }

    /// <inheritdoc cref="DataFolder.Announce"/>
    public void Announce(string? url) => _folder.Announce(url);

    /// <summary>Waits for what is being written, closes the files and lets the folder go.</summary>
    public async ValueTask DisposeAsync()
    {
        await Snapshots.DisposeAsync().ConfigureAwait(false);
        await Events.DisposeAsync().ConfigureAwait(false);
        Checkpoints.Dispose();
        await _folder.DisposeAsync().ConfigureAwait(false);
    }
}
