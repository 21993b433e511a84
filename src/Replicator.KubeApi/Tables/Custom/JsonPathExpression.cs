using System.Diagnostics.CodeAnalysis;

namespace Replicator.KubeApi.Tables.Custom;

/// <summary>
/// A path as printer columns and <c>kubectl -o jsonpath</c> write it (k8s.io/client-go/util/jsonpath): fields, indexes, slices, unions, wildcards, recursive descent and filters.
/// </summary>
/// <remarks>Immutable, so thread-safe. A path of fields only, which almost all are, is followed without allocating.</remarks>
sealed class JsonPathExpression
{
    readonly PathStep[] _steps;
    readonly byte[][]? _fields;

    internal JsonPathExpression(PathStep[] steps)
    {
        _steps = steps;
        if (steps.Length > 0 && steps.All(step => step is FieldStep))
            _fields = [.. steps.Cast<FieldStep>().Select(step => step.Name)];
    }

    /// <summary>Parses an expression without the braces around it.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static JsonPathExpression Parse(string text) =>
        TryParse(text, out var expression) ? expression : throw new FormatException($"'{text}' is not a JSONPath expression: write one such as '.status.conditions[?(@.type==\"Ready\")].status'.");

    /// <inheritdoc cref="Parse"/>
    public static bool TryParse(string text, [NotNullWhen(true)] out JsonPathExpression? expression) => new JsonPathParser(text).TryParse(out expression);

    /// <summary>The first value that the path finds.</summary>
    /// <returns><see langword="false"/> where it finds none, or cannot be followed: an index out of bounds, a filter over what is no array, a comparison of a string with a number.</returns>
    public bool TryFindFirst(TapeValue root, out PathValue value)
    {
        if (_fields is not null)
        {
            var node = root;
            foreach (var field in _fields)
                node = node[field];
            value = new PathValue(node);
            return node.Kind != Core.Json.JsonKind.None;
        }
        var found = new List<PathValue> { new(root) };
        if (TryWalk(ref found) && found.Count > 0)
        {
            value = found[0];
            return true;
        }
        value = default;
        return false;
    }

    /// <summary>Replaces <paramref name="values"/> by what the path finds from them; where it cannot be followed it stays at what it had found so far.</summary>
    internal bool TryWalk(ref List<PathValue> values)
    {
        foreach (var step in _steps)
        {
            var found = new List<PathValue>();
            if (!step.TryApply(values, found))
                return false;
            values = found;
        }
        return true;
    }
}
