using System.CommandLine.Completions;
using System.Text.Json;
using Replicator.Storage.Sqlite;

namespace Replicator.Commands;

/// <summary>Completes cluster ids, namespaces, kinds and names from the API of the process that serves the data folder; where none does, or it does not answer at once, there is nothing to offer and nothing is said.</summary>
static class Completions
{
    /// <summary>For how many milliseconds a shell waits at most; some other number where an API is far away.</summary>
    public const string TimeoutVariable = "REPLICATOR_COMPLETION_TIMEOUT_MS";

    const int PatienceMilliseconds = 1000;

    public static IEnumerable<CompletionItem> Clusters(CompletionContext context) => Ask(context, (api, _) => api("api/v1/clusters").GetProperty("items").EnumerateArray().Select(item => item.GetProperty("cluster").GetString()!));

    public static IEnumerable<CompletionItem> Namespaces(CompletionContext context) => Ask(context, (api, cluster) => Names(api($"api/v1/clusters/{cluster}/names?resource=namespaces&prefix={Uri.EscapeDataString(context.WordToComplete)}")));

    public static IEnumerable<CompletionItem> Kinds(CompletionContext context) => Ask(context, Types);

    /// <summary>Kinds with a slash, and behind the slash names.</summary>
    public static IEnumerable<CompletionItem> Objects(CompletionContext context)
    {
        var slash = context.WordToComplete.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
            return Kinds(context).Select(kind => new CompletionItem($"{kind.Label}/"));
        var (kind, prefix) = (context.WordToComplete[..slash], context.WordToComplete[(slash + 1)..]);
        var scope = Value(context, "--namespace");
        return Ask(context, (api, cluster) => Names(api($"api/v1/clusters/{cluster}/names?resource={Uri.EscapeDataString(kind)}&prefix={Uri.EscapeDataString(prefix)}{(scope is null ? "" : $"&namespace={Uri.EscapeDataString(scope)}")}")).Select(name => $"{kind}/{name}"));
    }

    static IEnumerable<string> Types(Func<string, JsonElement> api, string cluster)
    {
        var types = api($"api/v1/clusters/{cluster}/status").GetProperty("types").EnumerateArray().Select(type => (Resource: type.GetProperty("resource").GetString()!, Group: type.GetProperty("group").GetString()!)).ToList();
        // A plural of two groups needs the group.
        var common = types.GroupBy(type => type.Resource).Where(same => same.Count() > 1).Select(same => same.Key).ToHashSet();
        return types.Select(type => common.Contains(type.Resource) && type.Group.Length > 0 ? $"{type.Resource}.{type.Group}" : type.Resource);
    }

    static IEnumerable<string> Names(JsonElement answer) => answer.GetProperty("items").EnumerateArray().Select(name => name.GetString()!);

    static IEnumerable<CompletionItem> Ask(CompletionContext context, Func<Func<string, JsonElement>, string, IEnumerable<string>> answer)
    {
        try
        {
            if (DataFolder.FindOwner(Value(context, "--data") ?? Settings.Load().Data) is not { Url: { } url })
                return [];
            using var client = new HttpClient { BaseAddress = new Uri(url), Timeout = Patience() };
            JsonElement Get(string path)
            {
                using var document = JsonDocument.Parse(client.GetStringAsync(new Uri(path, UriKind.Relative)).GetAwaiter().GetResult());
                return document.RootElement.Clone();
            }
            var clusters = Get("api/v1/clusters").GetProperty("items").EnumerateArray().Select(item => item.GetProperty("cluster").GetString()!).ToList();
            var cluster = Value(context, "--cluster") ?? (clusters is [var only] ? only : "");
            return [.. answer(Get, cluster).Where(word => word.StartsWith(context.WordToComplete, StringComparison.OrdinalIgnoreCase)).Distinct().Order(StringComparer.Ordinal).Select(word => new CompletionItem(word))];
        }
        catch (Exception exception) when (ExitCodes.IsExpected(exception) || exception is OperationCanceledException or JsonException)
        {
            // In the middle of somebody's typing an error has no place.
            return [];
        }
    }

    static TimeSpan Patience() => TimeSpan.FromMilliseconds(int.TryParse(Environment.GetEnvironmentVariable(TimeoutVariable), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var milliseconds) && milliseconds > 0 ? milliseconds : PatienceMilliseconds);

    static string? Value(CompletionContext context, string option) => context.ParseResult.CommandResult.Command.Options.FirstOrDefault(one => one.Name == option) is { } found && context.ParseResult.GetResult(found) is { Implicit: false, Tokens: [var token, ..] } ? token.Value : null;
}
