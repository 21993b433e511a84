using System.Globalization;
using System.Text;
using Replicator.Core.Kubernetes;

namespace Replicator.Storage.Sqlite.Sqlite;

/// <summary>
/// A resource version as a column holds it, so that SQLite's own order is KEP-5504's: an integer where it fits, a longer decimal as a blob of its length and its digits (blobs sort behind
/// integers), anything else as text, which is only ever compared for equality.
/// </summary>
readonly record struct SqliteVersion(long Integer, string? Text, byte[]? Blob)
{
    public bool IsComparable => Text is null;

    public static SqliteVersion From(string version)
    {
        if (!ResourceVersion.IsComparable(version))
            return new(0, version, null);
        if (long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var integer))
            return new(integer, null, null);
        var blob = new byte[2 + version.Length];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(blob, checked((ushort)version.Length));
        Encoding.ASCII.GetBytes(version, blob.AsSpan(2));
        return new(0, null, blob);
    }

    public static string FromBlob(ReadOnlySpan<byte> blob) => Encoding.ASCII.GetString(blob[2..]);

    /// <summary>Whether this version is not newer than <paramref name="other"/>; both comparable.</summary>
    public bool IsAtMost(in SqliteVersion other) => (Blob, other.Blob) switch
    {
        (null, null) => Integer <= other.Integer,
        (null, _) => true,
        (_, null) => false,
        ({ } left, { } right) => left.AsSpan().SequenceCompareTo(right) <= 0,
    };

    /// <summary>The version in a column.</summary>
    public static SqliteVersion Read(Statement row, int column) =>
        row.IsText(column) ? new(0, row.Text(column), null) : row.IsBlob(column) ? new(0, null, row.Blob(column).ToArray()) : new(row.Integer(column), null, null);
}
