using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Replicator.Output;

namespace Replicator.Commands;

/// <summary><c>replicator tail</c>.</summary>
static class TailCommand
{
    public static Command Create()
    {
        var from = new Option<string?>("--from") { Description = "A position of the log, or an instant (RFC 3339, -15m, rv:N, now).", HelpName = "POSITION|INSTANT", DefaultValueFactory = _ => "now" };
        var noFollow = new Option<bool>("--no-follow") { Description = "Ends at the end of the log." };
        var resource = new Option<string?>("--resource") { Description = "Only this type: plural or plural.group.", HelpName = "TYPE" };
        var name = new Option<string?>("--name") { Description = "Only objects of this name.", HelpName = "NAME" };
        var (data, cluster, @namespace, output) = (CommonOptions.Data(), CommonOptions.Cluster(), CommonOptions.Namespace(), CommonOptions.Output());
        cluster.CompletionSources.Add(Completions.Clusters);
        @namespace.CompletionSources.Add(Completions.Namespaces);
        resource.CompletionSources.Add(Completions.Kinds);
        var command = new Command("tail", "Shows the recorded changes as they come.") { from, noFollow, resource, @namespace, name, cluster, output, data };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var api = await ApiSession.OpenAsync(result.GetValue(data)!, cancellationToken);
            var query = new List<string> { $"follow={(result.GetValue(noFollow) ? "false" : "true")}" };
            var start = result.GetValue(from)!;
            query.Add(long.TryParse(start, NumberStyles.None, CultureInfo.InvariantCulture, out var position) ? $"after={position}" : $"from={Uri.EscapeDataString(start)}");
            if (result.GetValue(resource) is { } type)
            {
                var dot = type.IndexOf('.', StringComparison.Ordinal);
                query.Add($"resource={Uri.EscapeDataString(dot < 0 ? type : type[..dot])}");
                if (dot >= 0)
                    query.Add($"group={Uri.EscapeDataString(type[(dot + 1)..])}");
            }
            if (result.GetValue(@namespace) is { } scope)
                query.Add($"namespace={Uri.EscapeDataString(scope)}");
            if (result.GetValue(name) is { } named)
                query.Add($"name={Uri.EscapeDataString(named)}");
            var json = CommonOptions.IsJson(result.GetValue(output)!);
            var path = $"api/v1/clusters/{await api.ResolveClusterAsync(result.GetValue(cluster), cancellationToken)}/changes?{string.Join('&', query)}";
            var times = CommonOptions.Times(result);
            // What follows is not for a pager: it has no end.
            await foreach (var line in api.ReadLinesAsync(HttpMethod.Get, path, cancellationToken))
                Console.WriteLine(json ? line : Show(line, times));
            return 0;
        });
        return command;
    }

    static string Show(string line, TimeText times)
    {
        using var document = JsonDocument.Parse(line);
        string Text(string name) => document.RootElement.TryGetProperty(name, out var value) ? value.ToString() : "";
        var type = Text("group").Length == 0 ? Text("resource") : $"{Text("resource")}.{Text("group")}";
        var name = Text("namespace").Length == 0 ? Text("name") : $"{Text("namespace")}/{Text("name")}";
        return $"{times.Of(Text("observedAt"))}  {Text("position"),8}  {Text("type"),-14}  {type}{(name.Length == 0 ? "" : " ")}{name}  rv:{Text("resourceVersion")}{(Text("reason").Length == 0 ? "" : $"  {Text("reason")}")}";
    }
}
