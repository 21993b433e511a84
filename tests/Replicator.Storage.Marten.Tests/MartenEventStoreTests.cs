using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Storage.Marten.Tests;

public sealed class MartenEventStoreTests(PostgresDatabases databases) : RemoteEventStoreConformance, IClassFixture<PostgresDatabases>
{
    string? _connectionString;
    MartenStores? _stores;

    protected override async ValueTask<IEventStore> OpenAsync()
    {
        if (_stores is not null)
            await _stores.DisposeAsync();
        _connectionString ??= databases.Server.ConnectionString(await databases.CreateAsync());
        _stores = MartenStores.Connect(_connectionString);
        return _stores.Events;
    }

    protected override Task CutAsync() => databases.Server.KillAsync();

    protected override Task RestoreAsync() => databases.Server.StartAsync();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_stores is not null)
            await _stores.DisposeAsync();
    }
}
