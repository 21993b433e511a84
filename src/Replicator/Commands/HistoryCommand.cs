using System.CommandLine;
using System.Text.Json;
using Replicator.Output;
using Spectre.Console;

namespace Replicator.Commands;

/// <summary><c>replicator history</c>.</summary>
static class HistoryCommand
{
    public static Command Create()
    {
        var target = QuestionOptions.Target();
        var diff = new Option<bool>("--diff") { Description = "Shows field by field what each version changed." };
        var noise = new Option<bool>("--noise") { Description = "Shows heartbeats, resource versions and managedFields too." };
        var at = QuestionOptions.At("Shows the object as it was at that moment instead, as YAML or with -o json");
        var managed = new Option<bool>("--show-managed-fields") { Description = "With --at: keeps metadata.managedFields." };
        var options = new QuestionOptions(OutputFormat.Table, OutputFormat.Wide, OutputFormat.Json, OutputFormat.Yaml);
        var command = new Command("history", "Shows every version that an object ever had, over deletions and re-creations: when, by whom, and what it changed.") { target, options.Namespace, diff, noise, at, managed, options.Cluster, options.Output, options.Data };
        command.SetAction(async (result, cancellationToken) =>
        {
            var path = QuestionOptions.PathOf(result.GetValue(target)!, result.GetValue(options.Namespace));
            await using var question = await Question.OpenAsync(result, options, cancellationToken);
            if (result.GetValue(at) is { } instant)
            {
                Answer.WriteObject(question.Screen, question.Format == OutputFormat.Json ? OutputFormat.Json : OutputFormat.Yaml, await question.Api.GetBytesAsync(question.Path($"objects/{path}", ("at", instant)), cancellationToken), result.GetValue(managed));
                return Question.Answered;
            }
            var isDocument = question.Format is OutputFormat.Json or OutputFormat.Yaml;
            var lines = question.Api.ReadLinesAsync(HttpMethod.Get, question.Path($"history/{path}", ("changes", isDocument || result.GetValue(diff) ? "true" : null), ("objects", isDocument ? "true" : null), ("noise", result.GetValue(noise) ? "true" : null)), cancellationToken);
            if (isDocument)
            {
                await foreach (var line in lines)
                    Answer.WriteOne(question.Screen, question.Format, line);
                return Question.Answered;
            }
            await WriteAsync(question, lines, result.GetValue(diff));
            return Question.Answered;
        });
        return command;
    }

    static async Task WriteAsync(Question question, IAsyncEnumerable<string> lines, bool diff)
    {
        var isWide = question.Format == OutputFormat.Wide;
        var table = isWide ? CommonOptions.Table("OBSERVED", "CHANGE", "RESOURCEVERSION", "MANAGER", "TO", "UID", "PROVENANCE", "POSITION", "SUMMARY") : CommonOptions.Table("OBSERVED", "CHANGE", "RESOURCEVERSION", "MANAGER", "SUMMARY");
        await foreach (var line in lines)
        {
            using var document = JsonDocument.Parse(line);
            var version = document.RootElement;
            string Text(string name) => Question.Text(version, name);
            var managers = string.Join(",", version.GetProperty("managers").EnumerateArray().Select(manager => manager.GetString()));
            var time = question.Times.Of(Text("from"));
            if (diff)
            {
                question.Screen.Line(question.Screen.Coloured($"{time}  {Text("type")}  rv:{Text("resourceVersion")}{(managers.Length == 0 ? "" : $"  {managers}")}", ScreenColour.Bold));
                var changes = version.GetProperty("changes").EnumerateArray().ToList();
                if (changes.Count == 0)
                    question.Screen.Line($"    {Text("summary")}");
                foreach (var change in changes)
                    ChangeLines.Write(question.Screen, change);
                continue;
            }
            string[] row = [time, Text("type"), Text("resourceVersion"), managers, .. isWide ? (string[])[Text("to").Length == 0 ? "" : question.Times.Of(Text("to")), Text("uid"), Text("provenance"), Text("position")] : [], Text("summary")];
            table.AddRow([.. row.Select(Markup.Escape)]);
        }
        if (!diff)
            question.Screen.Table(table);
    }
}
