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

    static async Task OutlastAsync(string options, int outages, Action<TcpProxy> fail)
    {
        await using var standIn = TestServer.Real is null ? await EventStoreDbStandIn.StartAsync(new StandInOptions()) : null;
        var server = EventStoreDbConnectionString.Parse(TestServer.Real ?? standIn!.ConnectionString);
        await using var wire = new TcpProxy(server.Hosts[0].Host, server.Hosts[0].Port);
        await using var store = EventStoreDbEventStore.Connect(
            $"esdb://{(server.User is null ? "" : $"{server.User}:{server.Password}@")}127.0.0.1:{wire.Port}?tls=false{options}", new EventStoreDbOptions { StreamNamePrefix = $"test-{Guid.NewGuid():N}-" });
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
