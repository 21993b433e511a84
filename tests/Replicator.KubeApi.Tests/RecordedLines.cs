using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using Replicator.TestKit;

namespace Replicator.KubeApi.Tests;

/// <summary>The lines of the recorded shop, read without any of the code under test.</summary>
static class RecordedLines
{
    /// <summary>The watch of a resource.</summary>
    /// <param name="file">Such as <c>core_v1_pods</c>.</param>
    public static List<RecordedLine> Read(string file)
    {
        var lines = new List<RecordedLine>();
        using var reader = new StreamReader(new GZipStream(File.OpenRead(Path.Combine(TestRecordings.Shop, "watch", $"{file}.log.gz")), CompressionMode.Decompress));
        var isLive = false;
        while (reader.ReadLine() is { } line)
        {
            var tab = line.IndexOf('\t', StringComparison.Ordinal);
            var json = JsonNode.Parse(line[(tab + 1)..])!;
            lines.Add(new RecordedLine(long.Parse(line[..tab], CultureInfo.InvariantCulture), json, isLive));
            isLive |= json["type"]!.GetValue<string>() == "BOOKMARK";
        }
        return lines;
    }

    /// <summary>The names of all files.</summary>
    public static IEnumerable<string> Files => Directory.EnumerateFiles(Path.Combine(TestRecordings.Shop, "watch")).Select(file => Path.GetFileName(file)[..^".log.gz".Length]);

    public static JsonNode Document(string name)
    {
        using var stream = new GZipStream(File.OpenRead(Path.Combine(TestRecordings.Shop, "discovery", $"{name}.json.gz")), CompressionMode.Decompress);
        return JsonNode.Parse(stream)!;
    }
}

/// <summary>A recorded line.</summary>
/// <param name="Microseconds">When it was received.</param>
/// <param name="Event">The watch event.</param>
/// <param name="IsLive">Whether it came behind the first list.</param>
sealed record RecordedLine(long Microseconds, JsonNode Event, bool IsLive)
{
    public string Type => Event["type"]!.GetValue<string>();

    public JsonNode Object => Event["object"]!;

    public string Version => Object["metadata"]!["resourceVersion"]!.GetValue<string>();

    public string Key => $"{Object["metadata"]!["namespace"]}/{Object["metadata"]!["name"]}";
}
