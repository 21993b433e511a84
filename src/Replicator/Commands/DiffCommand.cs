using System.CommandLine;
using System.Text.Json;
using Replicator.Output;

namespace Replicator.Commands;

/// <summary><c>replicator diff</c>. Ends as diff(1) does: with 0 where nothing differs, 1 where something does, 2 on trouble.</summary>
static class DiffCommand
{
    public const string Name = "diff";

    const int Differs = 1;

    public static Command Create()
    {
        var kinds = QuestionOptions.Kinds();
        var from = new Option<string>("--from") { Description = "The moment to compare with (RFC 3339, -15m, rv:N, now).", HelpName = "INSTANT", Required = true };
        var to = new Option<string>("--to") { Description = "The moment that is compared.", HelpName = "INSTANT", DefaultValueFactory = _ => "now" };
        var noise = new Option<bool>("--noise") { Description = "Shows heartbeats, resource versions, managedFields and Events too." };
        var options = new QuestionOptions(OutputFormat.Table, OutputFormat.Diff, OutputFormat.Json, OutputFormat.Yaml);
        var command = new Command(Name, "Shows what differs between two moments, object by object and field by field; -o diff: as unified diffs of YAML. Ends with 0 where nothing differs, 1 where something does, 2 on trouble.")
        {
            kinds, from, to, options.Namespace, options.Selector, noise, options.Cluster, options.Output, options.Data,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var question = await Question.OpenAsync(result, options, cancellationToken);
            var path = question.Path("diff", ("from", result.GetValue(from)), ("to", result.GetValue(to)), ("resource", QuestionOptions.Joined(result.GetValue(kinds))), ("namespace", result.GetValue(options.Namespace)),
                ("labelSelector", result.GetValue(options.Selector)), ("noise", result.GetValue(noise) ? "true" : null));
            if (question.Format == OutputFormat.Diff)
                return await WriteUnifiedAsync(question, path, cancellationToken);
            using var document = await question.Api.GetAsync(path, cancellationToken);
            var root = document.RootElement;
            Answer.Warn(root);
            if (question.Format == OutputFormat.Table)
                Write(question, root);
            else
                Answer.Write(question.Screen, question.Format, System.Text.Encoding.UTF8.GetBytes(root.GetRawText()));
            return root.GetProperty("items").GetArrayLength() > 0 ? Differs : Question.Answered;
        });
        return command;
    }

    static async Task<int> WriteUnifiedAsync(Question question, string path, CancellationToken cancellationToken)
    {
        var any = false;
        await foreach (var line in question.Api.ReadLinesAsync(HttpMethod.Get, path, cancellationToken, "text/x-diff"))
        {
            any = true;
            question.Screen.Line(line switch
            {
                ['-', '-', '-', ..] or ['+', '+', '+', ..] => question.Screen.Coloured(line, ScreenColour.Bold),
                ['@', '@', ..] => question.Screen.Coloured(line, ScreenColour.Cyan),
                ['-', ..] => question.Screen.Coloured(line, ScreenColour.Red),
                ['+', ..] => question.Screen.Coloured(line, ScreenColour.Green),
                _ => line,
            });
        }
        return any ? Differs : Question.Answered;
    }

    static void Write(Question question, JsonElement root)
    {
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var item in root.GetProperty("items").EnumerateArray())
        {
            string Text(string name) => Question.Text(item, name);
            string Version(string side) => item.TryGetProperty(side, out var held) ? Question.Text(held, "resourceVersion") : "";
            var change = Text("change");
            counts[change] = counts.GetValueOrDefault(change) + 1;
            var type = Text("group").Length == 0 ? Text("resource") : $"{Text("resource")}.{Text("group")}";
            var line = $"{type} {(Text("namespace").Length == 0 ? "" : $"{Text("namespace")}/")}{Text("name")}";
            question.Screen.Line(change switch
            {
                "added" => question.Screen.Coloured($"+ {line}  rv:{Version("to")}", ScreenColour.Green),
                "removed" => question.Screen.Coloured($"- {line}  rv:{Version("from")}", ScreenColour.Red),
                "recreated" => question.Screen.Coloured($"! {line}  rv:{Version("from")} -> rv:{Version("to")}  deleted and created again", ScreenColour.Yellow),
                _ => question.Screen.Coloured($"~ {line}  rv:{Version("from")} -> rv:{Version("to")}", ScreenColour.Bold),
            });
            foreach (var field in item.GetProperty("fields").EnumerateArray())
                ChangeLines.Write(question.Screen, field);
        }
        var (hidden, transient) = (root.GetProperty("hidden").GetInt64(), root.GetProperty("transient").GetInt64());
        var said = counts.Select(count => $"{count.Value} {count.Key}").DefaultIfEmpty("nothing differs");
        question.Screen.Line($"{string.Join(", ", said)} from {Moment("from")} to {Moment("to")}{(transient == 0 ? "" : $"; {transient} came and went between")}{(hidden == 0 ? "" : $"; {hidden} differ in noise alone (--noise shows them)")}");

        string Moment(string name) => question.Times.Of(Question.Text(root, name));
    }
}
