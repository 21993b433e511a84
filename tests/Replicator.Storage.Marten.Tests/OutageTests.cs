using Npgsql;
using Replicator.TestKit.Network;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Storage.Marten.Tests;

/// <summary>What befalls a store between the process and its server. That the server itself is killed is in the conformance suite.</summary>
public sealed class OutageTests(PostgresDatabases databases) : IClassFixture<PostgresDatabases>
{
    // Noticed soon, and no sooner than a busy machine answers.
    const string Impatient = ";Timeout=3;Command Timeout=3;Cancellation Timeout=500";

    static readonly MartenStoreOptions Options = new() { AppendWaitLimit = TimeSpan.FromSeconds(2), AppendHoldLimit = TimeSpan.FromSeconds(4) };

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sessions_that_an_operator_ends_in_the_midst_of_a_run_cost_nothing()
    {
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync());
        await using var stores = MartenStores.Connect(connectionString);
        await using var admin = NpgsqlDataSource.Create(connectionString);
        // The session that listens for appends often hears of it first; those that are idle then are given up, and who was between two appends is told nothing.
        await StoreOutages.AssertNothingIsLostAsync(stores.Events, outages: 4, told: 1, async () =>
        {
            await using var command = admin.CreateCommand("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
            await command.ExecuteScalarAsync(Cancel);
        }, () => Task.CompletedTask, repeats: true);
    }

    [Fact]
    public async Task A_server_that_is_stopped_and_goes_on_is_waited_for()
    {
        await using var stores = MartenStores.Connect(databases.Server.ConnectionString(await databases.CreateAsync()));
        await StoreOutages.AssertNothingIsLostAsync(stores.Events, outages: 4, told: 0, async () =>
        {
            databases.Server.Freeze();
            var head = stores.Events.GetHeadAsync(Cancel).AsTask();
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, Cancel);
            Assert.False(head.IsCompleted, "The server answers although it was stopped.");
        }, () =>
        {
            databases.Server.Thaw();
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task A_network_that_is_cut_costs_nothing()
    {
        var database = await databases.CreateAsync();
        await using var wire = new TcpProxy(databases.Server.EndPoint);
        await using var stores = MartenStores.Connect(databases.Server.ConnectionString(database, wire), Options);
        await StoreOutages.AssertNothingIsLostAsync(stores.Events, outages: 4, told: 2, () =>
        {
            wire.Cut();
            return Task.CompletedTask;
        }, () =>
        {
            wire.Mend();
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task A_network_that_lets_nothing_through_is_noticed_and_outlasted()
    {
        var database = await databases.CreateAsync();
        await using var wire = new TcpProxy(databases.Server.EndPoint);
        await using var stores = MartenStores.Connect(databases.Server.ConnectionString(database, wire) + Impatient, Options);
        await StoreOutages.AssertNothingIsLostAsync(stores.Events, outages: 1, told: 2, () =>
        {
            wire.Hold();
            return Task.CompletedTask;
        }, () =>
        {
            wire.Mend();
            return Task.CompletedTask;
        });
    }
}
