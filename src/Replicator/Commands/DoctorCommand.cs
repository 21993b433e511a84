using System.CommandLine;
using System.Text.Json;
using Replicator.Configuration;
using Replicator.Examining;
using Replicator.Server;
using Spectre.Console;

namespace Replicator.Commands;

/// <summary><c>replicator doctor</c>.</summary>
static class DoctorCommand
{
    public static Command Create()
    {
        var kubeconfig = new Option<string?>("--kubeconfig") { Description = "Where nothing collects: the kubeconfig of the cluster to examine; else that of the settings.", HelpName = "FILE" };
        var context = new Option<string?>("--context") { Description = "Where nothing collects: the context.", HelpName = "NAME" };
        var cluster = new Option<string?>("--cluster") { Description = "Where nothing collects: the cluster's id, or which one of the settings' list.", HelpName = "ID" };
        var (data, output) = (CommonOptions.Data(), CommonOptions.Output());
        var command = new Command("doctor", "Looks for what is wrong: folder, disk, hash chain, clock, rights; and compares every type with its server. Asks the process that collects, where one does. Ends with 1 where there is a problem.")
        {
            data, output, kubeconfig, context, cluster,
        };
        command.SetAction((result, cancellationToken) =>
        {
            var settings = Settings.Load();
            return RunAsync(result.GetValue(data)!, CommonOptions.IsJson(result.GetValue(output)!), settings.Choose(result.GetValue(kubeconfig), result.GetValue(context), result.GetValue(cluster)), cancellationToken);
        });
        return command;
    }

    static async Task<int> RunAsync(string data, bool json, IReadOnlyList<ClusterSettings> clusters, CancellationToken cancellationToken)
    {
        var lines = Directory.Exists(data) || Settings.Load().Store().Log != LogEngine.Sqlite ? AskAsync(data, clusters, cancellationToken) : LookAsync(data, clusters, cancellationToken);
        var (problems, findings) = (0, new List<JsonElement>());
        await foreach (var line in lines)
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.TryGetProperty("done", out _))
                continue;
            if (json)
                Console.WriteLine(line);
            problems += document.RootElement.GetProperty("level").GetString() == nameof(FindingLevel.Problem) ? 1 : 0;
            findings.Add(document.RootElement.Clone());
        }
        if (!json)
            Write(findings, problems);
        return problems == 0 ? 0 : ExitCodes.Failure;
    }

    /// <summary>The process that has the folder, or this one.</summary>
    static async IAsyncEnumerable<string> AskAsync(string data, IReadOnlyList<ClusterSettings> clusters, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var api = await ApiSession.OpenAsync(data, cancellationToken,
            host => host.Health.Examination = cancelled => Examination.StandaloneAsync(host.Data.Path, host.Data.Events, clusters, TimeProvider.System, cancelled));
        var done = false;
        await foreach (var line in api.ReadLinesAsync(HttpMethod.Post, "api/v1/doctor", cancellationToken))
        {
            done = line.Contains("\"done\":true", StringComparison.Ordinal);
            yield return line;
        }
        if (!done)
            throw new CommandException("The server ended the examination before it was done: its log says why.");
    }

    /// <summary>What can be looked at before anything was recorded.</summary>
    static async IAsyncEnumerable<string> LookAsync(string data, IReadOnlyList<ClusterSettings> clusters, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var finding in Examination.StandaloneAsync(data, events: null, clusters, TimeProvider.System, cancellationToken))
            yield return FindingAnswer.Of(finding);
    }

    static void Write(IReadOnlyList<JsonElement> findings, int problems)
    {
        foreach (var finding in findings.Where(finding => finding.GetProperty("selfCheck").ValueKind != JsonValueKind.Object))
            Console.WriteLine($"{Level(finding),-8}{Where(finding)}{Text(finding, "check")}: {Text(finding, "detail")}");
        var checks = findings.Where(finding => finding.GetProperty("selfCheck").ValueKind == JsonValueKind.Object).ToList();
        if (checks.Count > 0)
        {
            var table = CommonOptions.Table("CLUSTER", "TYPE", "RESOURCEVERSION", "CHECKED", "EQUAL", "DIFFERING", "FIRST");
            foreach (var finding in checks)
            {
                var check = finding.GetProperty("selfCheck");
                var (objects, differing, skipped) = (check.GetProperty("objects").GetInt64(), check.GetProperty("differing").GetInt64(), check.GetProperty("outcome").GetString() == "Skipped");
                var first = check.GetProperty("first").EnumerateArray().Select(one => $"{(Text(one, "namespace") is { Length: > 0 } scope ? $"{scope}/" : "")}{Text(one, "name")}");
                table.AddRow(Markup.Escape(Text(finding, "cluster")), Markup.Escape(Text(finding, "type")), Text(check, "resourceVersion"), skipped ? "no" : $"{objects}",
                    skipped ? "" : differing == 0 ? "yes" : "no", skipped ? "" : $"{differing}", Markup.Escape(skipped ? Text(check, "reason") : string.Join(", ", first)));
            }
            CommonOptions.Write(table);
        }
        foreach (var remedy in findings.Where(finding => finding.GetProperty("remedy").ValueKind == JsonValueKind.String).GroupBy(finding => Text(finding, "remedy")))
            Console.WriteLine($"remedy  {string.Join(", ", remedy.Select(finding => Text(finding, "type") is { Length: > 0 } type ? type : Text(finding, "check")).Distinct().Take(5))}: {remedy.Key}");
        Console.WriteLine(problems == 0 ? "no problem found" : $"{problems} {(problems == 1 ? "problem" : "problems")} found");
    }

    static string Level(JsonElement finding) => Text(finding, "level").ToLowerInvariant();

    static string Where(JsonElement finding) => Text(finding, "cluster") is { Length: > 0 } cluster ? $"{cluster}: " : "";

    static string Text(JsonElement element, string name) => element.GetProperty(name) is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "";
}
