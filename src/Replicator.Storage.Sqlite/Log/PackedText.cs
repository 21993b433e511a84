using System.Globalization;
using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>Texts whose usual form packs well: a uid (RFC 9562) into 16 bytes, a W3C traceparent into 26. Any other text stays as it is, so that every text comes back verbatim.</summary>
static class PackedText
{
    const int TraceParentLength = 55;

    public static void BindUid(Statement statement, int parameter, string uid)
    {
        Span<byte> packed = stackalloc byte[16];
        if (Guid.TryParseExact(uid, "D", out var guid) && guid.ToString("D") == uid && guid.TryWriteBytes(packed, bigEndian: true, out _))
            statement.Bind(parameter, packed);
        else
            statement.Bind(parameter, uid);
    }

    public static string ReadUid(Statement row, int column) =>
        row.IsBlob(column) ? new Guid(row.Blob(column), bigEndian: true).ToString("D") : row.Text(column);

    public static void BindTraceParent(Statement statement, int parameter, string? traceParent)
    {
        if (traceParent is null)
        {
            statement.BindNull(parameter);
            return;
        }
        Span<byte> packed = stackalloc byte[26];
        Span<char> digits = stackalloc char[52];
        if (traceParent.Length == TraceParentLength && Digits(traceParent, digits) && Convert.FromHexString(digits, packed, out _, out var written) == System.Buffers.OperationStatus.Done && Unpack(packed[..written]) == traceParent)
            statement.Bind(parameter, packed);
        else
            statement.Bind(parameter, traceParent);
    }

    public static string? ReadTraceParent(Statement row, int column) =>
        row.IsNull(column) ? null : row.IsBlob(column) ? Unpack(row.Blob(column)) : row.Text(column);

    static bool Digits(ReadOnlySpan<char> traceParent, Span<char> digits)
    {
        if (traceParent[2] != '-' || traceParent[35] != '-' || traceParent[52] != '-')
            return false;
        traceParent[..2].CopyTo(digits);
        traceParent[3..35].CopyTo(digits[2..]);
        traceParent[36..52].CopyTo(digits[34..]);
        traceParent[53..55].CopyTo(digits[50..]);
        return true;
    }

    static string Unpack(ReadOnlySpan<byte> packed)
    {
        var hex = Convert.ToHexStringLower(packed);
        return string.Create(CultureInfo.InvariantCulture, $"{hex.AsSpan(0, 2)}-{hex.AsSpan(2, 32)}-{hex.AsSpan(34, 16)}-{hex.AsSpan(50, 2)}");
    }
}
