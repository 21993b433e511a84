using System.CommandLine;
using System.Text.Json;
using Replicator.Output;

namespace Replicator.Commands;

/// <summary>A question of history under way: the API that answers it, and the screen that shows the answer.</summary>
sealed class Question : IAsyncDisposable
{
    Question(ApiSession api, string cluster, OutputFormat format, Screen screen, TimeText times) => (Api, Cluster, Format, Screen, Times) = (api, cluster, format, screen, times);

    public ApiSession Api { get; }

    public string Cluster { get; }

    public OutputFormat Format { get; }

    public Screen Screen { get; }

    public TimeText Times { get; }

    /// <summary>Opens the API; what is wrong with the command line is found before.</summary>
    public static async Task<Question> OpenAsync(ParseResult result, QuestionOptions options, CancellationToken cancellationToken)
    {
        var format = OutputFormats.Parse(result.GetValue(options.Output)!, options.Formats);
        var api = await ApiSession.OpenAsync(result.GetValue(options.Data)!, cancellationToken);
        try
        {
            var cluster = await api.ResolveClusterAsync(result.GetValue(options.Cluster), cancellationToken);
            return new Question(api, cluster, format, Screen.Open(), CommonOptions.Times(result));
        }
        catch
        {
            await api.DisposeAsync();
            throw;
        }
    }

    /// <summary>The path of a question about the cluster.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="parameters">The parameters; those without a value are left out.</param>
    public string Path(string question, params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var query = new List<string>();
        foreach (var (name, value) in parameters)
        {
            if (value is not null)
                query.Add($"{name}={Uri.EscapeDataString(value)}");
        }
        return $"api/v1/clusters/{Cluster}/{question}{(query.Count == 0 ? "" : $"?{string.Join('&', query)}")}";
    }

    /// <summary>Asks, and prints the answer where a form other than a table was asked for; null then.</summary>
    public async Task<JsonDocument?> AskAsync(string path, CancellationToken cancellationToken)
    {
        var document = await Api.GetAsync(path, cancellationToken);
        Answer.Warn(document.RootElement);
        if (Format is not (OutputFormat.Json or OutputFormat.Yaml))
            return document;
        Answer.Write(Screen, Format, System.Text.Encoding.UTF8.GetBytes(document.RootElement.GetRawText()));
        document.Dispose();
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        await Screen.DisposeAsync();
        await Api.DisposeAsync();
    }

    /// <summary>Whether the process is to end with 0, where a question has no other answer.</summary>
    public const int Answered = 0;

    /// <summary>A text of an answer; empty where it has none.</summary>
    public static string Text(JsonElement item, string name) => item.TryGetProperty(name, out var value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined) ? value.ToString() : "";
}

/// <summary>The options that all questions have.</summary>
sealed class QuestionOptions
{
    public QuestionOptions(params IReadOnlyList<OutputFormat> formats)
    {
        Formats = formats;
        Output = new("--output", "-o") { Description = $"{OutputFormats.Words(formats)}.", HelpName = "FORMAT", DefaultValueFactory = _ => OutputFormats.Word(formats[0]) };
        Output.CompletionSources.Add([.. formats.Select(OutputFormats.Word)]);
        Cluster.CompletionSources.Add(Completions.Clusters);
        Namespace.CompletionSources.Add(Completions.Namespaces);
    }

    public IReadOnlyList<OutputFormat> Formats { get; }

    public Option<string> Data { get; } = CommonOptions.Data();

    public Option<string?> Cluster { get; } = CommonOptions.Cluster();

    public Option<string?> Namespace { get; } = CommonOptions.Namespace();

    public Option<string?> Selector { get; } = new("--selector", "-l") { Description = "Only objects with these labels, such as app=web,tier!=cache.", HelpName = "SELECTOR" };

    public Option<string> Output { get; }

    public static Option<string?> At(string description) => new("--at") { Description = $"{description} (RFC 3339, -15m, rv:N, now).", HelpName = "INSTANT" };

    public static Argument<string> Target()
    {
        var target = new Argument<string>("KIND/NAME") { Description = "Such as pod/web-0 or deploy.apps/web; KIND may be a kind, a plural or a short name." };
        target.CompletionSources.Add(Completions.Objects);
        return target;
    }

    public static Argument<string[]> Kinds()
    {
        var kinds = new Argument<string[]>("KIND") { Description = "Only these types: kinds, plurals or short names, also with commas between.", Arity = ArgumentArity.ZeroOrMore };
        kinds.CompletionSources.Add(Completions.Kinds);
        return kinds;
    }

    public static string? Joined(string[]? kinds) => kinds is { Length: > 0 } ? string.Join(',', kinds) : null;

    /// <summary>The path of an object: <c>deploy/shop/web</c>.</summary>
    /// <exception cref="CommandException">The target is not KIND/NAME.</exception>
    public static string PathOf(string target, string? @namespace)
    {
        var slash = target.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || slash == target.Length - 1)
            throw new CommandException($"'{target}' is not KIND/NAME: write for example pod/web-0.");
        return $"{Uri.EscapeDataString(target[..slash])}/{(@namespace is null ? "" : $"{Uri.EscapeDataString(@namespace)}/")}{Uri.EscapeDataString(target[(slash + 1)..])}";
    }
}
