using Npgsql;
using Replicator.Storage.EventStoreDb;

namespace Replicator.Configuration;

/// <summary>The engines that hold a log.</summary>
enum LogEngine
{
    Sqlite,
    Postgres,
    EventStoreDb,
}

/// <summary>The engines that hold a projection.</summary>
enum SnapshotEngine
{
    Sqlite,
    Postgres,
}

/// <summary>The settings under <c>store</c>: which engine holds the log, which the projection, and where they are.</summary>
sealed record StoreSettings
{
    public const string DefaultSchema = "replicator";

    /// <summary>What stands before the name of a file that holds a connection string, in options. (A name behind '@' would be read by the command line itself.)</summary>
    public const string FilePrefix = "file:";

    /// <summary>What holds the log.</summary>
    public LogEngine Log { get; init; }

    /// <summary>What holds the projection, and the positions of the log's followers with it.</summary>
    public SnapshotEngine Snapshots { get; init; }

    /// <summary>Where PostgreSQL is, and as whom; null where neither is there. Holds a password.</summary>
    public string? Postgres { get; init; }

    /// <summary>The schema in PostgreSQL.</summary>
    public string PostgresSchema { get; init; } = DefaultSchema;

    /// <summary>Where EventStoreDB is; null where the log is not there. Holds a password.</summary>
    public EventStoreDbConnectionString? EventStoreDb { get; init; }

    /// <summary>What stands before the name of every stream in EventStoreDB.</summary>
    public string EventStoreDbPrefix { get; init; } = "";

    /// <summary>Whether everything is in the data folder.</summary>
    public bool IsEmbedded => Log == LogEngine.Sqlite && Snapshots == SnapshotEngine.Sqlite;

    /// <summary>The schema in PostgreSQL, of whoever says otherwise where that is.</summary>
    public static string ReadSchema(IConfigurationSection store) => store["postgres:schema"] ?? DefaultSchema;

    /// <exception cref="CommandException">A setting is malformed, contradictory or cannot be read. The message never holds a password.</exception>
    public static StoreSettings Read(IConfigurationSection store, string? log = null, string? snapshots = null)
    {
        var logEngine = (log ?? store["log"]) switch
        {
            null or "sqlite" => LogEngine.Sqlite,
            "postgres" => LogEngine.Postgres,
            "eventstoredb" => LogEngine.EventStoreDb,
            var other => throw new CommandException($"'{other}' is not an engine for the log: write sqlite, postgres or eventstoredb in store.log or --log."),
        };
        var snapshotEngine = (snapshots ?? store["snapshots"]) switch
        {
            null => logEngine == LogEngine.Sqlite ? SnapshotEngine.Sqlite : SnapshotEngine.Postgres,
            "sqlite" => SnapshotEngine.Sqlite,
            "postgres" => SnapshotEngine.Postgres,
            var other => throw new CommandException($"'{other}' is not an engine for the projection: write sqlite or postgres in store.snapshots or --snapshots."),
        };
        if (snapshotEngine == SnapshotEngine.Sqlite && logEngine != LogEngine.Sqlite)
            throw new CommandException("A projection in sqlite needs the log beside it in sqlite: write postgres in store.snapshots, or leave it out.");
        var usesPostgres = logEngine == LogEngine.Postgres || snapshotEngine == SnapshotEngine.Postgres;
        // A server that is named and not used is one that the user believes to be used.
        if (!usesPostgres && store.GetSection("postgres").GetChildren().Any())
            throw new CommandException("store.postgres is set, but neither store.log nor store.snapshots is postgres: choose it, or leave store.postgres out.");
        if (logEngine != LogEngine.EventStoreDb && store.GetSection("eventstoredb").GetChildren().Any())
            throw new CommandException("store.eventstoredb is set, but store.log is not eventstoredb: choose it, or leave store.eventstoredb out.");
        return new StoreSettings
        {
            Log = logEngine,
            Snapshots = snapshotEngine,
            Postgres = usesPostgres ? PostgresOf(store.GetSection("postgres")) : null,
            PostgresSchema = ReadSchema(store),
            EventStoreDb = logEngine == LogEngine.EventStoreDb ? EventStoreDbOf(store.GetSection("eventstoredb")) : null,
            EventStoreDbPrefix = store["eventstoredb:streamPrefix"] ?? "",
        };
    }

    /// <summary>What a file holds, without the line feed that an editor ends it with.</summary>
    /// <exception cref="CommandException">It cannot be read.</exception>
    public static string ReadSecret(string file, string setting)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"The file that {setting} names cannot be read: {exception.Message}");
        }
    }

    static string PostgresOf(IConfigurationSection postgres)
    {
        var connection = ConnectionString(postgres, "store.postgres");
        if (postgres["passwordFile"] is not { } file)
            return connection;
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(connection);
            if (!string.IsNullOrEmpty(builder.Password))
                throw new CommandException("Both the connection string of store.postgres and store.postgres.passwordFile have a password: keep one.");
            builder.Password = ReadSecret(file, "store.postgres.passwordFile");
            return builder.ConnectionString;
        }
        catch (ArgumentException)
        {
            // Said by the store, in its own words.
            return connection;
        }
    }

    static EventStoreDbConnectionString EventStoreDbOf(IConfigurationSection eventStoreDb)
    {
        try
        {
            return EventStoreDbConnectionString.Parse(ConnectionString(eventStoreDb, "store.eventstoredb"));
        }
        catch (FormatException exception)
        {
            throw new CommandException(exception.Message);
        }
    }

    static string ConnectionString(IConfigurationSection server, string name)
    {
        if (server["connectionStringFile"] is not { } file)
            return server["connectionString"] ?? throw new CommandException($"The log or the projection is to be in {server.Key}, but neither {name}.connectionString nor {name}.connectionStringFile says where that is.");
        if (server["connectionString"] is not null)
            throw new CommandException($"Both {name}.connectionString and {name}.connectionStringFile are set: keep one.");
        return ReadSecret(file, $"{name}.connectionStringFile");
    }
}
