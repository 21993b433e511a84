using System.CommandLine;
using System.Text.Json;
using Spectre.Console;

namespace Replicator.Commands;

/// <summary><c>replicator history</c>.</summary>
static class HistoryCommand
{
    public static Command Create()
    {
        var target = new Argument<string>("KIND/NAME") { Description = "Such as pod/web-0 or deployments.apps/web." };
        var (data, cluster, @namespace, output) = (CommonOptions.Data(), CommonOptions.Cluster(), CommonOptions.Namespace(), CommonOptions.Output());
        var command = new Command("history", "Shows every version that an object ever had, over deletions and re-creations.") { target, @namespace, cluster, output, data };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(target)!, result.GetValue(@namespace), result.GetValue(cluster), CommonOptions.IsJson(result.GetValue(output)!), result.GetValue(data)!, cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(string target, string? @namespace, string? wanted, bool json, string data, CancellationToken cancellationToken)
    {
        var slash = target.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || slash == target.Length - 1)
            throw new CommandException($"'{target}' is not KIND/NAME: write for example pod/web-0.");
        await using var api = await ApiSession.OpenAsync(data, cancellationToken);
        var cluster = await api.ResolveClusterAsync(wanted, cancellationToken);
        var scope = @namespace is null ? "" : $"{Uri.EscapeDataString(@namespace)}/";
        var path = $"api/v1/clusters/{cluster}/history/{Uri.EscapeDataString(target[..slash])}/{scope}{Uri.EscapeDataString(target[(slash + 1)..])}";
        var table = CommonOptions.Table("FROM", "TO", "CHANGE", "RESOURCEVERSION", "UID", "PROVENANCE", "POSITION");
        await foreach (var line in api.ReadLinesAsync(HttpMethod.Get, json ? $"{path}?objects=true" : path, cancellationToken))
        {
            if (json)
            {
                Console.WriteLine(line);
                continue;
            }
            using var document = JsonDocument.Parse(line);
            string Text(string name) => document.RootElement.TryGetProperty(name, out var value) ? Markup.Escape(value.ToString()) : "";
            table.AddRow(Text("from"), Text("to"), Text("type"), Text("resourceVersion"), Text("uid"), Text("provenance"), Text("position"));
        }
        if (!json)
            CommonOptions.Write(table);
        return 0;
    }
}
