using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;

namespace Replicator.Core.Json;

/// <summary>
/// A JSON document (RFC 8259) as a flat list of tokens over its own UTF-8 text. Reusable: each <see cref="Parse(ReadOnlySpan{byte})"/> overwrites
/// the last document, and once the buffers have grown to the largest document no call allocates.
/// </summary>
/// <remarks>
/// <para>A node is an index. A value's subtree is contiguous; an object's children alternate between name and value, so that the value
/// of the member named at <c>n</c> is at <c>n + 1</c>. Nodes and spans are valid until the next parse. Reading from several threads is safe, parsing is not.</para>
/// <para>Numbers stay text. Escaped lone surrogates, which RFC 8259, section 8.2 leaves open, are accepted; where a string is read as bytes they
/// appear as three bytes of generalised UTF-8 (<c>ED A0..BF xx</c>), which no valid text holds, so that no two different strings compare equal.</para>
/// <para>Of two members with one name the last wins, as it does for Go's decoder and so for the API server.</para>
/// </remarks>
public sealed class JsonTape
{
    /// <summary>How deep arrays and objects may be nested; a deeper text is refused.</summary>
    public const int MaxDepth = 512;

    byte[] _text = [];
    JsonToken[] _tokens = [];
    int _count;

    /// <summary>The node of the outermost value.</summary>
    public int Root => 0;

    /// <summary>How many nodes there are, member names included; 0 before the first parse and after one that failed.</summary>
    public int NodeCount => _count;

    /// <summary>Parses <paramref name="utf8"/> and copies it, so that the caller's buffer is free for reuse on return.</summary>
    /// <exception cref="JsonFormatException">The text is not one JSON value, not UTF-8, or nested deeper than <see cref="MaxDepth"/>.</exception>
    public void Parse(ReadOnlyMemory<byte> utf8) => Parse(utf8.Span);

    /// <inheritdoc cref="Parse(ReadOnlyMemory{byte})"/>
    public void Parse(ReadOnlySpan<byte> utf8)
    {
        _count = 0;

        // The zeros behind the text stop every scan, so that the scanner needs no bounds check per byte and may load whole vectors.
        var needed = checked(utf8.Length + JsonScanner.Padding);
        if (_text.Length < needed)
            _text = GC.AllocateUninitializedArray<byte>(RoundUp(needed));
        utf8.CopyTo(_text);
        _text.AsSpan(utf8.Length, JsonScanner.Padding).Clear();

        if (!Utf8.IsValid(utf8))
            throw new JsonFormatException(JsonText.FirstInvalidUtf8(utf8), "not valid UTF-8");
        if (_tokens.Length == 0)
            _tokens = new JsonToken[256];
        _count = JsonScanner.Scan(_text, utf8.Length, ref _tokens);
    }

    /// <summary>The kind of the value at <paramref name="node"/>.</summary>
    public JsonKind Kind(int node) => Token(node).Kind;

    /// <summary>How many elements the array, or members (duplicates included) the object, at <paramref name="node"/> has; 0 for all other kinds.</summary>
    public int ChildCount(int node) => Token(node).Children;

    /// <summary>The node after the whole subtree of <paramref name="node"/>.</summary>
    public int Next(int node) => Token(node).Next;

    /// <summary>The text of <paramref name="node"/> exactly as it was written, quotes or brackets included.</summary>
    public ReadOnlySpan<byte> RawText(int node)
    {
        ref readonly var token = ref Token(node);
        return _text.AsSpan(token.Start, token.Length);
    }

    /// <summary>Finds the value of the member called <paramref name="name"/>; of several the last.</summary>
    /// <param name="node">Any node; one that is no object has no members.</param>
    /// <param name="name">The name, unescaped UTF-8.</param>
    /// <param name="value">The node of the value.</param>
    public bool TryGetProperty(int node, ReadOnlySpan<byte> name, out int value)
    {
        value = -1;
        ref readonly var parent = ref Token(node);
        if (parent.Kind != JsonKind.Object)
            return false;
        var end = parent.Next;
        for (var member = node + 1; member < end; member = _tokens[member + 1].Next)
        {
            ref readonly var token = ref _tokens[member];
            if (token.IsEscaped ? StringEquals(member, name)
                : token.Length == name.Length + 2 && _text.AsSpan(token.Start + 1, name.Length).SequenceEqual(name))
            {
                value = member + 1;
                if (parent.IsSorted)
                    return true;
            }
        }
        return value >= 0;
    }

