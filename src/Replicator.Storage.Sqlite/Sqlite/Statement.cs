using SQLitePCL;

namespace Replicator.Storage.Sqlite.Sqlite;

/// <summary>A prepared statement over the C API: binding and reading without an allocation, blobs without a copy. Parameters count from 1, columns from 0.</summary>
sealed class Statement(Database database, sqlite3_stmt handle) : IDisposable
{
    public void Bind(int parameter, long value) => database.Check(raw.sqlite3_bind_int64(handle, parameter, value));

    public void Bind(int parameter, string value) => database.Check(raw.sqlite3_bind_text(handle, parameter, value));

    public void Bind(int parameter, ReadOnlySpan<byte> value) =>
        database.Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(handle, parameter, 0) : raw.sqlite3_bind_blob(handle, parameter, value));

    public void BindNull(int parameter) => database.Check(raw.sqlite3_bind_null(handle, parameter));

    public void Bind(int parameter, in SqliteVersion version)
    {
        if (version.Blob is { } blob)
            Bind(parameter, blob);
        else if (version.Text is { } text)
            Bind(parameter, text);
        else
            Bind(parameter, version.Integer);
    }

    /// <summary>Goes to the next row; false at the end.</summary>
    public bool Step()
    {
        var code = raw.sqlite3_step(handle);
        if (code == raw.SQLITE_ROW)
            return true;
        if (code != raw.SQLITE_DONE)
        {
            try
            {
                database.Check(code);
            }
            finally
            {
                Reset();
            }
        }
        return false;
    }

    /// <summary>Runs the statement for its effect and makes it ready to run again.</summary>
    public void Run()
    {
        Step();
        Reset();
    }

    /// <summary>Ends the read, so that no snapshot of the file stays open.</summary>
    public void Reset() => _ = raw.sqlite3_reset(handle);

    public long Integer(int column) => raw.sqlite3_column_int64(handle, column);

    public string Text(int column) => raw.sqlite3_column_text(handle, column).utf8_to_string() ?? "";

    public bool IsNull(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL;

    public bool IsText(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_TEXT;

    public bool IsBlob(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_BLOB;

    /// <summary>The bytes of the column; valid until the next step or reset.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(handle, column);

    /// <summary>A resource version as <see cref="SqliteVersion"/> stored it.</summary>
    public string Version(int column) => raw.sqlite3_column_type(handle, column) switch
    {
        raw.SQLITE_INTEGER => Integer(column).ToString(System.Globalization.CultureInfo.InvariantCulture),
        raw.SQLITE_BLOB => SqliteVersion.FromBlob(Blob(column)),
        _ => Text(column),
    };

    public void Dispose() => handle.Dispose();
}
