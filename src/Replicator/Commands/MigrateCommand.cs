using System.CommandLine;
using Replicator.Configuration;
using Replicator.Storage.Marten;
using Replicator.Stores;

namespace Replicator.Commands;

/// <summary><c>replicator migrate</c>.</summary>
static class MigrateCommand
{
    public static Command Create()
    {
        var postgres = new Option<string?>("--postgres") { Description = "The connection string of an account that may make tables, or file:FILE that holds it; else that of the settings.", HelpName = "CONNECTION" };
        var grantTo = new Option<string?>("--grant-to") { Description = "The role that Replicator runs as, which is given what it needs and no more.", HelpName = "ROLE" };
        var command = new Command("migrate", "Makes the tables in PostgreSQL, or brings those of an earlier version up to date. May be repeated. SQLite and EventStoreDB need none.") { postgres, grantTo };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(postgres), result.GetValue(grantTo), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(string? connection, string? grantTo, CancellationToken cancellationToken)
    {
        var settings = Settings.Load();
        connection = connection switch
        {
            // Only then: an owner who makes the tables need not know where the roles find the other stores.
            null => settings.Store().Postgres ?? throw new CommandException("There is nothing to migrate: neither log nor projection is in PostgreSQL. Name the database with --postgres, or in store.postgres."),
            _ when connection.StartsWith(StoreSettings.FilePrefix, StringComparison.OrdinalIgnoreCase) => StoreSettings.ReadSecret(connection[StoreSettings.FilePrefix.Length..], "--postgres"),
            _ => connection,
        };
        try
        {
            await using var stores = StoreAddress.ConnectPostgres(connection, settings.PostgresSchema);
            await MartenStores.MigrateAsync(connection, new MartenMigrationOptions { Schema = settings.PostgresSchema, GrantTo = grantTo }, cancellationToken);
            Console.WriteLine($"schema '{settings.PostgresSchema}' of {stores.Place} is up to date{(grantTo is null ? "" : $"; '{grantTo}' may use it")}");
            return 0;
        }
        catch (InvalidOperationException exception)
        {
            // What PostgreSQL refused for another reason than those that pass.
            throw new CommandException(exception.Message);
        }
    }
}
