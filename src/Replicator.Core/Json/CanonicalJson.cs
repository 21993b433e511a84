using System.Buffers;

namespace Replicator.Core.Json;

/// <summary>
/// The one text that stands for a JSON value, so that equal values have equal bytes and equal hashes.
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>No insignificant whitespace.</item>
/// <item>Members sorted by the UTF-8 bytes of their unescaped names; of duplicates the last.</item>
/// <item>Strings as raw UTF-8, escaping only what must be: <c>\" \\ \b \f \n \r \t</c>, other control characters as <c>\u00xx</c>, lone surrogates as
/// <c>\udxxx</c>, hexadecimal digits in lower case.</item>
/// <item>Numbers exactly as they were written: <c>9007199254740993</c>, <c>1e21</c>, <c>1.0</c> and <c>-0</c> stay.</item>
/// </list>
/// <para>This is not RFC 8785, which would round numbers to doubles.</para>
/// </remarks>
public static class CanonicalJson
{
    [ThreadStatic]
    static JsonTape? _cachedTape;

    /// <summary>Documents above this size are not kept between calls.</summary>
    const long MaxRetainedBytes = 16 << 20;

    /// <summary>Writes the value at <paramref name="node"/>, changed by <paramref name="edits"/>, in canonical form.</summary>
    /// <param name="tape">A parsed document.</param>
    /// <param name="node">The node of a value.</param>
    /// <param name="output">Receives the text in one piece.</param>
    /// <param name="edits">Changes to make on the way, or <see langword="null"/>.</param>
    /// <exception cref="InvalidOperationException">An edit removes <paramref name="node"/> itself, or adds a member to something that is no object.</exception>
    public static void Write(JsonTape tape, int node, IBufferWriter<byte> output, JsonEdits? edits = null)
    {
        ref readonly var token = ref tape.Token(node);
        if (edits is { Count: 0 } || edits?.Touches(node, token.Next) == false)
            edits = null;

        // Canonical text is never longer than the text it stands for, so one request for room is enough for all.
        var room = checked(token.Length + (edits?.MaxGrowth ?? 0) + CanonicalWriter.Slack);
        var span = output.GetSpan(room);
        var members = SortedMembers.OfThisThread;
        var top = members.Top;
        int written;
        try
        {
            written = CanonicalWriter.Write(tape, node, edits, members, span);
        }
        finally
        {
            members.Top = top;
        }
        output.Advance(written);
    }

    /// <summary>Parses <paramref name="json"/> and writes it in canonical form.</summary>
    /// <exception cref="JsonFormatException"><paramref name="json"/> is not JSON.</exception>
    public static void Write(ReadOnlyMemory<byte> json, IBufferWriter<byte> output) => Write(json.Span, output);

    /// <inheritdoc cref="Write(ReadOnlyMemory{byte}, IBufferWriter{byte})"/>
    public static void Write(ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        var tape = _cachedTape ?? new JsonTape();
        _cachedTape = null;
        tape.Parse(json);
        Write(tape, tape.Root, output);
        if (tape.RetainedBytes <= MaxRetainedBytes)
            _cachedTape = tape;
    }

    /// <summary>The canonical form of <paramref name="json"/>.</summary>
    /// <exception cref="JsonFormatException"><paramref name="json"/> is not JSON.</exception>
    public static byte[] ToArray(ReadOnlySpan<byte> json)
    {
        using var buffer = new PooledBufferWriter();
        Write(json, buffer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Whether two values have the same canonical form. Writes nothing and does not allocate.</summary>
    public static bool Equal(JsonTape tapeA, int nodeA, JsonTape tapeB, int nodeB)
    {
        ref readonly var a = ref tapeA.Token(nodeA);
        ref readonly var b = ref tapeB.Token(nodeB);
        if (a.Kind != b.Kind)
            return false;
        if (tapeA.RawText(nodeA).SequenceEqual(tapeB.RawText(nodeB)))
            return true;
        if (a.IsCanonical && b.IsCanonical)
            return false;
        return a.Kind switch
        {
            JsonKind.String => JsonText.Compare(tapeA.StringBody(nodeA), a.IsEscaped, tapeB.StringBody(nodeB), b.IsEscaped) == 0,
            JsonKind.Array => EqualArrays(tapeA, nodeA, tapeB, nodeB),
            JsonKind.Object => EqualObjects(tapeA, nodeA, tapeB, nodeB),
            _ => false,
        };
    }

    static bool EqualArrays(JsonTape tapeA, int nodeA, JsonTape tapeB, int nodeB)
    {
        if (tapeA.ChildCount(nodeA) != tapeB.ChildCount(nodeB))
            return false;
        var b = nodeB + 1;
        foreach (var a in tapeA.Elements(nodeA))
        {
            if (!Equal(tapeA, a, tapeB, b))
                return false;
            b = tapeB.Next(b);
        }
        return true;
    }

    static bool EqualObjects(JsonTape tapeA, int nodeA, JsonTape tapeB, int nodeB)
    {
        var members = SortedMembers.OfThisThread;
        var top = members.Top;
        var count = members.Push(tapeA, nodeA);
        var equal = members.Push(tapeB, nodeB) == count;
        for (var i = 0; equal && i < count; i++)
        {
            var a = members[top + i];
            var b = members[top + count + i];
            equal = Equal(tapeA, a, tapeB, b) && Equal(tapeA, a + 1, tapeB, b + 1);
        }
        members.Top = top;
        return equal;
    }
}
