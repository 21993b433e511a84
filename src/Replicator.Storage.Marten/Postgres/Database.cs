using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Replicator.Core.Storage;

namespace Replicator.Storage.Marten.Postgres;

/// <summary>The connections to one database, the names in it, and its errors in our words.</summary>
sealed class Database : IAsyncDisposable
{
    const int MaxIdentifierLength = 63;
    const int PoolSize = 20;

    readonly NpgsqlConnectionStringBuilder _settings;
    volatile bool _schemaChecked;

    public Database(string connectionString, MartenStoreOptions options)
    {
        Options = options;
        _settings = Parse(connectionString);
        if (options.Schema.Length is 0 or > 40 || !options.Schema.All(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character == '_') || char.IsAsciiDigit(options.Schema[0]))
            throw new ArgumentException($"'{options.Schema}' is not a schema name: use at most 40 lower-case letters, digits and underscores, such as 'replicator'.", nameof(options));
        _settings.ApplicationName ??= "replicator";
        // Npgsql's 100 are as many as a server takes of all its clients together.
        if (!_settings.Keys.Cast<string>().Contains("Maximum Pool Size", StringComparer.OrdinalIgnoreCase))
            _settings.MaxPoolSize = PoolSize;
        // The same few statements run for as long as the process does.
        if (_settings.MaxAutoPrepare == 0)
            _settings.MaxAutoPrepare = 64;
        Source = new NpgsqlDataSourceBuilder(_settings.ConnectionString).Build();
        // One key for each schema: the first bytes of its name's hash.
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"replicator append {options.Schema}"), hash);
        AppenderKey = BinaryPrimitives.ReadInt64BigEndian(hash);
    }

    public MartenStoreOptions Options { get; }

    public NpgsqlDataSource Source { get; }

    /// <summary>The schema's name, which needs no quotes.</summary>
    public string Schema => Options.Schema;

    /// <summary>The advisory lock that whoever appends holds from before it draws a position until its transaction is decided.</summary>
    public long AppenderKey { get; }

    /// <summary>The channel on which every append is announced.</summary>
    public string Channel => $"{Schema}_appended"[..Math.Min(Schema.Length + 9, MaxIdentifierLength)];

    /// <summary>Opens a connection; its first use of the schema makes sure that it is there.</summary>
    public async ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = await Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (_schemaChecked)
            return connection;
        try
        {
            await using var command = connection.Command($"SELECT version FROM {Schema}.replicator_schema");
            var version = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) as int?;
            if (version != Postgres.Schema.Version)
                throw new StoreUnavailableException($"Schema '{Schema}' of {Place} has format {version?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "unknown"}, this Replicator needs {Postgres.Schema.Version}: run 'replicator migrate', or use the version of Replicator that made it.");
            _schemaChecked = true;
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Runs something on a connection of its own, with its errors translated.</summary>
    public async ValueTask<T> RunAsync<T>(Func<NpgsqlConnection, ValueTask<T>> run, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await run(connection).ConfigureAwait(false);
        }
        catch (Exception exception) when (Translate(exception, cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>A failure of the store in the words of the port; null for anything else, which passes as it is.</summary>
    public Exception? Translate(Exception exception, CancellationToken cancellationToken)
    {
        if (exception is StoreUnavailableException or StoreCorruptException or WrongExpectedRevisionException)
            return null;
        if (exception is OperationCanceledException)
            return cancellationToken.IsCancellationRequested ? null : Away("it did not answer in time", exception);
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is PostgresException postgres)
                return Translate(postgres, exception);
        }
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is NpgsqlException or SocketException or TimeoutException or EndOfStreamException)
                return cancellationToken.IsCancellationRequested ? new OperationCanceledException(exception.Message, exception, cancellationToken) : Away(OneLine(Innermost(cause).Message), exception);
        }
        // What Npgsql says of a connection that was cut under a transaction.
        return exception is InvalidOperationException or ObjectDisposedException && exception.StackTrace?.Contains("Npgsql", StringComparison.Ordinal) == true ? Away(OneLine(exception.Message), exception) : null;
    }

    public ValueTask DisposeAsync() => Source.DisposeAsync();

    /// <summary>The server and the database, without the secret.</summary>
    public string Place => $"PostgreSQL at {_settings.Host}:{_settings.Port} (database '{_settings.Database ?? _settings.Username}')";

    /// <summary>The settings of a connection that is kept open to listen.</summary>
    public NpgsqlConnection CreateListener() => new(new NpgsqlConnectionStringBuilder(_settings.ConnectionString) { Pooling = false, KeepAlive = 15 }.ConnectionString);

    StoreUnavailableException Away(string reason, Exception exception) =>
        new($"{Place} cannot be reached ({reason.TrimEnd('.')}): check that it runs and that the connection string names it; work goes on by itself once it is back.", exception);

    Exception Translate(PostgresException postgres, Exception whole)
    {
        var said = OneLine(postgres.MessageText).TrimEnd('.');
        return postgres.SqlState switch
        {
            "3D000" => new StoreUnavailableException($"{Place} has no such database: create it, then run 'replicator migrate'.", whole),
            "3F000" or "42P01" or "42883" or "42703" => new StoreUnavailableException($"{Place} lacks the tables in schema '{Schema}' ({said}): run 'replicator migrate' with an account that may create them.", whole),
            "42501" => new StoreUnavailableException($"{Place} refuses account '{_settings.Username}' ({said}): run 'replicator migrate --grant-to {_settings.Username}' with the owner's account.", whole),
            "53100" => new StoreUnavailableException($"The disk of {Place} is full ({said}): make room; work goes on by itself.", whole),
            "53300" => new StoreUnavailableException($"{Place} has no connection left ({said}): raise max_connections or lower 'Maximum Pool Size'; work goes on by itself.", whole),
            "25006" => new StoreUnavailableException($"{Place} takes no writes ({said}): name the primary server in the connection string.", whole),
            "57P04" => new StoreUnavailableException($"The database of {Place} was dropped ({said}): restore it.", whole),
            "XX001" or "XX002" => new StoreCorruptException($"{Place} reports damaged data ({said}): restore it from a backup.", whole),
            var state when state.StartsWith("28", StringComparison.Ordinal) => new StoreUnavailableException($"{Place} does not let account '{_settings.Username}' in ({said}): check name and password of the connection string.", whole),
            PostgresErrorCodes.LockNotAvailable => new StoreUnavailableException($"Another process has been appending to schema '{Schema}' of {Place} for {Options.AppendWaitLimit.TotalSeconds:0.#} s: it is frozen or very slow. PostgreSQL ends its session after {Options.AppendHoldLimit.TotalSeconds:0.#} s of silence; work goes on by itself then.", whole),
            // Connection, resources, intervention of an operator, errors of the system, deadlocks and lock time-outs: what passes.
            var state when state[..2] is "08" or "53" or "55" or "57" or "58" or "40" || state is "25P03" or "25P04" => Away($"{said}, {state}", whole),
            _ => new InvalidOperationException($"{Place}: {said} (SQLSTATE {postgres.SqlState}).", whole),
        };
    }

    static NpgsqlConnectionStringBuilder Parse(string connectionString)
    {
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(connectionString);
            return string.IsNullOrEmpty(settings.Host) ? throw new ArgumentException("it names no host") : settings;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or KeyNotFoundException or InvalidCastException)
        {
            throw new ArgumentException($"The PostgreSQL connection string is malformed ({OneLine(exception.Message).TrimEnd('.')}): write 'Host=...;Database=...;Username=...;Password=...'.", nameof(connectionString), exception);
        }
    }

    static Exception Innermost(Exception exception)
    {
        while (exception.InnerException is { } inner)
            exception = inner;
        return exception;
    }

    static string OneLine(string text) => text.ReplaceLineEndings(" ");
}
