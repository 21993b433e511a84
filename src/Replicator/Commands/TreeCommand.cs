using System.CommandLine;
using System.Text.Json;
using Replicator.Output;
using Spectre.Console;

namespace Replicator.Commands;

/// <summary><c>replicator tree</c> and <c>replicator apps</c>.</summary>
static class TreeCommand
{
    public static Command Create()
    {
        var target = QuestionOptions.Target();
        var at = QuestionOptions.At("The owners of that moment");
        var options = new QuestionOptions(OutputFormat.Table, OutputFormat.Json, OutputFormat.Yaml);
        var command = new Command("tree", "Shows what owns an object and what it owns, with the health of each.") { target, options.Namespace, at, options.Cluster, options.Output, options.Data };
        command.SetAction(async (result, cancellationToken) =>
        {
            var path = QuestionOptions.PathOf(result.GetValue(target)!, result.GetValue(options.Namespace));
            await using var question = await Question.OpenAsync(result, options, cancellationToken);
            using var document = await question.AskAsync(question.Path($"tree/{path}", ("at", result.GetValue(at))), cancellationToken);
            if (document is null)
                return Question.Answered;
            var table = CommonOptions.Table("NAMESPACE", "NAME", "READY", "HEALTH", "CREATED", "MESSAGE");
            Add(question, table, document.RootElement.GetProperty("root"), "", "");
            question.Screen.Table(table);
            return Question.Answered;
        });
        return command;
    }

    public static Command CreateApps()
    {
        var at = QuestionOptions.At("The workloads of that moment");
        var options = new QuestionOptions(OutputFormat.Table, OutputFormat.Json, OutputFormat.Yaml);
        var command = new Command("apps", "Shows workloads by what they belong to (Application resources, Helm releases, the recommended labels), with their health.") { at, options.Namespace, options.Selector, options.Cluster, options.Output, options.Data };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var question = await Question.OpenAsync(result, options, cancellationToken);
            using var document = await question.AskAsync(question.Path("apps", ("at", result.GetValue(at)), ("namespace", result.GetValue(options.Namespace)), ("labelSelector", result.GetValue(options.Selector))), cancellationToken);
            if (document is null)
                return Question.Answered;
            var table = CommonOptions.Table("BY", "NAMESPACE", "NAME", "READY", "HEALTH", "MESSAGE");
            foreach (var group in document.RootElement.GetProperty("items").EnumerateArray())
            {
                var workloads = group.GetProperty("workloads").EnumerateArray().ToList();
                string Text(string name) => Markup.Escape(Question.Text(group, name));
                var version = Text("version").Length == 0 ? "" : $" {Text("version")}";
                if (Text("by") != "none")
                    table.AddRow(Text("by"), Text("namespace"), $"{Text("name")}{version}", "", Text("health"), workloads.Count == 0 ? "no workloads" : "");
                for (var index = 0; index < workloads.Count; index++)
                {
                    var workload = workloads[index];
                    var branch = Text("by") == "none" ? "" : index == workloads.Count - 1 ? "└─" : "├─";
                    table.AddRow(Text("by") == "none" ? "none" : "", Markup.Escape(Question.Text(workload, "namespace")), $"{branch}{Markup.Escape(Question.Text(workload, "kind"))}/{Markup.Escape(Question.Text(workload, "name"))}", Question.Text(workload, "ready"), Question.Text(workload, "health"), Markup.Escape(Question.Text(workload, "message")));
                }
            }
            question.Screen.Table(table);
            return Question.Answered;
        });
        return command;
    }

    static void Add(Question question, Table table, JsonElement node, string branch, string below)
    {
        string Text(string name) => Markup.Escape(Question.Text(node, name));
        var others = node.GetProperty("owners").GetArrayLength() > 1 ? $"; {node.GetProperty("owners").GetArrayLength()} owners" : "";
        table.AddRow(Text("namespace"), $"{branch}{Text("kind")}/{Text("name")}{(node.GetProperty("subject").GetBoolean() && branch.Length > 0 ? " (this)" : "")}", Text("ready"), Text("health"),
            Text("created").Length == 0 ? "" : question.Times.Seconds(Text("created")), $"{Text("message")}{others}".TrimStart(';', ' '));
        var dependants = node.GetProperty("dependants").EnumerateArray().ToList();
        var isCut = node.GetProperty("cut").GetBoolean();
        for (var index = 0; index < dependants.Count; index++)
        {
            var isLast = index == dependants.Count - 1 && !isCut;
            Add(question, table, dependants[index], $"{below}{(isLast ? "└─" : "├─")}", $"{below}{(isLast ? "  " : "│ ")}");
        }
        if (isCut)
            table.AddRow("", $"{below}└─(more is not shown)", "", "", "", "");
    }
}
