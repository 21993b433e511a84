using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Replicator.Core.Json;

/// <summary>A JSON Pointer (RFC 6901): the names and indexes that lead from a document's root to one of its values.</summary>
public sealed class JsonPointer : IEquatable<JsonPointer>
{
    readonly string[] _segments;

    JsonPointer(string[] segments) => _segments = segments;

    /// <summary>The pointer to the whole document, <c>""</c>.</summary>
    public static JsonPointer Root { get; } = new([]);

    /// <summary>The unescaped segments in order.</summary>
    public IReadOnlyList<string> Segments => _segments;

    /// <summary>Makes a pointer of unescaped <paramref name="segments"/>.</summary>
    public static JsonPointer FromSegments(params ReadOnlySpan<string> segments) => new(segments.ToArray());

    /// <summary>Parses <paramref name="text"/>, such as <c>/metadata/annotations/example.com~1owner</c>.</summary>
    /// <exception cref="FormatException">The text does not start with a slash, or holds a tilde that is not followed by 0 or 1 (RFC 6901, section 3).</exception>
    public static JsonPointer Parse(string text)
    {
        if (text.Length == 0)
            return Root;
        if (text[0] != '/')
            throw new FormatException($"'{text}' is no JSON Pointer: a pointer is empty or starts with '/'.");
        var segments = text[1..].Split('/');
        for (var i = 0; i < segments.Length; i++)
        {
            if (!TryUnescape(segments[i], out var segment))
                throw new FormatException($"'{text}' is no JSON Pointer: '~' must be followed by 0 (for '~') or 1 (for '/').");
            segments[i] = segment;
        }
        return new JsonPointer(segments);
    }

    /// <summary>Finds the value that this pointer leads to, starting from <paramref name="start"/>.</summary>
    /// <remarks>The segment <c>-</c>, the place after an array's last element, leads to no value.</remarks>
    public bool TryFind(JsonTape tape, int start, out int node)
    {
        node = start;
        foreach (var segment in _segments)
        {
            switch (tape.Kind(node))
            {
                case JsonKind.Object when tape.TryGetProperty(node, Encoding.UTF8.GetBytes(segment), out var value):
                    node = value;
                    break;
                case JsonKind.Array when TryParseIndex(Encoding.UTF8.GetBytes(segment), out var index) && index < tape.ChildCount(node):
                    node++;
                    for (; index > 0; index--)
                        node = tape.Next(node);
                    break;
                default:
                    node = -1;
                    return false;
            }
        }
        return true;
    }

    /// <summary>The pointer's text, escaped, so that <see cref="Parse"/> gives an equal pointer.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var segment in _segments)
            text.Append('/').Append(segment.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
        return text.ToString();
    }

    /// <inheritdoc />
    public bool Equals([NotNullWhen(true)] JsonPointer? other) => other is not null && _segments.AsSpan().SequenceEqual(other._segments);

    /// <inheritdoc />
    public override bool Equals([NotNullWhen(true)] object? obj) => Equals(obj as JsonPointer);

    /// <inheritdoc />
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var segment in _segments)
            hash.Add(segment, StringComparer.Ordinal);
        return hash.ToHashCode();
    }

    /// <summary>Appends a slash and <paramref name="segment"/> (UTF-8), its tildes and slashes escaped.</summary>
    public static void AppendSegment(ReadOnlySpan<byte> segment, IBufferWriter<byte> output)
    {
        output.Write("/"u8);
        while (true)
        {
            var special = segment.IndexOfAny((byte)'~', (byte)'/');
            if (special < 0)
            {
                output.Write(segment);
                return;
            }
            output.Write(segment[..special]);
            output.Write(segment[special] == '~' ? "~0"u8 : "~1"u8);
            segment = segment[(special + 1)..];
        }
    }

    /// <summary>Unescapes one segment in place and returns its length; -1 where a tilde is followed by neither 0 nor 1.</summary>
    internal static int Unescape(Span<byte> segment)
    {
        var tilde = segment.IndexOf((byte)'~');
        if (tilde < 0)
            return segment.Length;
        var written = tilde;
        for (var i = tilde; i < segment.Length; i++)
        {
            var c = segment[i];
            if (c == '~')
            {
                if (++i == segment.Length || segment[i] is not ((byte)'0' or (byte)'1'))
                    return -1;
                c = segment[i] == '0' ? (byte)'~' : (byte)'/';
            }
            segment[written++] = c;
        }
        return written;
    }

    /// <summary>Reads an array index (RFC 6901, section 4): digits without a leading zero.</summary>
    internal static bool TryParseIndex(ReadOnlySpan<byte> segment, out int index)
    {
        index = 0;
        if (segment.IsEmpty || (segment.Length > 1 && segment[0] == '0'))
            return false;
        long value = 0;
        foreach (var c in segment)
        {
            if (c is < (byte)'0' or > (byte)'9')
                return false;
            value = value * 10 + (c - '0');
            if (value > int.MaxValue)
                return false;
        }
        index = (int)value;
        return true;
    }

    static bool TryUnescape(string escaped, out string segment)
    {
        segment = escaped;
        for (var i = 0; i < escaped.Length; i++)
        {
            if (escaped[i] == '~' && (++i == escaped.Length || escaped[i] is not ('0' or '1')))
                return false;
        }

        // In this order: ~01 is the text ~1, not a slash.
        segment = escaped.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
        return true;
    }
}
