namespace Replicator.Core.Json;

/// <summary>One value or member name on a <see cref="JsonTape"/>.</summary>
struct JsonToken
{
    /// <summary>Offset of the first byte, the opening quote or bracket included.</summary>
    public int Start;

    /// <summary>Bytes of the whole text. While a container is open: the token of its latest member name, or 0.</summary>
    public int Length;

    /// <summary>The token after this one's subtree. While a container is open: the token of its parent, or -1.</summary>
    public int Next;

    /// <summary>Elements of an array or members of an object.</summary>
    public int Children;

    public JsonKind Kind;

    public JsonTokenFlags Flags;

    public readonly int End => Start + Length;

    public readonly bool IsCanonical => (Flags & JsonTokenFlags.Canonical) != 0;

    public readonly bool IsEscaped => (Flags & JsonTokenFlags.Escaped) != 0;

    public readonly bool IsSorted => (Flags & JsonTokenFlags.Sorted) != 0;
}
