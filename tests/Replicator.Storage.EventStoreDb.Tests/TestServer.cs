using Replicator.TestKit.EventStoreDb;
using Replicator.TestKit.Network;

namespace Replicator.Storage.EventStoreDb.Tests;

/// <summary>What the tests run against: the real server that <c>REPLICATOR_TEST_EVENTSTORE</c> names (a connection string without TLS), else a stand-in.</summary>
abstract class TestServer : IAsyncDisposable
{
    public static string? Real { get; } = Environment.GetEnvironmentVariable("REPLICATOR_TEST_EVENTSTORE") is { Length: > 0 } named ? named : null;

    /// <summary>A busy machine must not look like a broken one: without deadlines and probes only a broken connection fails.</summary>
    public const string Patient = "&defaultDeadline=-1&gossipTimeout=600&keepAliveInterval=-1";

    /// <summary>How to reach it.</summary>
    public abstract string ConnectionString { get; }

    /// <summary>What keeps one test's streams from another's.</summary>
    public abstract string StreamNamePrefix { get; }

    /// <summary>Takes it away at once.</summary>
    public abstract Task CutAsync();

    /// <summary>Brings it back.</summary>
    public abstract Task RestoreAsync();

    public abstract ValueTask DisposeAsync();

    public static async Task<TestServer> StartAsync() =>
        Real is null ? new StandInServer(await EventStoreDbStandIn.StartAsync(new StandInOptions())) : new RealServer(EventStoreDbConnectionString.Parse(Real));

    /// <summary>A stand-in is killed and started again.</summary>
    sealed class StandInServer(EventStoreDbStandIn standIn) : TestServer
    {
        public override string ConnectionString => standIn.ConnectionString + Patient;
        public override string StreamNamePrefix => "";
        public override Task CutAsync() => standIn.StopAsync();
        public override Task RestoreAsync() => standIn.StartAsync();
        public override ValueTask DisposeAsync() => standIn.DisposeAsync();
    }

    /// <summary>A real server is not ours to kill: the network to it is cut.</summary>
    sealed class RealServer(EventStoreDbConnectionString server) : TestServer
    {
        readonly TcpProxy _proxy = new(server.Hosts[0].Host, server.Hosts[0].Port);

        public override string ConnectionString => $"esdb://{(server.User is null ? "" : $"{server.User}:{server.Password}@")}127.0.0.1:{_proxy.Port}?tls=false{Patient}";
        public override string StreamNamePrefix { get; } = $"test-{Guid.NewGuid():N}-";

        public override Task CutAsync()
        {
            _proxy.Cut();
            return Task.CompletedTask;
        }

        public override Task RestoreAsync()
        {
            _proxy.Mend();
            return Task.CompletedTask;
        }

        public override ValueTask DisposeAsync() => _proxy.DisposeAsync();
    }
}
