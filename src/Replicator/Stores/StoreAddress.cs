using Replicator.Configuration;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb;
using Replicator.Storage.Marten;
using Replicator.Storage.Sqlite;

namespace Replicator.Stores;

/// <summary>A log by its address on the command line: <c>sqlite:DIR</c>, <c>postgres:CONNECTION</c>, <c>esdb://...</c>, or <c>file:FILE</c> for a file that holds one of these, so that no password stands in the list of processes.</summary>
static class StoreAddress
{
    const string Sqlite = "sqlite:", Postgres = "postgres:";
    const string Allowed = "write sqlite:DIR, postgres:CONNECTION (such as 'postgres:Host=db;Database=replicator;Username=replicator'), esdb://HOST:PORT, or file:FILE with one of these in it";

    static readonly string[] EventStoreDbSchemes = ["esdb", "esdb+discover", "kurrentdb", "kurrentdb+discover", "kdb", "kdb+discover", "kurrent", "kurrent+discover"];

    /// <summary>Opens a log.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="option">The option that holds it, for messages.</param>
    /// <param name="mustExist">Whether a folder that is not there is a mistake.</param>
    /// <exception cref="CommandException">It is no address, or names nothing that can be opened. The message never holds a password.</exception>
    public static async Task<OpenedLog> OpenAsync(string address, string option, bool mustExist)
    {
        if (address.StartsWith(StoreSettings.FilePrefix, StringComparison.OrdinalIgnoreCase))
            address = StoreSettings.ReadSecret(address[StoreSettings.FilePrefix.Length..], option);
        if (address.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase))
        {
            var folder = address[Sqlite.Length..];
            if (folder.Length == 0)
                throw new CommandException($"{option} names no folder: {Allowed}.");
            if (mustExist && !File.Exists(SqliteDataFolder.LogIn(folder)))
                throw new CommandException($"There is no log in the folder '{folder}' that {option} names.");
            var opened = await SqliteDataFolder.OpenAsync(folder);
            return new OpenedLog(opened.Events, opened, opened.Path, opened.RedactionKeyPath);
        }
        if (address.StartsWith(Postgres, StringComparison.OrdinalIgnoreCase))
        {
            var stores = ConnectPostgres(address[Postgres.Length..], StoreSettings.DefaultSchema);
            return new OpenedLog(stores.Events, stores, stores.Place, null);
        }
        if (address.IndexOf("://", StringComparison.Ordinal) is > 0 and var end && EventStoreDbSchemes.Contains(address[..end].ToLowerInvariant()))
        {
            EventStoreDbConnectionString parsed;
            try
            {
                parsed = EventStoreDbConnectionString.Parse(address);
            }
            catch (FormatException exception)
            {
                throw new CommandException(exception.Message);
            }
            var store = ConnectEventStoreDb(parsed, "");
            return new OpenedLog(store, store, Show(parsed), null);
        }
        // What follows a colon may hold a password.
        var colon = address.IndexOf(':', StringComparison.Ordinal);
        throw new CommandException($"{option} starts with '{(colon < 0 ? address : address[..colon])}', which is no kind of store: {Allowed}.");
    }

    /// <exception cref="CommandException">The connection string is malformed.</exception>
    public static MartenStores ConnectPostgres(string connectionString, string schema)
    {
        try
        {
            return MartenStores.Connect(connectionString, new MartenStoreOptions { Schema = schema });
        }
        catch (ArgumentException exception)
        {
            throw new CommandException(WithoutParameterName(exception));
        }
    }

    public static EventStoreDbEventStore ConnectEventStoreDb(EventStoreDbConnectionString connection, string prefix) =>
        EventStoreDbEventStore.Connect(connection, new EventStoreDbOptions { StreamNamePrefix = prefix });

    public static string Show(EventStoreDbConnectionString connection) => $"EventStoreDB at {string.Join(',', connection.Hosts.Select(host => $"{host.Host}:{host.Port}"))}";

    /// <summary>What the framework puts behind a message says nothing to whoever wrote a setting.</summary>
    public static string WithoutParameterName(ArgumentException exception) =>
        exception.ParamName is { } name ? exception.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : exception.Message;
}

/// <summary>A log that a command has opened for itself.</summary>
/// <param name="Events">The log.</param>
/// <param name="Opened">What is to be closed.</param>
/// <param name="Name">What a line of output calls it.</param>
/// <param name="RedactionKeyPath">Where the redaction key of whoever recorded lies; null where the store has none beside it.</param>
sealed record OpenedLog(IEventStore Events, IAsyncDisposable Opened, string Name, string? RedactionKeyPath) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => Opened.DisposeAsync();
}
