using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb;
using Replicator.Storage.Marten;
using Replicator.Storage.Sqlite;
using Replicator.TestKit.EventStoreDb;
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

    internal async Task<EventStoreDbStandIn> StartStandInAsync(StandInOptions options)
    {
        var standIn = await EventStoreDbStandIn.StartAsync(options);
        _standIns.Add(standIn);
        return standIn;
    }

    /// <summary>A place of its own for a log and a projection: <c>sqlite</c>, <c>postgres</c> or <c>eventstoredb</c> (with its projection in PostgreSQL).</summary>
    internal async Task<StorePlace> CreateAsync(string engine, string folder)
    {
        if (engine == "sqlite")
            return new StorePlace(this, null, null, folder);
        var postgres = await CreateDatabaseAsync();
        await MartenStores.MigrateAsync(postgres + ";Pooling=false");
        return new StorePlace(this, postgres, engine == "eventstoredb" ? await StartStandInAsync(new StandInOptions()) : null, folder);
    }
}

/// <summary>Where a program under test keeps its log and its projection, and how the test looks at them.</summary>
sealed class StorePlace(StoreServers servers, string? postgres, EventStoreDbStandIn? eventStoreDb, string folder)
{
    const string Patient = "&gossipTimeout=600&keepAliveInterval=-1";

    /// <summary>The settings that name it.</summary>
    public IReadOnlyDictionary<string, string> Environment => eventStoreDb is not null
        ? new Dictionary<string, string>
        {
            ["REPLICATOR__STORE__LOG"] = "eventstoredb",
            ["REPLICATOR__STORE__EVENTSTOREDB__CONNECTIONSTRING"] = eventStoreDb.ConnectionString + Patient,
            ["REPLICATOR__STORE__POSTGRES__CONNECTIONSTRING"] = postgres!,
        }
        : postgres is not null
            ? new Dictionary<string, string> { ["REPLICATOR__STORE__LOG"] = "postgres", ["REPLICATOR__STORE__POSTGRES__CONNECTIONSTRING"] = postgres }
            : new Dictionary<string, string>();

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
