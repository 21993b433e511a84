using Npgsql;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb;
using Replicator.Storage.Marten;
using Replicator.Storage.Sqlite;
using Replicator.TestKit.EventStoreDb;
using Replicator.TestKit.Network;
using Replicator.TestKit.Servers;
using Xunit;

namespace Replicator.EndToEnd.Tests.Stores;

/// <summary>A PostgreSQL server with every safeguard on, and stand-ins for EventStoreDB, all of which outlive the program under test.</summary>
public sealed class StoreServers : IAsyncLifetime
{
    readonly List<EventStoreDbStandIn> _standIns = [];
    int _databases;

    public PostgresServer Postgres { get; } = new(syncs: true);

    public ValueTask InitializeAsync() => Postgres.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var standIn in _standIns)
            await standIn.DisposeAsync();
        await Postgres.DisposeAsync();
    }

    /// <summary>A connection string of a new, empty database. Skips the test where there is no server.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        Postgres.Require();
        if (!Postgres.IsRunning)
            await Postgres.StartAsync();
        var name = $"test{Interlocked.Increment(ref _databases)}";
        await Postgres.CreateDatabaseAsync(name);
        return Postgres.ConnectionString(name);
    }

    /// <summary>The same database by way of a wire to <see cref="PostgresServer.EndPoint"/>.</summary>
    internal static string By(TcpProxy wire, string database) => new NpgsqlConnectionStringBuilder(database) { Host = "127.0.0.1", Port = wire.Port }.ConnectionString;

    internal async Task<EventStoreDbStandIn> StartStandInAsync(StandInOptions options)
    {
        var standIn = await EventStoreDbStandIn.StartAsync(options);
        _standIns.Add(standIn);
        return standIn;
    }

    /// <summary>A place of its own for a log and a projection: <c>sqlite</c>, <c>postgres</c> or <c>eventstoredb</c> (with its projection in PostgreSQL).</summary>
    /// <param name="engine">Which.</param>
    /// <param name="folder">The data folder of the program under test.</param>
    /// <param name="wired">Whether the program reaches its servers by wires that the test can cut.</param>
    internal async Task<StorePlace> CreateAsync(string engine, string folder, bool wired = false)
    {
        if (engine == "sqlite")
            return new StorePlace(this, null, null, folder);
        var database = await CreateDatabaseAsync();
        await MartenStores.MigrateAsync(database + ";Pooling=false");
        var place = new StorePlace(this, database, engine == "eventstoredb" ? await StartStandInAsync(new StandInOptions()) : null, folder);
        if (wired)
            place.Wire();
        return place;
    }
}

/// <summary>Where a program under test keeps its log and its projection, and how the test looks at them.</summary>
sealed class StorePlace(StoreServers servers, string? postgres, EventStoreDbStandIn? eventStoreDb, string folder) : IAsyncDisposable
{
    const string Patient = "&gossipTimeout=600&keepAliveInterval=-1";
    // A network that lets nothing through is noticed soon, and no sooner than a busy machine answers.
    const string ImpatientPostgres = ";Timeout=2;Command Timeout=2;Cancellation Timeout=500", ImpatientEventStoreDb = "&gossipTimeout=3&keepAliveInterval=2000&keepAliveTimeout=2000";

    TcpProxy? _postgresWire, _eventStoreDbWire;

    /// <summary>The settings that name it.</summary>
    public IReadOnlyDictionary<string, string> Environment => eventStoreDb is not null
        ? new Dictionary<string, string>
        {
            ["REPLICATOR__STORE__LOG"] = "eventstoredb",
            ["REPLICATOR__STORE__EVENTSTOREDB__CONNECTIONSTRING"] = _eventStoreDbWire is { } wire ? $"esdb://127.0.0.1:{wire.Port}?tls=false{ImpatientEventStoreDb}" : eventStoreDb.ConnectionString + Patient,
            ["REPLICATOR__STORE__POSTGRES__CONNECTIONSTRING"] = Reached,
        }
        : postgres is not null
            ? new Dictionary<string, string> { ["REPLICATOR__STORE__LOG"] = "postgres", ["REPLICATOR__STORE__POSTGRES__CONNECTIONSTRING"] = Reached }
            : new Dictionary<string, string>();

