using Microsoft.Data.Sqlite;
using Replicator.Core.Storage;
using SQLitePCL;

namespace Replicator.Storage.Sqlite.Sqlite;

/// <summary>One connection to a database file, with the settings that every file of the data folder has. Not thread-safe.</summary>
sealed class Database : IDisposable
{
    const int BusyTimeoutMilliseconds = 30_000;
    // 64 MiB: a checkpoint writes each page once, however often it changed since the last.
    const int AutoCheckpointPages = 16_000;
    // SQLite's own 2 MB does not hold the inner pages of a large cluster's indexes. What is not used is not taken.
    const int ReadCacheKiB = 8 * 1024;
    const int WriteCacheKiB = 32 * 1024;

    readonly SqliteConnection _connection;
    readonly List<Statement> _statements = [];

    Database(SqliteConnection connection, string path) => (_connection, Path) = (connection, path);

    public string Path { get; }

    public sqlite3 Handle => _connection.Handle!;

    /// <summary>Opens a file, and creates it where <paramref name="mode"/> says so.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be opened.</exception>
    /// <exception cref="StoreCorruptException">It is no database, or a damaged one.</exception>
    public static Database Open(string path, DatabaseMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = mode == DatabaseMode.Read ? SqliteOpenMode.ReadWrite : SqliteOpenMode.ReadWriteCreate,
            Pooling = false,
        }.ToString());
        var database = new Database(connection, path);
        try
        {
            connection.Open();
            database.Check(raw.sqlite3_busy_timeout(connection.Handle, BusyTimeoutMilliseconds));
            database.Execute("PRAGMA journal_mode = WAL");
            // FULL syncs the WAL at each commit: what is acknowledged survives a power cut. NORMAL keeps a file consistent but may lose its last commits, which a projection gets back from the log.
            database.Execute(mode == DatabaseMode.WriteDurably ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            database.Execute($"PRAGMA wal_autocheckpoint = {AutoCheckpointPages}");
            database.Execute($"PRAGMA cache_size = -{(mode == DatabaseMode.Read ? ReadCacheKiB : WriteCacheKiB)}");
            database.Execute("PRAGMA temp_store = MEMORY");
            if (mode == DatabaseMode.Read)
                database.Execute("PRAGMA query_only = ON");
            return database;
        }
        catch (SqliteException exception)
        {
            database.Dispose();
            throw database.Translate(exception);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>Prepares a statement that lives as long as the connection.</summary>
    public Statement Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v3(Handle, sql, raw.SQLITE_PREPARE_PERSISTENT, out var handle));
        var statement = new Statement(this, handle);
        _statements.Add(statement);
        return statement;
    }

    /// <summary>Prepares a statement that the caller disposes.</summary>
    public Statement PrepareOnce(string sql) => new(this, Prepared(sql));

    /// <summary>The row that the last insertion made.</summary>
    public long LastInsertedRow => raw.sqlite3_last_insert_rowid(Handle);

    /// <summary>Runs one statement or several for their effect.</summary>
    public void Execute(string sql) => Check(raw.sqlite3_exec(Handle, sql));

    /// <summary>The first column of the first row as an integer.</summary>
    public long ReadInteger(string sql)
    {
        using var statement = PrepareOnce(sql);
        return statement.Step() ? statement.Integer(0) : 0;
    }

    public void Begin() => Execute("BEGIN IMMEDIATE");

    public void Commit() => Execute("COMMIT");

    /// <summary>Rolls back what is open; nothing where the engine has already done so.</summary>
    public void Rollback()
    {
        if (raw.sqlite3_get_autocommit(Handle) == 0)
            _ = raw.sqlite3_exec(Handle, "ROLLBACK");
    }

    public void Check(int code)
    {
        if ((code & 0xFF) is raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE)
            return;
        var text = raw.sqlite3_errmsg(Handle).utf8_to_string();
        throw Translate(code, raw.sqlite3_extended_errcode(Handle), text);
    }

    public void Dispose()
    {
        foreach (var statement in _statements)
            statement.Dispose();
        _connection.Dispose();
    }

    sqlite3_stmt Prepared(string sql)
    {
        Check(raw.sqlite3_prepare_v2(Handle, sql, out var handle));
        return handle;
    }

    Exception Translate(SqliteException exception) => Translate(exception.SqliteErrorCode, exception.SqliteExtendedErrorCode, exception.Message);

    Exception Translate(int code, int extended, string text) => (code & 0xFF) switch
    {
        raw.SQLITE_FULL => new StoreUnavailableException($"The disk that holds '{Path}' is full: make room."),
        raw.SQLITE_READONLY => new StoreUnavailableException($"'{Path}' cannot be written: make the file and its folder writable for this user, or choose another folder with --data."),
        raw.SQLITE_CANTOPEN => new StoreUnavailableException($"'{Path}' cannot be opened: check that the folder exists and that this user may write to it, or choose another with --data."),
        raw.SQLITE_IOERR => new StoreUnavailableException($"Reading or writing '{Path}' failed (SQLite error {extended}: {text}): check the disk."),
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new StoreUnavailableException($"'{Path}' is locked by another program: stop it."),
        raw.SQLITE_CORRUPT => new StoreCorruptException($"'{Path}' is damaged (SQLite: {text}): restore it from a backup; a damaged snapshots file may simply be deleted."),
        raw.SQLITE_NOTADB => new StoreCorruptException($"'{Path}' is not a SQLite database: restore it from a backup, or choose another folder with --data."),
        _ => new InvalidOperationException($"SQLite error {extended} on '{Path}': {text}"),
    };
}

/// <summary>What a connection is for.</summary>
enum DatabaseMode
{
    /// <summary>Reading only.</summary>
    Read,
    /// <summary>Writing what can be had again after a power cut.</summary>
    Write,
    /// <summary>Writing what must survive a power cut once the commit has returned.</summary>
    WriteDurably,
}
