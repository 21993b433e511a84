using System.Globalization;
using System.Text;
using Replicator.Core.Json;

namespace Replicator.Core.Questions;

/// <summary>A value of a parsed object, or nothing: reading on from nothing gives nothing, so that a field that is absent and one of another kind need no code of their own.</summary>
readonly struct JsonView(JsonTape tape, int node)
{
    readonly JsonTape _tape = tape;

    public JsonTape Tape => _tape;

    public int Node { get; } = node;

    public bool Exists => _tape is not null && Node >= 0;

    public JsonKind Kind => Exists ? _tape.Kind(Node) : JsonKind.None;

    public int Count => Exists ? _tape.ChildCount(Node) : 0;

    public string? Text => Kind == JsonKind.String ? _tape.GetString(Node) : null;

    public bool IsTrue => Kind == JsonKind.True;

    public ReadOnlySpan<byte> Raw => Exists ? _tape.RawText(Node) : default;

    /// <summary>An integer that fits, or null.</summary>
    public long? Integer => Kind == JsonKind.Number && long.TryParse(Raw, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;

    /// <summary>A time in RFC 3339, or null.</summary>
    public DateTimeOffset? Time => Text is { } text && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;

    public JsonView this[ReadOnlySpan<byte> name] => Kind == JsonKind.Object && _tape.TryGetProperty(Node, name, out var value) ? new(_tape, value) : default;

    public JsonView this[string name] => this[Encoding.UTF8.GetBytes(name)];

    public IEnumerable<JsonView> Items
    {
        get
        {
            if (Kind != JsonKind.Array)
                yield break;
            var end = _tape.Next(Node);
            for (var item = Node + 1; item < end; item = _tape.Next(item))
                yield return new JsonView(_tape, item);
        }
    }

    public IEnumerable<(string Name, JsonView Value)> Members
    {
        get
        {
            if (Kind != JsonKind.Object)
                yield break;
            var end = _tape.Next(Node);
            for (var member = Node + 1; member < end; member = _tape.Next(member + 1))
                yield return (_tape.GetString(member), new JsonView(_tape, member + 1));
        }
    }

    public static JsonView Parse(ReadOnlySpan<byte> json)
    {
        var tape = new JsonTape();
        tape.Parse(json);
        return new JsonView(tape, tape.Root);
    }

    public string RawString() => Encoding.UTF8.GetString(Raw);
}