    /// <summary>Every way in which its servers can go away; of one that is reached by wires.</summary>
    public IReadOnlyList<Outage> Outages =>
    [
        .. eventStoreDb is null ? Of("log", "PostgreSQL at 127.0.0.1", _postgresWire!, servers.Postgres.KillAsync, servers.Postgres.StartAsync) : Of("log", "event store", _eventStoreDbWire!, eventStoreDb.StopAsync, eventStoreDb.StartAsync),
        .. eventStoreDb is null ? [] : Of("projection", "PostgreSQL at 127.0.0.1", _postgresWire!, servers.Postgres.KillAsync, servers.Postgres.StartAsync),
    ];

    /// <summary>The log, as <c>replicator copy</c> names it.</summary>
    public string Address => eventStoreDb is not null ? eventStoreDb.ConnectionString + Patient : postgres is not null ? $"postgres:{postgres}" : $"sqlite:{folder}";

    /// <summary>Opens the stores beside the program; those in a folder only while it does not run.</summary>
    public async Task<(IEventStore Events, ISnapshotStore Snapshots, ICheckpointStore Checkpoints, IAsyncDisposable Opened)> OpenAsync()
    {
        if (postgres is null)
        {
            var data = await SqliteDataFolder.OpenAsync(folder);
            return (data.Events, data.Snapshots, data.Checkpoints, data);
        }
        var stores = MartenStores.Connect(postgres);
        return eventStoreDb is null
            ? (stores.Events, stores.Snapshots, stores.Checkpoints, stores)
            : Both(EventStoreDbEventStore.Connect(eventStoreDb.ConnectionString + Patient), stores);
    }

    /// <summary>Kills the server that holds the log, as the loss of its machine would.</summary>
    public Task KillLogAsync() => eventStoreDb is not null ? eventStoreDb.StopAsync() : servers.Postgres.KillAsync();

    /// <summary>Starts it again, with what it held.</summary>
    public Task RestartLogAsync() => eventStoreDb is not null ? eventStoreDb.StartAsync() : servers.Postgres.StartAsync();

    /// <summary>Puts wires between the program and its servers.</summary>
    public void Wire()
    {
        _postgresWire = new TcpProxy(servers.Postgres.EndPoint);
        if (eventStoreDb is not null)
            _eventStoreDbWire = new TcpProxy(eventStoreDb.Port);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var wire in new[] { _postgresWire, _eventStoreDbWire }.OfType<TcpProxy>())
            await wire.DisposeAsync();
    }

    string Reached => _postgresWire is { } wire ? StoreServers.By(wire, postgres!) + ImpatientPostgres : postgres!;

    static IReadOnlyList<Outage> Of(string part, string says, TcpProxy wire, Func<Task> kill, Func<Task> start)
    {
        return
        [
            new($"the network to the {part} is cut", part, says, () => Do(wire.Cut), () => Do(wire.Mend)),
            new($"the network to the {part} lets nothing through", part, "", () => Do(wire.Hold), () => Do(wire.Mend)),
            new($"the server of the {part} is killed", part, says, kill, start),
        ];

        static Task Do(Action action)
        {
            action();
            return Task.CompletedTask;
        }
    }

    static (IEventStore, ISnapshotStore, ICheckpointStore, IAsyncDisposable) Both(EventStoreDbEventStore log, MartenStores stores) => (log, stores.Snapshots, stores.Checkpoints, new Pair(log, stores));

    sealed record Pair(IAsyncDisposable First, IAsyncDisposable Second) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await First.DisposeAsync();
            await Second.DisposeAsync();
        }
    }
}
