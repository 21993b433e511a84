using Replicator.Core.Json;
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

    [Fact]
    public async Task Of_a_batch_that_cannot_be_encoded_nothing_is_there_and_the_next_goes_on_from_what_is()
    {
        var writer = new Writer(Store, Pods);
        string State(int number) => $$"""{"n":{{number}},"pad":"{{new string('x', 200)}}"}""";
        await writer.Append(("a", "1", State(1)));

        // The first of the two is encoded already, as a patch, when the second fails.
        await Assert.ThrowsAsync<JsonFormatException>(() => writer.Append(("a", "2", State(2)), ("b", "3", "{\"n\":")));

        await writer.Append(("a", "4", State(4)), ("a", "5", State(5)));
        Assert.Equal(writer.Written.Select(Show), (await ReadAll()).Select(Show));
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
