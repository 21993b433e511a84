using Replicator.Configuration;
using Replicator.Core.Storage;
using Replicator.Storage.Marten;
using Replicator.Storage.Sqlite;

namespace Replicator.Stores;

/// <summary>The log or the projection, or both, on servers. The data folder then holds the redaction key alone, and tells the commands of this machine where a process serves the stores.</summary>
sealed class ServerStores : IStores
{
    readonly MartenStores _postgres;
    readonly DataFolder? _folder;

    ServerStores(StoreSettings settings, string path, DataFolder? folder)
    {
        (Path, _folder) = (path, folder);
        // Malformed text is found before anything is opened.
        _postgres = StoreAddress.ConnectPostgres(settings.Postgres!, settings.PostgresSchema);
        (Events, var log) = settings.Log switch
        {
            LogEngine.Sqlite => (SqliteEventStore.Open(SqliteDataFolder.LogIn(path)), path),
            LogEngine.Postgres => ((IEventStore)_postgres.Events, _postgres.Place),
            LogEngine.EventStoreDb => (StoreAddress.ConnectEventStoreDb(settings.EventStoreDb!, settings.EventStoreDbPrefix), StoreAddress.Show(settings.EventStoreDb!)),
            _ => throw new InvalidOperationException($"There is no engine {settings.Log}."),
        };
        Name = log == _postgres.Place ? log : $"{log} and {_postgres.Place}";
        AreShared = settings.Log != LogEngine.Sqlite;
    }

    public IEventStore Events { get; }

    public ISnapshotStore Snapshots => _postgres.Snapshots;

    public ICheckpointStore Checkpoints => _postgres.Checkpoints;

    public string Name { get; }

    public string Path { get; }

    public string RedactionKeyPath => DataFolder.RedactionKeyIn(Path);

    public bool AreShared { get; }

    /// <summary>Connects, and asks each server something: who starts a process is told at once what is wrong with its settings.</summary>
    /// <exception cref="StoreUnavailableException">A server is away, refuses the account, or lacks the schema.</exception>
    public static async Task<ServerStores> OpenAsync(StoreSettings settings, string path, CancellationToken cancellationToken)
    {
        var stores = new ServerStores(settings, System.IO.Path.GetFullPath(path), TakeFolder(path, isShared: settings.Log != LogEngine.Sqlite));
        try
        {
            await stores.Snapshots.GetCheckpointAsync(cancellationToken);
            await stores.Events.GetHeadAsync(cancellationToken);
            return stores;
        }
        catch
        {
            await stores.DisposeAsync();
            throw;
        }
    }

    public void Announce(Uri url) => _folder?.Announce(url.ToString());

    public async ValueTask DisposeAsync()
    {
        await Events.DisposeAsync();
        await _postgres.DisposeAsync();
        if (_folder is not null)
            await _folder.DisposeAsync();
    }

    /// <summary>Roles that run apart on one machine may name the same folder: the first is the one that commands find.</summary>
    static DataFolder? TakeFolder(string path, bool isShared)
    {
        if (!isShared)
            return DataFolder.Open(path);
        Directory.CreateDirectory(path);
        try
        {
            return DataFolder.FindOwner(path) is null ? DataFolder.Open(path) : null;
        }
        catch (StoreUnavailableException) when (DataFolder.FindOwner(path) is not null)
        {
            return null;
        }
    }
}
