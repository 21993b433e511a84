using System.CommandLine;
using Spectre.Console;

namespace Replicator.Commands;

/// <summary><c>replicator status</c>.</summary>
static class StatusCommand
{
    public static Command Create()
    {
        var (data, output) = (CommonOptions.Data(), CommonOptions.Output());
        var command = new Command("status", "Shows how each recorded type stands: last resource version, lag, counts, gaps, bytes.") { data, output };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(data)!, CommonOptions.IsJson(result.GetValue(output)!), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(string data, bool json, CancellationToken cancellationToken)
    {
        await using var api = await ApiSession.OpenAsync(data, cancellationToken);
        using var document = await api.GetAsync("api/v1/clusters", cancellationToken);
        if (json)
        {
            Console.WriteLine(document.RootElement.GetRawText());
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
                    Text("resourceVersion"), Text("lastObservedAt"), Text("lag"), Text("objects"), Text("versions"), Text("gaps"), Text("bytes"), state);
            }
        }
        CommonOptions.Write(table);
        Console.WriteLine($"log at position {document.RootElement.GetProperty("head")}, projection at {document.RootElement.GetProperty("checkpoint")}");
        return 0;
    }
}
