using System.CommandLine;
using Replicator.Output;

namespace Replicator.Commands;

/// <summary><c>replicator blame</c>.</summary>
static class BlameCommand
{
    public static Command Create()
    {
        var target = QuestionOptions.Target();
        var at = QuestionOptions.At("The object as of that moment");
        var options = new QuestionOptions(OutputFormat.Table, OutputFormat.Json, OutputFormat.Yaml);
        var command = new Command("blame", "Shows an object's YAML with, for each field, the version that last set it, when, and the manager.") { target, options.Namespace, at, options.Cluster, options.Output, options.Data };
        command.SetAction(async (result, cancellationToken) =>
        {
            var path = QuestionOptions.PathOf(result.GetValue(target)!, result.GetValue(options.Namespace));
            await using var question = await Question.OpenAsync(result, options, cancellationToken);
            using var document = await question.AskAsync(question.Path($"blame/{path}", ("at", result.GetValue(at))), cancellationToken);
            if (document is null)
                return Question.Answered;
            var lines = document.RootElement.GetProperty("lines").EnumerateArray().Select(line =>
            {
                var (before, time) = (Question.Text(line, "before"), Question.Text(line, "time"));
                var manager = line.TryGetProperty("managers", out var managers) ? string.Join(",", managers.EnumerateArray().Select(one => one.GetString()).Take(1)) : "";
                return (Version: Question.Text(line, "resourceVersion"), Time: before.Length > 0 ? $"before {question.Times.Seconds(before)}" : time.Length > 0 ? question.Times.Seconds(time) : "", Manager: manager, Text: Question.Text(line, "text"));
            }).ToList();
            var (version, moment, who) = (lines.Max(line => line.Version.Length), lines.Max(line => line.Time.Length), lines.Max(line => line.Manager.Length));
            foreach (var line in lines)
            {
                var margin = $"{line.Version.PadLeft(version)}  {line.Time.PadRight(moment)}  {line.Manager.PadRight(who)} |";
                question.Screen.Line($"{question.Screen.Coloured(margin, ScreenColour.Dim)} {line.Text}".TrimEnd());
            }
            return Question.Answered;
        });
        return command;
    }
}