    /// <summary>The members of the object at <paramref name="node"/> in the order of the text, duplicates included.</summary>
    /// <exception cref="InvalidOperationException">The node is no object.</exception>
    public JsonMembers Members(int node)
    {
        ref readonly var token = ref Token(node);
        if (token.Kind != JsonKind.Object)
            ThrowWrongKind(token.Kind, JsonKind.Object);
        return new JsonMembers(this, node + 1, token.Next);
    }

    /// <summary>The nodes of the elements of the array at <paramref name="node"/>.</summary>
    /// <exception cref="InvalidOperationException">The node is no array.</exception>
    public JsonElements Elements(int node)
    {
        ref readonly var token = ref Token(node);
        if (token.Kind != JsonKind.Array)
            ThrowWrongKind(token.Kind, JsonKind.Array);
        return new JsonElements(this, node + 1, token.Next);
    }

    /// <summary>
    /// The string at <paramref name="node"/> as unescaped UTF-8: a span of the text itself where there is no escape, else of <paramref name="scratch"/>.
    /// </summary>
    /// <param name="node">A string or a member's name.</param>
    /// <param name="scratch">At least as long as <see cref="RawText"/> of the node less its two quotes; not touched where the string has no escape.</param>
    /// <exception cref="InvalidOperationException">The node is no string.</exception>
    /// <exception cref="ArgumentException"><paramref name="scratch"/> is needed and too short.</exception>
    public ReadOnlySpan<byte> StringBytes(int node, Span<byte> scratch)
    {
        var body = StringBody(node);
        if (!_tokens[node].IsEscaped)
            return body;
        if (scratch.Length < body.Length)
            throw new ArgumentException($"The string needs a scratch buffer of {body.Length} bytes, not {scratch.Length}.", nameof(scratch));
        return scratch[..JsonText.Unescape(body, scratch)];
    }

    /// <summary>The string at <paramref name="node"/>, lone surrogates included.</summary>
    /// <exception cref="InvalidOperationException">The node is no string.</exception>
    public string GetString(int node)
    {
        var body = StringBody(node);
        return _tokens[node].IsEscaped ? JsonText.UnescapeToString(body) : Encoding.UTF8.GetString(body);
    }

    /// <summary>Whether <paramref name="node"/> is a string that unescaped equals <paramref name="utf8"/>; <see langword="false"/> for every other kind.</summary>
    public bool StringEquals(int node, ReadOnlySpan<byte> utf8)
    {
        ref readonly var token = ref Token(node);
        if (token.Kind != JsonKind.String)
            return false;
        var body = Body(token);
        return token.IsEscaped ? JsonText.UnescapedEquals(body, utf8) : body.SequenceEqual(utf8);
    }

    /// <summary>The text between the quotes of the string at <paramref name="node"/>, still escaped.</summary>
    internal ReadOnlySpan<byte> StringBody(int node)
    {
        ref readonly var token = ref Token(node);
        if (token.Kind != JsonKind.String)
            ThrowWrongKind(token.Kind, JsonKind.String);
        return Body(token);
    }

    /// <summary>The text with <see cref="JsonScanner.Padding"/> readable bytes behind it.</summary>
    internal byte[] PaddedText => _text;

    /// <summary>The tokens; only the first <see cref="NodeCount"/> are in use.</summary>
    internal JsonToken[] Tokens => _tokens;

    /// <summary>Bytes that this tape keeps allocated.</summary>
    internal long RetainedBytes => _text.Length + (long)_tokens.Length * Unsafe.SizeOf<JsonToken>();

    internal ref readonly JsonToken Token(int node)
    {
        if ((uint)node >= (uint)_count)
            ThrowNoSuchNode(node);
        return ref _tokens[node];
    }

    ReadOnlySpan<byte> Body(in JsonToken token) => _text.AsSpan(token.Start + 1, token.Length - 2);

    static int RoundUp(int size) => (int)Math.Min(Array.MaxLength, Math.Max(4096L, (long)size + size / 4));

    [DoesNotReturn]
    void ThrowNoSuchNode(int node) => throw new ArgumentOutOfRangeException(nameof(node), node,
        _count == 0 ? "The tape holds no document; parse one first." : $"The tape holds {_count} nodes.");

    [DoesNotReturn]
    static void ThrowWrongKind(JsonKind actual, JsonKind wanted) =>
        throw new InvalidOperationException($"The node is of kind {actual}, not {wanted}; ask Kind first.");
}
