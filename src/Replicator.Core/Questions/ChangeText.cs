using System.Globalization;
using System.Text.Json;

namespace Replicator.Core.Questions;

/// <summary>Changes in one line, as people read them.</summary>
public static class ChangeText
{
    const int LongValue = 60;
    const int SummaryLength = 160;

    /// <summary>A value on one line: strings that need no quotes without them, what is long by its size.</summary>
    public static string Value(string? json)
    {
        if (json is null)
            return "(none)";
        var isText = json.StartsWith('"');
        if (isText && !json.Contains('\\', StringComparison.Ordinal) && json.Length is > 2 and <= LongValue + 2)
            return json[1..^1];
        if (json.Length <= LongValue)
            return json;
        using var document = JsonDocument.Parse(json);
        return document.RootElement.ValueKind switch
        {
            JsonValueKind.Object => string.Create(CultureInfo.InvariantCulture, $"{{{document.RootElement.EnumerateObject().Count()} fields}}"),
            JsonValueKind.Array => string.Create(CultureInfo.InvariantCulture, $"[{document.RootElement.GetArrayLength()} items]"),
            _ => $"{json.AsSpan(0, char.IsHighSurrogate(json[LongValue - 2]) ? LongValue - 1 : LongValue)}...",
        };
    }

    /// <summary>A change: <c>spec.replicas: 2 -> 3</c>, <c>+metadata.labels.tier: web</c>, <c>-spec.paused</c>.</summary>
    public static string Of(FieldChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return change.Kind switch
        {
            FieldChangeKind.Added => $"+{change.Address}: {Value(change.To)}",
            FieldChangeKind.Removed => $"-{change.Address}: {Value(change.From)}",
            FieldChangeKind.Reordered => $"{change.Address}: order {change.From} -> {change.To}",
            _ => $"{change.Address}: {Value(change.From)} -> {Value(change.To)}",
        };
    }

    /// <summary>What changed, in a line: what the spec or the data says first, and how many changes there is no room for.</summary>
    public static string Summary(IReadOnlyList<FieldChange> changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var (text, shown) = (new System.Text.StringBuilder(), 0);
        foreach (var change in changes.OrderBy(Rank))
        {
            var next = Of(change);
            if (shown > 0 && text.Length + next.Length > SummaryLength)
                continue;
            text.Append(shown > 0 ? "; " : "").Append(next);
            shown++;
        }
        if (shown < changes.Count)
            text.Append(CultureInfo.InvariantCulture, $"; {changes.Count - shown} more");
        return text.ToString();
    }

    // What somebody asked for comes before what followed from it.
    static int Rank(FieldChange change)
    {
        var top = change.Address;
        while (top.Parent is { Parent: not null } parent)
            top = parent;
        var isTime = change.Address.Name is { } name && (name.EndsWith("Time", StringComparison.Ordinal) || name is "observedGeneration");
        return top.Name switch { "status" => isTime ? 3 : 2, "metadata" => 1, _ => 0 };
    }
}
