using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Replicator.Core.Json;

/// <summary>One pass over a text that checks the grammar of RFC 8259, writes the tokens and notes which subtrees are canonical already.</summary>
static unsafe class JsonScanner
{
    /// <summary>How many zero bytes must stand behind the text: two vectors, so that a load that starts within the text stays inside.</summary>
    public const int Padding = 64;

    // The tests of a token's first bytes read four at a time.
    static readonly uint True = Word("true"u8);
    static readonly uint Null = Word("null"u8);
    static readonly uint Alse = Word("alse"u8);

    /// <summary>Scans <paramref name="buffer"/> up to <paramref name="length"/>, growing <paramref name="tokens"/> as needed, and returns the number of tokens.</summary>
    /// <exception cref="JsonFormatException">The text is not one JSON value.</exception>
    public static int Scan(byte[] buffer, int length, ref JsonToken[] tokens)
    {
        fixed (byte* text = buffer)
        {
            var p = text;
            var count = 0;
            var depth = 0;
            var parent = -1;
            var inObject = false;
            byte* value;

            // Where the last thing stands that canonical form would write differently. A container that starts behind it holds none.
            byte* untidy = null;

            if (IsWhitespace(*p))
                p = SkipWhitespace(p);

        Value:
            switch (*p)
            {
                case (byte)'"':
                    {
                        var start = p;
                        p = ScanString(text, length, p + 1, out var flags);
                        p++;
                        if ((flags & JsonTokenFlags.Canonical) == 0)
                            untidy = start;
                        Append(ref tokens, ref count, text, start, p, JsonKind.String, flags);
                        goto AfterValue;
                    }

                case (byte)'{':
                case (byte)'[':
                    {
                        if (++depth > JsonTape.MaxDepth)
                            Throw(text, length, p, $"nested deeper than {JsonTape.MaxDepth}");
                        if (count == tokens.Length)
                            Grow(ref tokens);
                        inObject = *p == '{';
                        ref var opened = ref tokens[count];
                        opened.Start = (int)(p - text);
                        opened.Length = 0;
                        opened.Next = parent;
                        opened.Children = 0;
                        opened.Kind = inObject ? JsonKind.Object : JsonKind.Array;
                        opened.Flags = JsonTokenFlags.Sorted;
                        parent = count++;
                        p++;
                        if (IsWhitespace(*p))
                        {
                            untidy = p;
                            p = SkipWhitespace(p);
                        }
                        if (*p == (inObject ? '}' : ']'))
                            goto Close;
                        if (inObject)
                            goto Name;
                        goto Value;
                    }

                case (byte)'-':
                case >= (byte)'0' and <= (byte)'9':
                    value = p;
                    p = ScanNumber(text, length, p);
                    Append(ref tokens, ref count, text, value, p, JsonKind.Number, JsonTokenFlags.Canonical);
                    goto AfterValue;

                case (byte)'t' when Unsafe.ReadUnaligned<uint>(p) == True:
                    p += 4;
                    Append(ref tokens, ref count, text, p - 4, p, JsonKind.True, JsonTokenFlags.Canonical);
                    goto AfterValue;

                case (byte)'f' when Unsafe.ReadUnaligned<uint>(p + 1) == Alse:
                    p += 5;
                    Append(ref tokens, ref count, text, p - 5, p, JsonKind.False, JsonTokenFlags.Canonical);
                    goto AfterValue;

                case (byte)'n' when Unsafe.ReadUnaligned<uint>(p) == Null:
                    p += 4;
                    Append(ref tokens, ref count, text, p - 4, p, JsonKind.Null, JsonTokenFlags.Canonical);
                    goto AfterValue;

                default:
                    Throw(text, length, p, "expected a value");
                    break;
            }

        Name:
            {
                if (*p != '"')
                    Throw(text, length, p, "expected a member name in quotes");
                var start = p;
                p = ScanString(text, length, p + 1, out var flags);
                p++;
                if ((flags & JsonTokenFlags.Canonical) == 0)
                    untidy = start;
                var name = count;
                Append(ref tokens, ref count, text, start, p, JsonKind.String, flags);

                ref var container = ref tokens[parent];
                if (container.Length != 0 && !Ascends(text, tokens[container.Length], tokens[name]))
                {
                    container.Flags &= ~JsonTokenFlags.Sorted;
                    untidy = start;
                }
                container.Length = name;

                if (*p != ':')
                {
                    untidy = p;
                    p = SkipWhitespace(p);
                    if (*p != ':')
                        Throw(text, length, p, "expected ':' after a member name");
                }
                p++;
                if (IsWhitespace(*p))
                {
                    untidy = p;
                    p = SkipWhitespace(p);
                }
                goto Value;
            }

        AfterValue:
            if (parent < 0)
                goto End;
            tokens[parent].Children++;

            if (IsWhitespace(*p))
            {
                untidy = p;
                p = SkipWhitespace(p);
            }
            if (*p == ',')
            {
                p++;
                if (IsWhitespace(*p))
                {
                    untidy = p;
                    p = SkipWhitespace(p);
                }
                if (inObject)
                    goto Name;
                goto Value;
            }
            if (*p != (inObject ? '}' : ']'))
                Throw(text, length, p, inObject ? "expected ',' or '}'" : "expected ',' or ']'");

        Close:
            {
                ref var closed = ref tokens[parent];
                p++;
                parent = closed.Next;
                closed.Next = count;
                closed.Length = (int)(p - text) - closed.Start;
                if (untidy <= text + closed.Start)
                    closed.Flags |= JsonTokenFlags.Canonical;
                depth--;
                inObject = parent >= 0 && tokens[parent].Kind == JsonKind.Object;
                goto AfterValue;
            }

        End:
            p = SkipWhitespace(p);
            if (p != text + length)
                Throw(text, length, p, "unexpected text after the value");
            return count;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Append(ref JsonToken[] tokens, ref int count, byte* text, byte* start, byte* end, JsonKind kind, JsonTokenFlags flags)
    {
        if (count == tokens.Length)
            Grow(ref tokens);
        ref var token = ref tokens[count++];
        token.Start = (int)(start - text);
        token.Length = (int)(end - start);
        token.Next = count;
        token.Children = 0;
        token.Kind = kind;
        token.Flags = flags;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Grow(ref JsonToken[] tokens) => Array.Resize(ref tokens, (int)Math.Min(Array.MaxLength, tokens.Length * 2L));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IsWhitespace(byte c) => c <= ' ' && c is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';

    static byte* SkipWhitespace(byte* p)
    {
        while (IsWhitespace(*p))
            p++;
        return p;
    }

    /// <summary>Returns the closing quote of the string whose first byte is at <paramref name="p"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static byte* ScanString(byte* text, int length, byte* p, out JsonTokenFlags flags)
    {
        // Most strings of a Kubernetes object are shorter than a vector and have no escape: one load, one branch.
        var mask = SpecialBytes(p);
        if (mask != 0)
        {
            var q = p + BitOperations.TrailingZeroCount(mask);
            if (*q == '"')
            {
                flags = JsonTokenFlags.Canonical;
                return q;
            }
        }
        return ScanLongString(text, length, p, out flags);
    }

    static byte* ScanLongString(byte* text, int length, byte* p, out JsonTokenFlags flags)
    {
        flags = JsonTokenFlags.Canonical;
        while (true)
        {
            var mask = SpecialBytes(p);
            while (mask != 0)
            {
                var bit = BitOperations.TrailingZeroCount(mask);
                var q = p + bit;
                if (*q == '"')
                    return q;
                if (*q != '\\')
                    Throw(text, length, q, "control character in a string");
                flags |= JsonTokenFlags.Escaped;
                switch (q[1])
                {
                    case (byte)'"' or (byte)'\\' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t':
                        break;
                    case (byte)'/':
                        flags &= ~JsonTokenFlags.Canonical;
                        break;
                    case (byte)'u':
                        for (var i = 2; i < 6; i++)
                        {
                            if (!char.IsAsciiHexDigit((char)q[i]))
                                Throw(text, length, q + i, "expected four hexadecimal digits after \\u");
                        }
                        if (!JsonText.IsCanonicalUnicodeEscape(q))
                            flags &= ~JsonTokenFlags.Canonical;
                        break;
                    default:
                        Throw(text, length, q + 1, "unknown escape in a string");
                        break;
                }
                if (bit == 31)
                {
                    // The escaped byte is the next block's first and must not be taken for a quote there.
                    p = q + 2 - Vector256<byte>.Count;
                    break;
                }
                mask &= ~(3u << bit);
            }
            p += Vector256<byte>.Count;
        }
    }

    /// <summary>One bit for each of the 32 bytes at <paramref name="p"/> that is a quote, a backslash or a control character.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint SpecialBytes(byte* p)
    {
        var bytes = Vector256.Load(p);
        var special = Vector256.Equals(bytes, Vector256.Create((byte)'"'))
            | Vector256.Equals(bytes, Vector256.Create((byte)'\\'))
            | Vector256.Equals(bytes, Vector256.Min(bytes, Vector256.Create((byte)0x1f)));
        return special.ExtractMostSignificantBits();
    }

    static byte* ScanNumber(byte* text, int length, byte* p)
    {
        if (*p == '-')
            p++;
        if (*p == '0')
            p++;
        else
            p = ScanDigits(text, length, p);
        if (*p == '.')
            p = ScanDigits(text, length, p + 1);
        if (*p is (byte)'e' or (byte)'E')
        {
            p++;
            if (*p is (byte)'+' or (byte)'-')
                p++;
            p = ScanDigits(text, length, p);
        }
        return p;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static byte* ScanDigits(byte* text, int length, byte* p)
    {
        if (!char.IsAsciiDigit((char)*p))
            Throw(text, length, p, "expected a digit");
        do
            p++;
        while (char.IsAsciiDigit((char)*p));
        return p;
    }

    /// <summary>Whether the second name sorts strictly behind the first; both are followed by at least 8 readable bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool Ascends(byte* text, in JsonToken first, in JsonToken second)
    {
        if (!first.IsEscaped && !second.IsEscaped)
        {
            var a = BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ulong>(text + first.Start + 1));
            var b = BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ulong>(text + second.Start + 1));
            if (BitOperations.LeadingZeroCount(a ^ b) >> 3 < Math.Min(first.Length, second.Length) - 2)
                return a < b;
        }
        return AscendsSlow(text, first, second);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static bool AscendsSlow(byte* text, in JsonToken first, in JsonToken second) => JsonText.Compare(
        new ReadOnlySpan<byte>(text + first.Start + 1, first.Length - 2), first.IsEscaped,
        new ReadOnlySpan<byte>(text + second.Start + 1, second.Length - 2), second.IsEscaped) < 0;

    static uint Word(ReadOnlySpan<byte> letters) => Unsafe.ReadUnaligned<uint>(in letters[0]);

    [DoesNotReturn]
    static void Throw(byte* text, int length, byte* p, string reason)
    {
        var offset = (int)(p - text);
        if (offset >= length)
            throw new JsonFormatException(length, "the text ends too early");
        throw new JsonFormatException(offset, *p is > 0x20 and < 0x7f ? $"{reason}, found '{(char)*p}'" : $"{reason}, found 0x{*p:x2}");
    }
}
