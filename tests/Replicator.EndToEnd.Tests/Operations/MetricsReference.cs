using System.Text.RegularExpressions;
using Replicator.TestKit;

namespace Replicator.EndToEnd.Tests.Operations;

/// <summary>The table of metrics in ops/README.md.</summary>
static partial class MetricsReference
{
    public static IReadOnlyList<Metric> Rows { get; } = [.. Row().Matches(File.ReadAllText(Path.Combine(TestRecordings.Repository, "ops", "README.md")))
        .Select(row => new Metric(row.Groups["name"].Value, row.Groups["kind"].Value, row.Groups["unit"].Value))];

    [GeneratedRegex(@"^\| `(?<name>replicator\.[a-z_.]+)` \| (?<kind>[a-z -]+) \| `(?<unit>[^`]+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}

sealed record Metric(string Name, string Kind, string Unit)
{
    /// <summary>The names under which the Prometheus exporter serves it.</summary>
    public IEnumerable<string> PrometheusNames
    {
        get
        {
            var name = Name.Replace('.', '_') + Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
            return Kind switch
            {
                "counter" => [$"{name}_total"],
                "histogram" => [$"{name}_bucket", $"{name}_sum", $"{name}_count"],
                _ => [name],
            };
        }
    }
}
