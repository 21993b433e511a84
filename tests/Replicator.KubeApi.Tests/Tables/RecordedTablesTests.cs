using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Replicator.Core.Json;
using Replicator.KubeApi.Tables;
using Replicator.TestKit;
using Xunit;

namespace Replicator.KubeApi.Tests.Tables;

/// <summary>Every list that a real server gave at three moments, and the Table that it made of it.</summary>
public sealed class RecordedTablesTests
{
    /// <summary>The recording has the time at which it asked. The server looked at its clock a moment later: one recorded age turned 1.1 ms after the request was sent.</summary>
    static readonly TimeSpan OnTheWay = TimeSpan.FromMilliseconds(2);

    static IEnumerable<string> Files => Directory.EnumerateFiles(Path.Combine(TestRecordings.Shop, "golden"), "*.json.gz", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    public static TheoryData<string, string> Recorded
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var file in Files)
                data.Add(Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(file)))!, Path.GetFileName(file)[..^".json.gz".Length]);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Recorded))]
    public void A_recorded_list_prints_as_the_servers_own_table(string moment, string type)
    {
        var recorded = Read(moment, type);
        var table = TableOf(moment, type);

        var expected = recorded["table"]!;
        Assert.True(JsonNode.DeepEquals(expected["columnDefinitions"], Printed.Columns(table)), $"Expected columns {expected["columnDefinitions"]!.ToJsonString()}\nbut got {Printed.Columns(table).ToJsonString()}");

        var now = DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(recorded["at"]!.GetValue<double>()) + OnTheWay;
        var objects = Objects(recorded);
        if (table.RowOrder is { } order)
            objects.Sort(order);
        Assert.Equal(expected["rows"] is null, objects.Count == 0 && table.EmptyRowsAreNull);
        var rows = expected["rows"]?.AsArray().ToList() ?? [];
        Assert.Equal(objects.Count, rows.Count);
        if (type == "core_v1_componentstatuses")
        {
            // The server asks the components all at once, and lists them in the order of their answers: another with every request.
            rows.Sort((x, y) => string.CompareOrdinal(x!["cells"]![0]!.GetValue<string>(), y!["cells"]![0]!.GetValue<string>()));
            objects.Sort((x, y) => string.CompareOrdinal(NameOf(x), NameOf(y)));
        }
        for (var i = 0; i < objects.Count; i++)
        {
            var row = Printed.Row(table, objects[i], now);
            Assert.Equal(rows[i]!["cells"]!.ToJsonString(), row["cells"]!.ToJsonString());
            Assert.Equal(rows[i]!["conditions"]?.ToJsonString(), row["conditions"]?.ToJsonString());
        }
    }

    [Fact]
    public void The_recording_has_tables_of_three_moments_with_more_than_a_thousand_rows()
    {
        var tables = Recorded.Select(row => (Moment: row.Data.Item1, Rows: Read(row.Data.Item1, row.Data.Item2)["table"]!["rows"]?.AsArray().Count ?? 0)).ToList();
        Assert.Equal(3, tables.Select(table => table.Moment).Distinct().Count());
        Assert.Equal(186, tables.Count);
        Assert.InRange(tables.Sum(table => table.Rows), 1_000, int.MaxValue);
    }

    static string NameOf(JsonTape tape) => tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata) && tape.TryGetProperty(metadata, "name"u8, out var name) ? tape.GetString(name) : "";

    static TableDefinition TableOf(string moment, string type)
    {
        var parts = type.Split('_');
        var group = parts[0] == "core" ? "" : parts[0];
        var definitions = Read(moment, "apiextensions.k8s.io_v1_customresourcedefinitions")["list"]!["items"]?.AsArray() ?? [];
        var definition = definitions.SingleOrDefault(item => item!["metadata"]!["name"]!.GetValue<string>() == $"{parts[2]}.{group}");
        return TableDefinitions.For(group, parts[1], parts[2], definition is null ? null : Encoding.UTF8.GetBytes(definition.ToJsonString()));
    }

    static List<JsonTape> Objects(JsonNode recorded)
    {
        var objects = new List<JsonTape>();
        foreach (var item in recorded["list"]!["items"]?.AsArray() ?? [])
        {
            var tape = new JsonTape();
            tape.Parse(Encoding.UTF8.GetBytes(item!.ToJsonString()));
            objects.Add(tape);
        }
        return objects;
    }

    static JsonNode Read(string moment, string type)
    {
        using var stream = new GZipStream(File.OpenRead(Path.Combine(TestRecordings.Shop, "golden", moment, "tables", $"{type}.json.gz")), CompressionMode.Decompress);
        return JsonNode.Parse(stream)!;
    }
}
