using Replicator.Core.Storage;
using Replicator.TestKit.Stores;

namespace Replicator.Storage.EventStoreDb.Tests;

public sealed class EventStoreDbEventStoreTests : RemoteEventStoreConformance
{
    TestServer? _server;

    protected override async ValueTask<IEventStore> OpenAsync()
    {
        _server ??= await TestServer.StartAsync();
        return EventStoreDbEventStore.Connect(_server.ConnectionString, new EventStoreDbOptions { StreamNamePrefix = _server.StreamNamePrefix });
    }

    protected override Task CutAsync() => _server!.CutAsync();

    protected override Task RestoreAsync() => _server!.RestoreAsync();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
    }
}
