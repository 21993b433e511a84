using Replicator.TestKit.Servers;

namespace Replicator.Storage.Marten.Tests;

/// <summary>A server, and databases with the schema in them, copied from one that was migrated once.</summary>
public class PostgresDatabases : Xunit.IAsyncLifetime
{
    const string Template = "migrated";

    int _count;

    public PostgresDatabases() : this(syncs: false) { }

    protected PostgresDatabases(bool syncs) => Server = new PostgresServer(syncs);

    public PostgresServer Server { get; }

    public async ValueTask InitializeAsync()
    {
        await Server.InitializeAsync();
        if (Server.Unavailable is not null)
            return;
        await Server.CreateDatabaseAsync(Template);
        await MartenStores.MigrateAsync(Server.ConnectionString(Template) + ";Pooling=false");
    }

    /// <summary>Makes a database, with the schema in it unless it is to be empty, and returns its name. Skips the test where there is no server.</summary>
    public async Task<string> CreateAsync(bool isEmpty = false)
    {
        Server.Require();
        if (!Server.IsRunning)
            await Server.StartAsync();
        var name = $"test{Interlocked.Increment(ref _count)}";
        await Server.CreateDatabaseAsync(name, isEmpty ? null : Template);
        return name;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Databases whose commits wait for the disk.</summary>
public sealed class DurablePostgresDatabases() : PostgresDatabases(syncs: true);
