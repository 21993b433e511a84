using Replicator.Core.Storage;
using Replicator.Storage.Sqlite;

namespace Replicator.Stores;

/// <summary>SQLite in a data folder, which one process holds.</summary>
sealed class EmbeddedStores : IStores
{
    readonly SqliteDataFolder _folder;

    EmbeddedStores(SqliteDataFolder folder) => _folder = folder;

    public IEventStore Events => _folder.Events;

    public ISnapshotStore Snapshots => _folder.Snapshots;

    public ICheckpointStore Checkpoints => _folder.Checkpoints;

    public string Name => _folder.Path;

    public string Path => _folder.Path;

    public string RedactionKeyPath => _folder.RedactionKeyPath;

    public bool AreShared => false;

    /// <inheritdoc cref="SqliteDataFolder.OpenAsync"/>
    public static async Task<EmbeddedStores> OpenAsync(string path) => new(await SqliteDataFolder.OpenAsync(path));

    public void Announce(Uri url) => _folder.Announce(url.ToString());

    public ValueTask DisposeAsync() => _folder.DisposeAsync();
}
