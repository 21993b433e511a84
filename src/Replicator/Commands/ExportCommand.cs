using System.CommandLine;
using Replicator.Output;

namespace Replicator.Commands;

/// <summary><c>replicator export</c>.</summary>
static class ExportCommand
{
    public static Command Create()
    {
        var kinds = QuestionOptions.Kinds();
        var asOf = new Option<string>("--as-of") { Description = "The objects of that moment (RFC 3339, -15m, rv:N, now).", HelpName = "INSTANT", DefaultValueFactory = _ => "now" };
        var options = new QuestionOptions(OutputFormat.Yaml, OutputFormat.Json);
        var command = new Command("export", "Writes manifests for 'kubectl apply' of what was there at a moment, without what the cluster adds. What is left out is counted on standard error.")
        {
            kinds, asOf, options.Namespace, options.Selector, options.Cluster, options.Output, options.Data,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var question = await Question.OpenAsync(result, options, cancellationToken);
            using var document = await question.Api.GetAsync(question.Path("export", ("at", result.GetValue(asOf)), ("resource", QuestionOptions.Joined(result.GetValue(kinds))), ("namespace", result.GetValue(options.Namespace)), ("labelSelector", result.GetValue(options.Selector))), cancellationToken);
            var items = document.RootElement.GetProperty("items");
            Answer.Warn(document.RootElement);
            if (question.Format == OutputFormat.Yaml)
            {
                foreach (var item in items.EnumerateArray())
                    Answer.WriteOne(question.Screen, OutputFormat.Yaml, item.GetRawText());
            }
            else
            {
                question.Screen.Line($$"""{"apiVersion":"v1","kind":"List","items":{{items.GetRawText()}}}""");
            }
            foreach (var omitted in document.RootElement.GetProperty("omitted").EnumerateArray())
                await Console.Error.WriteLineAsync($"left out {omitted.GetProperty("count")}: {omitted.GetProperty("reason").GetString()}");
            return Question.Answered;
        });
        return command;
    }
}
