using System.Globalization;

namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>What the API server prints of a type that has no printer: name and creation time (k8s.io/apiserver/pkg/registry/rest, defaultTableConvertor).</summary>
static class DefaultTable
{
    public static readonly TableDefinition Definition = new([Column.Name, Column.CreatedAt], static row =>
    {
        row.WriteName();
        // Not an age: kubectl makes one of it. The server's own format has no fraction.
        Span<byte> text = stackalloc byte["0001-01-01T00:00:00Z".Length];
        if (row.Metadata["creationTimestamp"u8].TryGetTime(out var ticks)
            && new DateTime(ticks, DateTimeKind.Utc).TryFormat(text, out var length, "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture))
            row.Write(text[..length]);
        else
            row.Write("0001-01-01T00:00:00Z"u8);
    })
    {
        EmptyRowsAreNull = true,
    };
}
