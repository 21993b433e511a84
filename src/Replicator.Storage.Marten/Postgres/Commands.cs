using Npgsql;

namespace Replicator.Storage.Marten.Postgres;

/// <summary>Short ways to write commands with positional parameters.</summary>
static class Commands
{
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params ReadOnlySpan<object> parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        Add(command.Parameters, parameters);
        return command;
    }

    public static void Add(this NpgsqlBatch batch, string sql, params ReadOnlySpan<object> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        Add(command.Parameters, parameters);
        batch.BatchCommands.Add(command);
    }

    static void Add(NpgsqlParameterCollection collection, ReadOnlySpan<object> parameters)
    {
        foreach (var parameter in parameters)
            collection.Add(new NpgsqlParameter { Value = parameter });
    }
}
