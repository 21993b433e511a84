using Replicator.Core.Storage;
using Replicator.TestKit;
using Replicator.TestKit.EventStoreDb;
using Replicator.TestKit.Network;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Storage.EventStoreDb.Tests;

/// <summary>What befalls the network between a process and its event store. That the store itself is killed is in the conformance suite.</summary>
public sealed class OutageTests
{
    [Fact]
    public Task A_network_that_is_cut_costs_nothing() => OutlastAsync(TestServer.Patient, outages: 4, wire => wire.Cut());

    [Fact]
    public Task A_network_that_lets_nothing_through_is_noticed_and_outlasted() => OutlastAsync("&keepAliveInterval=1000&keepAliveTimeout=1000", outages: 2, wire => wire.Hold());

    [Fact]
    public async Task A_short_read_over_a_network_that_lets_nothing_through_ends_at_its_deadline()
    {
        await using var standIn = TestServer.Real is null ? await EventStoreDbStandIn.StartAsync(new StandInOptions()) : null;
        var server = EventStoreDbConnectionString.Parse(TestServer.Real ?? standIn!.ConnectionString);
        await using var wire = new TcpProxy(server.Hosts[0].Host, server.Hosts[0].Port);
        // Nothing else would notice it.
        await using var store = Connect(server, wire, "&keepAliveInterval=-1&defaultDeadline=1000");
        // A connection, whatever comes of the first read on a busy machine.
        await Eventually.HoldsAsync(async () => await TryAsync(), TestContext.Current.CancellationToken);
        wire.Hold();
        var exception = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.GetHeadAsync(TestContext.Current.CancellationToken));
        Assert.Contains("did not answer in time", exception.Message, StringComparison.Ordinal);
        wire.Mend();

        async Task<bool> TryAsync()
        {
            try
            {
                await store.GetHeadAsync(TestContext.Current.CancellationToken);
                return true;
            }
            catch (StoreUnavailableException)
            {
                return false;
            }
        }
    }

    static EventStoreDbEventStore Connect(EventStoreDbConnectionString server, TcpProxy wire, string options) => EventStoreDbEventStore.Connect(
        $"esdb://{(server.User is null ? "" : $"{server.User}:{server.Password}@")}127.0.0.1:{wire.Port}?tls=false{options}", new EventStoreDbOptions { StreamNamePrefix = $"test-{Guid.NewGuid():N}-" });

    static async Task OutlastAsync(string options, int outages, Action<TcpProxy> fail)
    {
        await using var standIn = TestServer.Real is null ? await EventStoreDbStandIn.StartAsync(new StandInOptions()) : null;
        var server = EventStoreDbConnectionString.Parse(TestServer.Real ?? standIn!.ConnectionString);
        await using var wire = new TcpProxy(server.Hosts[0].Host, server.Hosts[0].Port);
        await using var store = Connect(server, wire, options);
        await StoreOutages.AssertNothingIsLostAsync(store, outages, told: 2, () =>
        {
            fail(wire);
            return Task.CompletedTask;
        }, () =>
        {
            wire.Mend();
            return Task.CompletedTask;
        });
    }
}
