using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using Replicator.TestKit;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>What the recorded server itself answered at one of three moments: for each resource and version its list and its Table.</summary>
static class RecordedMoment
{
    /// <summary>When the recording ended, and a day later.</summary>
    public static DateTimeOffset End { get; } = DateTimeOffset.FromUnixTimeSeconds(1795427589);

    public static DateTimeOffset DayAfter { get; } = End.AddDays(1);

    public static TheoryData<string> Folders => ["00-base", "03-incident", "04-edges"];

    public static IEnumerable<RecordedList> Lists(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(TestRecordings.Shop, "golden", folder, "tables")).Order(StringComparer.Ordinal))
        {
            using var stream = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
            var json = JsonNode.Parse(stream)!;
            yield return new RecordedList(Path.GetFileName(file)[..^".json.gz".Length], json["path"]!.GetValue<string>(), DateTimeOffset.UnixEpoch.AddSeconds(json["at"]!.GetValue<double>()), json["list"]!, json["table"]!);
        }
    }

    /// <summary>A raw answer of the recorded server.</summary>
    public static (int Status, JsonNode? Body) Protocol(string name)
    {
        var text = File.ReadAllText(Path.Combine(TestRecordings.Protocol, $"{name}.http")).ReplaceLineEndings("\n");
        var end = text.IndexOf("\n\n", StringComparison.Ordinal);
        var body = text[(end + 2)..].Trim();
        return (int.Parse(text.Split(' ')[1], CultureInfo.InvariantCulture), body.Length == 0 ? null : JsonNode.Parse(body));
    }
}

/// <summary>A recorded list.</summary>
/// <param name="Name">Such as <c>core_v1_pods</c>.</param>
/// <param name="Path">Where it was served.</param>
/// <param name="At">When the Table was fetched.</param>
/// <param name="List">The list.</param>
/// <param name="Table">The server's own Table for it.</param>
sealed record RecordedList(string Name, string Path, DateTimeOffset At, JsonNode List, JsonNode Table)
{
    public string Version => List["metadata"]!["resourceVersion"]!.GetValue<string>();

    public JsonArray Items => List["items"]!.AsArray();
}
