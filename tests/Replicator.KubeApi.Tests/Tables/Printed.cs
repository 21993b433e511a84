using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Replicator.Core.Json;
using Replicator.KubeApi.Tables;

namespace Replicator.KubeApi.Tests.Tables;

/// <summary>What the tables under test print of an object.</summary>
static class Printed
{
    public static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    /// <summary>The row of an object: its cells, and its conditions if it has any.</summary>
    public static JsonNode Row(TableDefinition table, string json, DateTimeOffset now)
    {
        var tape = new JsonTape();
        tape.Parse(Encoding.UTF8.GetBytes(json));
        return Row(table, tape, now);
    }

    public static JsonNode Row(TableDefinition table, JsonTape tape, DateTimeOffset now) => JsonNode.Parse(Bytes(table, tape, now))!;

    /// <summary>The row as it is written.</summary>
    public static byte[] Bytes(TableDefinition table, JsonTape tape, DateTimeOffset now)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            table.WriteCells(writer, tape, now);
            writer.WriteEndObject();
        }
        return buffer.ToArray();
    }

    public static JsonArray Columns(TableDefinition table)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            table.WriteColumnDefinitions(writer);
            writer.WriteEndObject();
        }
        return JsonNode.Parse(buffer.ToArray())!["columnDefinitions"]!.AsArray();
    }

    /// <summary>The cells of an object as of <see cref="Now"/>, by the names of their columns.</summary>
    /// <param name="resource">The resource as <c>plural[.group]</c>.</param>
    /// <param name="json">The object.</param>
    /// <param name="version">The version in which it is.</param>
    public static Dictionary<string, string> Cells(string resource, string json, string version = "v1")
    {
        var dot = resource.IndexOf('.', StringComparison.Ordinal);
        var table = dot < 0 ? TableDefinitions.For("", version, resource, null) : TableDefinitions.For(resource[(dot + 1)..], version, resource[..dot], null);
        return Cells(table, json);
    }

    public static Dictionary<string, string> Cells(TableDefinition table, string json)
    {
        var cells = Row(table, json, Now)["cells"]!.AsArray();
        return table.Columns.Zip(cells).ToDictionary(pair => pair.First.Name, pair => pair.Second is null ? "null" : pair.Second.ToString());
    }

    /// <summary>A time so long before <see cref="Now"/>, as an object has it.</summary>
    public static string Ago(TimeSpan time) => (Now - time).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
