using System.CommandLine;
using System.Text.Json;
using Replicator.Output;
using Spectre.Console;

namespace Replicator.Commands;

/// <summary><c>replicator status</c>.</summary>
static class StatusCommand
{
    public static Command Create()
    {
        var options = new QuestionOptions(OutputFormat.Table, OutputFormat.Json, OutputFormat.Yaml);
        var command = new Command("status", "Shows how each recorded type stands: last resource version, lag, counts, gaps, bytes.") { options.Data, options.Output };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(options.Data)!, OutputFormats.Parse(result.GetValue(options.Output)!, options.Formats), CommonOptions.Times(result), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(string data, OutputFormat format, TimeText times, CancellationToken cancellationToken)
    {
        await using var screen = Screen.Open();
        await using var api = await ApiSession.OpenAsync(data, cancellationToken);
        using var document = await api.GetAsync("api/v1/clusters", cancellationToken);
        if (format != OutputFormat.Table)
        {
            Answer.Write(screen, format, System.Text.Encoding.UTF8.GetBytes(document.RootElement.GetRawText()));
            return 0;
        }
        var table = CommonOptions.Table("CLUSTER", "TYPE", "RESOURCEVERSION", "LAST", "LAG", "OBJECTS", "VERSIONS", "GAPS", "BYTES", "STATE");
        foreach (var cluster in document.RootElement.GetProperty("items").EnumerateArray())
        {
            foreach (var type in cluster.GetProperty("types").EnumerateArray())
            {
                string Text(string name) => Markup.Escape(type.GetProperty(name).ToString());
                var group = type.GetProperty("group").GetString()!;
                var state = type.GetProperty("state").GetString() ?? (type.GetProperty("synced").GetBoolean() ? "Synced" : "NotSynced");
                table.AddRow(Markup.Escape(cluster.GetProperty("cluster").GetString()!), Markup.Escape(group.Length == 0 ? Text("resource") : $"{Text("resource")}.{group}"),
                    Text("resourceVersion"), times.Of(Text("lastObservedAt")), Text("lag"), Text("objects"), Text("versions"), Text("gaps"), Text("bytes"), state);
            }
        }
        screen.Table(table);
        foreach (var cluster in document.RootElement.GetProperty("items").EnumerateArray())
            WriteCluster(screen, times, cluster);
        var (head, checkpoint) = (document.RootElement.GetProperty("head").GetInt64(), document.RootElement.GetProperty("checkpoint").GetInt64());
        var bus = document.RootElement.GetProperty("published") is { ValueKind: JsonValueKind.Number } published ? $", bus at {published}{Behind(published.GetInt64())}" : "";
        screen.Line($"log at position {head}, projection at {checkpoint}{Behind(checkpoint)}{bus}");
        return 0;

        // What the log grew by between the looks at it and at its followers is no lag.
        string Behind(long position) => position < head ? $" ({head - position} behind)" : "";
    }

    /// <summary>What concerns the cluster as a whole: its collector, and what the rules keep out of the log.</summary>
    static void WriteCluster(Screen screen, TimeText times, JsonElement cluster)
    {
        var id = cluster.GetProperty("cluster").GetString();
        if (cluster.GetProperty("state").GetString() is { } state)
            screen.Line($"{id}: {state}{(cluster.GetProperty("error").GetString() is { } error ? $": {error}" : "")}");
        WriteSelfChecks(screen, times, id, cluster);
        if (cluster.GetProperty("rules") is not { ValueKind: JsonValueKind.Object } rules)
            return;
        var suppressed = cluster.GetProperty("suppressed").EnumerateArray().ToLookup(count => count.GetProperty("rule").GetString(), count => count.GetProperty("count").GetInt64());
        foreach (var kind in rules.EnumerateObject())
        {
            foreach (var rule in kind.Value.EnumerateArray())
            {
                var name = rule.GetProperty("name").GetString();
                screen.Line($"{id}: rule {name} ({kind.Name} {Joined("types")}{(rule.TryGetProperty("namespaces", out _) ? $" in {Joined("namespaces")}" : "")}): {(kind.Name == "exclude" && !rule.TryGetProperty("namespaces", out _) ? "not watched" : $"{suppressed[name].Sum()} suppressed")}");

                string Joined(string list) => string.Join(", ", rule.GetProperty(list).EnumerateArray());
            }
        }
    }

    static void WriteSelfChecks(Screen screen, TimeText times, string? id, JsonElement cluster)
    {
        var checks = cluster.GetProperty("types").EnumerateArray().Select(type => type.GetProperty("selfCheck")).Where(check => check.ValueKind == JsonValueKind.Object).ToList();
        if (checks.Count == 0)
            return;
        int Count(string outcome) => checks.Count(check => check.GetProperty("outcome").GetString() == outcome);
        screen.Line($"{id}: self-check: {Count("Equal")} types equal to the server, {Count("Differs")} differing, {Count("Skipped")} skipped; last at {times.Of(checks.Max(check => check.GetProperty("checkedAt").GetString())!)}");
        foreach (var check in checks.Where(check => check.GetProperty("outcome").GetString() == "Differs"))
            screen.Line($"{id}: {check.GetProperty("reason").GetString()}");
    }
}
