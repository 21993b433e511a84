using Replicator.Core.Json;

namespace Replicator.Core.Questions;

/// <summary>Knows the elements of a list from one version to the next: by the fields that Kubernetes keys such lists by.</summary>
static class ListKeys
{
    /// <summary>Candidates in order: the first that every element on both sides has, and each of them once, is it.</summary>
    static readonly byte[][][] Candidates =
    [
        ["containerPort"u8.ToArray(), "protocol"u8.ToArray()],
        ["mountPath"u8.ToArray()],
        ["name"u8.ToArray()],
        ["type"u8.ToArray()],
        ["uid"u8.ToArray()],
        ["port"u8.ToArray(), "protocol"u8.ToArray()],
        ["devicePath"u8.ToArray()],
        ["topologyKey"u8.ToArray(), "whenUnsatisfiable"u8.ToArray()],
        ["key"u8.ToArray(), "effect"u8.ToArray()],
        ["ip"u8.ToArray()],
        ["key"u8.ToArray()],
        ["id"u8.ToArray()],
    ];

    /// <summary>The keys of the elements of both lists; null where they have none in common.</summary>
    public static (string[] From, string[] To, byte[][] Fields)? Find(JsonTape from, int fromNode, JsonTape to, int toNode)
    {
        if (from.ChildCount(fromNode) == 0 || to.ChildCount(toNode) == 0)
            return null;
        foreach (var fields in Candidates)
        {
            if (Keys(from, fromNode, fields) is { } left && Keys(to, toNode, fields) is { } right)
                return (left, right, fields);
        }
        return null;
    }

    /// <summary>The key of one element, for its address.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> KeyOf(JsonTape tape, int element, byte[][] fields) =>
        [.. fields.Select(field => KeyValuePair.Create(System.Text.Encoding.UTF8.GetString(field), new JsonView(tape, element)[field].RawString()))];

    static string[]? Keys(JsonTape tape, int list, byte[][] fields)
    {
        var keys = new string[tape.ChildCount(list)];
        var (seen, index) = (new HashSet<string>(keys.Length), 0);
        foreach (var element in tape.Elements(list))
        {
            var key = "";
            foreach (var field in fields)
            {
                if (tape.Kind(element) != JsonKind.Object || !tape.TryGetProperty(element, field, out var value) || tape.Kind(value) is JsonKind.Object or JsonKind.Array)
                    return null;
                key = $"{key}\n{System.Text.Encoding.UTF8.GetString(tape.RawText(value))}";
            }
            if (!seen.Add(key))
                return null;
            keys[index++] = key;
        }
        return keys;
    }
}
