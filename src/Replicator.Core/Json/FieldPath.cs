using System.Text;

namespace Replicator.Core.Json;

/// <summary>
/// A path that picks fields for redaction and ignore rules, in a small part of JSONPath (RFC 9535): <c>$.spec.containers[*].env[*].value</c>,
/// <c>.data.*</c>, <c>$.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']</c>.
/// </summary>
/// <remarks>
/// <c>$</c> is optional. <c>.name</c> and <c>['name']</c> pick a member (of duplicates the last), <c>.*</c> and <c>[*]</c> all members or elements, <c>[0]</c> one element. Within
/// quotes <c>\'</c> and <c>\\</c> stand for a quote and a backslash.
/// </remarks>
public sealed class FieldPath
{
    const string Supported = "supported are .name, .*, ['name'], [*] and [0], with an optional $ in front";

    readonly string _text;
    readonly Segment[] _segments;

    FieldPath(string text, Segment[] segments)
    {
        _text = text;
        _segments = segments;
    }

    /// <summary>Parses <paramref name="text"/>.</summary>
    /// <exception cref="FormatException">The text is no such path; the message names it and what is supported.</exception>
    public static FieldPath Parse(string text)
    {
        var segments = new List<Segment>();
        var position = text.StartsWith('$') ? 1 : 0;
        if (text.Length == 0)
            throw Malformed(text, 0);
        while (position < text.Length)
            segments.Add(text[position] switch
            {
                '.' => ParseDot(text, ref position),
                '[' => ParseBracket(text, ref position),
                _ => throw Malformed(text, position),
            });
        return new FieldPath(text, [.. segments]);
    }

    /// <summary>Whether it picks the whole document.</summary>
    public bool IsRoot => _segments.Length == 0;

    /// <summary>Appends the nodes of all values below <paramref name="node"/> that this path picks to <paramref name="matches"/>, in the order of the text.</summary>
    public void Find(JsonTape tape, int node, List<int> matches) => Find(tape, node, 0, matches);

    /// <summary>The text that was parsed.</summary>
    public override string ToString() => _text;

    void Find(JsonTape tape, int node, int depth, List<int> matches)
    {
        if (depth == _segments.Length)
        {
            matches.Add(node);
            return;
        }
        ref readonly var segment = ref _segments[depth];
        switch (tape.Kind(node))
        {
            case JsonKind.Object when segment.Kind == SegmentKind.Any:
                foreach (var member in tape.Members(node))
                    Find(tape, member.Value, depth + 1, matches);
                break;
            case JsonKind.Object when segment.Kind == SegmentKind.Name && tape.TryGetProperty(node, segment.Name, out var value):
                Find(tape, value, depth + 1, matches);
                break;
            case JsonKind.Array when segment.Kind == SegmentKind.Any:
                foreach (var element in tape.Elements(node))
                    Find(tape, element, depth + 1, matches);
                break;
            case JsonKind.Array when segment.Kind == SegmentKind.Index && segment.Index < tape.ChildCount(node):
                var child = node + 1;
                for (var i = 0; i < segment.Index; i++)
                    child = tape.Next(child);
                Find(tape, child, depth + 1, matches);
                break;
        }
    }

    static Segment ParseDot(string text, ref int position)
    {
        var start = position + 1;
        var end = text.AsSpan(start).IndexOfAny(".['\"]") is var length and >= 0 ? start + length : text.Length;
        if (end == start || (end < text.Length && text[end] is '\'' or '"' or ']'))
            throw Malformed(text, end);
        position = end;
        var name = text[start..end];
        return name == "*" ? Segment.Any : name.Contains('*', StringComparison.Ordinal) ? throw Malformed(text, start) : Segment.Of(name);
    }

    static Segment ParseBracket(string text, ref int position)
    {
        var start = position + 1;
        if (start < text.Length && text[start] == '\'')
            return ParseQuoted(text, ref position);
        var end = text.IndexOf(']', start);
        if (end < 0)
            throw Malformed(text, text.Length);
        var inside = text[start..end];
        position = end + 1;
        if (inside == "*")
            return Segment.Any;
        if (JsonPointer.TryParseIndex(Encoding.UTF8.GetBytes(inside), out var index))
            return Segment.Of(index);
        throw Malformed(text, start);
    }

    static Segment ParseQuoted(string text, ref int position)
    {
        var name = new StringBuilder();
        var i = position + 2;
        for (; i < text.Length && text[i] != '\''; i++)
        {
            if (text[i] == '\\' && (++i == text.Length || text[i] is not ('\'' or '\\')))
                throw Malformed(text, i);
            name.Append(text[i]);
        }
        if (i + 1 >= text.Length || text[i + 1] != ']')
            throw Malformed(text, Math.Min(i + 1, text.Length));
        position = i + 2;
        return Segment.Of(name.ToString());
    }

    static FormatException Malformed(string text, int position) =>
        new($"'{text}' is no field path, see its character {position + 1}: {Supported}.");

    enum SegmentKind : byte
    {
        Name,
        Any,
        Index,
    }

    readonly record struct Segment(SegmentKind Kind, byte[] Name, int Index)
    {
        public static Segment Any { get; } = new(SegmentKind.Any, [], 0);

        public static Segment Of(string name) => new(SegmentKind.Name, Encoding.UTF8.GetBytes(name), 0);

        public static Segment Of(int index) => new(SegmentKind.Index, [], index);
    }
}
