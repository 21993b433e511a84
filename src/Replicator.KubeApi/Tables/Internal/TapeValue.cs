using System.Buffers.Text;
using Replicator.Core.Json;

namespace Replicator.KubeApi.Tables;

/// <summary>
/// A value in a document, or its absence. Every question has an answer for every value: what is missing, null or of another kind counts as not set, which is how Go's types hold it.
/// </summary>
readonly struct TapeValue(JsonTape tape, int node)
{
    const int Missing = -1;

    static readonly JsonTape NoDocument = new();

    /// <summary>No value.</summary>
    public static TapeValue None => new(NoDocument, Missing);

    public JsonTape Tape => tape;

    public int Node => node;

    public JsonKind Kind => node == Missing ? JsonKind.None : tape.Kind(node);

    /// <summary>Whether there is a value other than null.</summary>
    public bool IsSet => Kind is not (JsonKind.None or JsonKind.Null);

    public bool IsString => Kind == JsonKind.String;

    /// <summary>Whether this is a string of at least one byte.</summary>
    public bool HasText => IsString && tape.RawText(node).Length > 2;

    public bool IsTrue => Kind == JsonKind.True;

    /// <summary>Elements of an array, members of an object, else 0.</summary>
    public int Count => node == Missing ? 0 : tape.ChildCount(node);

    /// <summary>The value of an integer, 0 for everything else.</summary>
    public long Integer => TryGetInteger(out var value) ? value : 0;

    /// <summary>The member of that name.</summary>
    public TapeValue this[ReadOnlySpan<byte> name] => node != Missing && tape.TryGetProperty(node, name, out var value) ? new(tape, value) : new(tape, Missing);

    /// <summary>The first element of an array.</summary>
    public TapeValue First => Kind == JsonKind.Array && Count > 0 ? new(tape, node + 1) : new(tape, Missing);

    public bool TryGetInteger(out long value)
    {
        value = 0;
        if (Kind != JsonKind.Number)
            return false;
        var text = tape.RawText(node);
        return Utf8Parser.TryParse(text, out value, out var consumed) && consumed == text.Length;
    }

    /// <summary>Whether this is that string.</summary>
    public bool Is(ReadOnlySpan<byte> text) => node != Missing && tape.StringEquals(node, text);

    /// <summary>Whether both are the same string.</summary>
    public bool IsSameText(TapeValue other)
    {
        if (!IsString || !other.IsString)
            return false;
        var a = tape.RawText(node);
        var b = other.Tape.RawText(other.Node);
        return a.SequenceEqual(b) || (a.Contains((byte)'\\') || b.Contains((byte)'\\')) && tape.GetString(node) == other.Tape.GetString(other.Node);
    }

    /// <summary>The elements of an array; none for every other kind.</summary>
    public ElementEnumerator GetEnumerator() => Kind == JsonKind.Array ? new(tape, tape.Elements(node)) : default;

    /// <summary>The members of an object; none for every other kind.</summary>
    public MemberEnumerator Members => Kind == JsonKind.Object ? new(tape, tape.Members(node)) : default;

    public struct ElementEnumerator(JsonTape tape, JsonElements elements)
    {
        JsonElements _elements = elements;

        public readonly TapeValue Current => new(tape, _elements.Current);

        public bool MoveNext() => tape is not null && _elements.MoveNext();
    }

    public struct MemberEnumerator(JsonTape tape, JsonMembers members)
    {
        JsonMembers _members = members;

        /// <summary>The name, a string, and the value.</summary>
        public readonly (TapeValue Name, TapeValue Value) Current => (new(tape, _members.Current.Name), new(tape, _members.Current.Value));

        public readonly MemberEnumerator GetEnumerator() => this;

        public bool MoveNext() => tape is not null && _members.MoveNext();
    }
}
