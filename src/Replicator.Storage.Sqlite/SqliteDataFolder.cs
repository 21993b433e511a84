using System.Text.Json;
using System.Text.Json.Serialization;
using Replicator.Core.Storage;

namespace Replicator.Storage.Sqlite;

/// <summary>A data folder and the three stores in it, held by one process at a time.</summary>
/// <remarks>
/// <c>log.db</c> is what must be backed up; <c>snapshots-N.db</c> are folded from it; <c>checkpoints.db</c> says how far the followers of the log are; <c>redaction.key</c> belongs to whoever records.
/// <c>replicator.lock</c> is locked while a process uses the folder, and <c>replicator.json</c> says which one and where it listens.
/// </remarks>
public sealed class SqliteDataFolder : IAsyncDisposable
{
    const string LockFile = "replicator.lock";
    const string OwnerFile = "replicator.json";
    // EROFS, the same number on Linux and macOS.
    const int ReadOnlyFileSystem = 30;

    readonly FileStream _lock;

    SqliteDataFolder(string path, FileStream @lock, SqliteEventStore events, SqliteSnapshotStore snapshots, SqliteCheckpointStore checkpoints) =>
        (Path, _lock, Events, Snapshots, Checkpoints) = (path, @lock, events, snapshots, checkpoints);

    /// <summary>The folder.</summary>
    public string Path { get; }
    /// <summary>The log.</summary>
    public SqliteEventStore Events { get; }
    /// <summary>The projection.</summary>
    public SqliteSnapshotStore Snapshots { get; }
    /// <summary>The followers' positions.</summary>
    public SqliteCheckpointStore Checkpoints { get; }
    /// <summary>Where the redaction key lies.</summary>
    public string RedactionKeyPath => System.IO.Path.Combine(Path, "redaction.key");

    /// <summary>Opens a folder, and makes it where there is none.</summary>
    /// <exception cref="StoreUnavailableException">Another process uses it (the message names it), or it cannot be made, opened or written.</exception>
    /// <exception cref="StoreCorruptException">A file in it is damaged.</exception>
    public static async Task<SqliteDataFolder> OpenAsync(string path)
    {
        var folder = System.IO.Path.GetFullPath(path);
        var held = Lock(folder);
        SqliteEventStore? events = null;
        SqliteSnapshotStore? snapshots = null;
        try
        {
            File.Delete(System.IO.Path.Combine(folder, OwnerFile));
            events = SqliteEventStore.Open(System.IO.Path.Combine(folder, "log.db"));
            snapshots = SqliteSnapshotStore.Open(folder, events);
            var opened = new SqliteDataFolder(folder, held, events, snapshots, SqliteCheckpointStore.Open(System.IO.Path.Combine(folder, "checkpoints.db")));
            opened.Announce(null);
            return opened;
        }
        catch (Exception exception)
        {
            if (snapshots is not null)
                await snapshots.DisposeAsync().ConfigureAwait(false);
            if (events is not null)
                await events.DisposeAsync().ConfigureAwait(false);
            await held.DisposeAsync().ConfigureAwait(false);
            if (exception is IOException or UnauthorizedAccessException)
                throw Unwritable(folder, exception);
            throw;
        }
    }

    /// <summary>Who uses a folder now, or null where nobody does.</summary>
    public static DataFolderOwner? FindOwner(string path)
    {
        var folder = System.IO.Path.GetFullPath(path);
        var file = System.IO.Path.Combine(folder, LockFile);
        if (!File.Exists(file))
            return null;
        try
        {
            using var free = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return null;
        }
        catch (IOException exception) when (exception.HResult != ReadOnlyFileSystem)
        {
            return ReadOwner(folder) ?? new DataFolderOwner(0, null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(folder, exception);
        }
    }

    /// <summary>Writes down where this process serves the folder.</summary>
    public void Announce(string? url)
    {
        var file = System.IO.Path.Combine(Path, OwnerFile);
        File.WriteAllText(file + ".new", JsonSerializer.Serialize(new DataFolderOwner(Environment.ProcessId, url), DataFolderOwnerContext.Default.DataFolderOwner));
        File.Move(file + ".new", file, overwrite: true);
    }

    /// <summary>Waits for what is being written, closes the files and lets the folder go.</summary>
    public async ValueTask DisposeAsync()
    {
        await Snapshots.DisposeAsync().ConfigureAwait(false);
        await Events.DisposeAsync().ConfigureAwait(false);
        Checkpoints.Dispose();
        File.Delete(System.IO.Path.Combine(Path, OwnerFile));
        await _lock.DisposeAsync().ConfigureAwait(false);
    }

    static FileStream Lock(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            return new FileStream(System.IO.Path.Combine(folder, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (Directory.Exists(folder) && FindOwner(folder) is { } owner)
        {
            var who = owner.ProcessId == 0 ? "another process" : $"process {owner.ProcessId}{(owner.Url is null ? "" : $", which serves it at {owner.Url}")}";
            throw new StoreUnavailableException($"The data folder '{folder}' is in use by {who}: stop it, or choose another folder with --data.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(folder, exception);
        }
    }

    static StoreUnavailableException Unwritable(string folder, Exception exception) =>
        new($"The data folder '{folder}' cannot be used ({exception.Message}): make it writable for this user, or choose another with --data.", exception);

    static DataFolderOwner? ReadOwner(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(System.IO.Path.Combine(folder, OwnerFile)), DataFolderOwnerContext.Default.DataFolderOwner);
        }
        catch (Exception exception) when (exception is IOException or JsonException)
        {
            return null;
        }
    }
}

/// <summary>The process that uses a data folder.</summary>
/// <param name="ProcessId">Its id; 0 where it has not said so yet.</param>
/// <param name="Url">Where it serves the folder; null where it does not.</param>
public sealed record DataFolderOwner(int ProcessId, string? Url);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(DataFolderOwner))]
sealed partial class DataFolderOwnerContext : JsonSerializerContext;
