using System.CommandLine;
using System.Text.Json;
using Replicator.Output;
using Spectre.Console;

namespace Replicator.Commands;

/// <summary><c>replicator images</c> and <c>replicator runtimes</c>.</summary>
static class ImagesCommand
{
    /// <summary>The algorithm and as many digits as people compare: <c>sha256:0123456789ab</c>.</summary>
    const int ShortDigest = 19;

    public static Command Create()
    {
        var at = QuestionOptions.At("The containers of that moment");
        var digest = new Option<string?>("--digest") { Description = "Shows when and where this image ran: sha256:... or its beginning, over the whole record.", HelpName = "DIGEST" };
        var from = new Option<string?>("--from") { Description = "With --digest: only what had not ended by then.", HelpName = "INSTANT" };
        var to = new Option<string?>("--to") { Description = "With --digest: only what had begun by then.", HelpName = "INSTANT" };
        var options = new QuestionOptions(OutputFormat.Table, OutputFormat.Wide, OutputFormat.Json, OutputFormat.Yaml);
        var command = new Command("images", "Shows which container images ran where, as the nodes reported it; with --digest: from when to when.") { at, digest, from, to, options.Namespace, options.Selector, options.Cluster, options.Output, options.Data };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var question = await Question.OpenAsync(result, options, cancellationToken);
            if (result.GetValue(digest) is { } wanted)
            {
                if (result.GetValue(at) is not null || result.GetValue(options.Selector) is not null)
                    throw new CommandException("--at and --selector do not go with --digest: that shows the whole record, or with --from and --to a part of it.");
                using var runs = await question.AskAsync(question.Path("images/runs", ("digest", wanted), ("from", result.GetValue(from)), ("to", result.GetValue(to)), ("namespace", result.GetValue(options.Namespace))), cancellationToken);
                if (runs is not null)
                    WriteRuns(question, runs.RootElement);
                return Question.Answered;
            }
            if (result.GetValue(from) is not null || result.GetValue(to) is not null)
                throw new CommandException("--from and --to go with --digest; for one moment there is --at.");
            using var images = await question.AskAsync(question.Path("images", ("at", result.GetValue(at)), ("namespace", result.GetValue(options.Namespace)), ("labelSelector", result.GetValue(options.Selector))), cancellationToken);
            if (images is not null)
                WriteImages(question, images.RootElement);
            return Question.Answered;
        });
        return command;
    }

    public static Command CreateRuntimes()
    {
        var at = QuestionOptions.At("Only what was known by then");
        var options = new QuestionOptions(OutputFormat.Table, OutputFormat.Json, OutputFormat.Yaml);
        var command = new Command("runtimes", "Shows which container runtime, kubelet and kernel each node ran over time.") { at, options.Cluster, options.Output, options.Data };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var question = await Question.OpenAsync(result, options, cancellationToken);
            using var document = await question.AskAsync(question.Path("runtimes", ("at", result.GetValue(at))), cancellationToken);
            if (document is null)
                return Question.Answered;
            var table = CommonOptions.Table("NODE", "RUNTIME", "KUBELET", "KERNEL", "OS", "ARCH", "FROM", "TO");
            foreach (var item in document.RootElement.GetProperty("items").EnumerateArray())
            {
                string Text(string name) => Markup.Escape(Question.Text(item, name));
                table.AddRow(Text("node"), Text("runtime"), Text("kubelet"), Text("kernel"), Text("osImage"), Text("architecture"), Begin(question, item, "from", "fromIsBefore"), End(question, item));
            }
            question.Screen.Table(table);
            return Question.Answered;
        });
        return command;
    }

    static void WriteImages(Question question, JsonElement root)
    {
        var table = CommonOptions.Table("IMAGE", "DIGEST", "RUNTIME", "NODE", "NAMESPACE", "POD", "CONTAINER", "STATE", "SINCE");
        foreach (var item in root.GetProperty("items").EnumerateArray())
        {
            string Text(string name) => Markup.Escape(Question.Text(item, name));
            table.AddRow(Text("image"), Digest(question, item), Text("runtime"), Text("node"), Text("namespace"), Text("pod"), Text("container"), Text("state"), Text("since").Length == 0 ? "" : question.Times.Seconds(Text("since")));
        }
        question.Screen.Table(table);
    }

    static void WriteRuns(Question question, JsonElement root)
    {
        var table = CommonOptions.Table("FROM", "TO", "IMAGE", "DIGEST", "RUNTIME", "NODE", "NAMESPACE", "POD", "CONTAINER", "NOTE");
        foreach (var item in root.GetProperty("items").EnumerateArray())
        {
            var container = item.GetProperty("container");
            string Text(string name) => Markup.Escape(Question.Text(container, name));
            table.AddRow(Begin(question, item, "from", "fromIsBefore"), End(question, item), Text("image"), Digest(question, container), Text("runtime"), Text("node"), Text("namespace"), Text("pod"), Text("container"),
                item.GetProperty("gap").GetBoolean() ? "the record has a gap here" : "");
        }
        question.Screen.Table(table);
        foreach (var gap in root.GetProperty("gaps").EnumerateArray())
            question.Screen.Line($"not observed: {(Question.Text(gap, "from") is { Length: > 0 } from ? $"from {question.Times.Of(from)}" : "what was before")} {(Question.Text(gap, "to") is { Length: > 0 } to ? $"{(Question.Text(gap, "from").Length > 0 ? "to " : "")}{question.Times.Of(to)}" : "to now")} ({Question.Text(gap, "reason")})");
    }

    static string Begin(Question question, JsonElement item, string name, string flag) =>
        $"{(item.GetProperty(flag).GetBoolean() ? "before " : "")}{question.Times.Seconds(Question.Text(item, name))}";

    static string End(Question question, JsonElement item) => Question.Text(item, "to") is not { Length: > 0 } to ? "(goes on)"
        : $"{(item.TryGetProperty("toIsBefore", out var before) && before.GetBoolean() ? "before " : "")}{question.Times.Seconds(to)}";

    static string Digest(Question question, JsonElement item) => Question.Text(item, "digest") is { Length: > ShortDigest } digest && question.Format != OutputFormat.Wide ? digest[..ShortDigest] : Question.Text(item, "digest");
}
