using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Storage.Marten.Tests;

public sealed class MartenSnapshotStoreTests(PostgresDatabases databases) : SnapshotStoreConformance, IClassFixture<PostgresDatabases>
{
    string? _connectionString;
    MartenStores? _stores;

    protected override IEventStore Events => _stores!.Events;

    protected override ISnapshotStore Snapshots => _stores!.Snapshots;

    protected override async ValueTask OpenAsync()
    {
        _connectionString ??= databases.Server.ConnectionString(await databases.CreateAsync());
        _stores = MartenStores.Connect(_connectionString);
    }

    protected override async ValueTask CloseAsync()
    {
        if (_stores is not null)
            await _stores.DisposeAsync();
    }
}
