using System.Buffers;
using System.Globalization;
using System.Text;

namespace Replicator.Core.Json;

/// <summary>The text of JSON strings: unescaping, canonical escaping and the order of names.</summary>
static class JsonText
{
    static readonly SearchValues<byte> Special = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(c => (byte)c), (byte)'"', (byte)'\\', 0xED]);

    /// <summary>The longest that one byte can become when escaped: <c>\u00xx</c>.</summary>
    public const int MaxEscapedLength = 6;

    const int StackLimit = 256;

    /// <summary>Unescapes <paramref name="body"/>, whose escapes are known to be valid; the result is never longer. Returns the number of bytes written.</summary>
    public static int Unescape(ReadOnlySpan<byte> body, Span<byte> destination)
    {
        var written = 0;
        while (true)
        {
            var backslash = body.IndexOf((byte)'\\');
            var run = backslash < 0 ? body : body[..backslash];
            run.CopyTo(destination[written..]);
            written += run.Length;
            if (backslash < 0)
                return written;
            body = body[backslash..];
            body = body[ReadEscape(body, out var codePoint)..];
            written += EncodeGeneralised(codePoint, destination[written..]);
        }
    }

    /// <summary>Unescapes <paramref name="body"/> to UTF-16, where lone surrogates have a natural place.</summary>
    public static string UnescapeToString(ReadOnlySpan<byte> body)
    {
        var text = new StringBuilder(body.Length);
        while (true)
        {
            var backslash = body.IndexOf((byte)'\\');
            text.Append(Encoding.UTF8.GetString(backslash < 0 ? body : body[..backslash]));
            if (backslash < 0)
                return text.ToString();
            body = body[backslash..];
            body = body[ReadEscape(body, out var codePoint)..];
            if (codePoint < 0x10000)
                text.Append((char)codePoint);
            else
                text.Append(char.ConvertFromUtf32(codePoint));
        }
    }

    /// <summary>Whether <paramref name="body"/>, unescaped, is <paramref name="utf8"/>.</summary>
    public static bool UnescapedEquals(ReadOnlySpan<byte> body, ReadOnlySpan<byte> utf8) =>
        utf8.Length <= body.Length && Compare(body, escapedA: true, utf8, escapedB: false) == 0;

    /// <summary>Compares two strings by the bytes of their unescaped form; <paramref name="escapedA"/> and <paramref name="escapedB"/> say which may hold escapes.</summary>
    public static int Compare(ReadOnlySpan<byte> a, bool escapedA, ReadOnlySpan<byte> b, bool escapedB)
    {
        if (!escapedA && !escapedB)
            return a.SequenceCompareTo(b);

        // The keys of managed fields share long escaped beginnings (k:{\"name\":\"): where the texts part outside any escape, the texts decide.
        var common = a.CommonPrefixLength(b);
        if (common < a.Length && common < b.Length)
        {
            if (a[common] != '\\' && b[common] != '\\' && !a[Math.Max(0, common - 11)..common].Contains((byte)'\\'))
                return a[common] - b[common];
        }
        else if (escapedA && escapedB && a.Length == b.Length)
        {
            return 0;
        }

        byte[]? rentedA = null;
        byte[]? rentedB = null;
        try
        {
            var scratchA = a.Length <= StackLimit ? stackalloc byte[StackLimit] : rentedA = ArrayPool<byte>.Shared.Rent(a.Length);
            var scratchB = b.Length <= StackLimit ? stackalloc byte[StackLimit] : rentedB = ArrayPool<byte>.Shared.Rent(b.Length);
            ReadOnlySpan<byte> plainA = escapedA ? scratchA[..Unescape(a, scratchA)] : a;
            ReadOnlySpan<byte> plainB = escapedB ? scratchB[..Unescape(b, scratchB)] : b;
            return plainA.SequenceCompareTo(plainB);
        }
        finally
        {
            if (rentedA is not null)
                ArrayPool<byte>.Shared.Return(rentedA);
            if (rentedB is not null)
                ArrayPool<byte>.Shared.Return(rentedB);
        }
    }

    /// <summary>
    /// Writes <paramref name="plain"/>, unescaped (generalised) UTF-8, as the inside of a canonical string and returns the number of bytes written.
    /// The destination needs <see cref="MaxEscapedLength"/> times the bytes of the source, or the length of the valid JSON text that it was unescaped from.
    /// </summary>
    public static int Escape(ReadOnlySpan<byte> plain, Span<byte> destination)
    {
        var written = 0;
        while (true)
        {
            var special = plain.IndexOfAny(Special);
            var run = special < 0 ? plain : plain[..special];
            run.CopyTo(destination[written..]);
            written += run.Length;
            if (special < 0)
                return written;
            plain = plain[special..];
            var c = plain[0];
            if (c == 0xED)
            {
                if (plain[1] < 0xA0)
                {
                    // An ordinary character of the last block before the surrogates.
                    plain[..3].CopyTo(destination[written..]);
                    written += 3;
                }
                else
                {
                    written += WriteUnicodeEscape(0xD000 | (plain[1] & 0x3F) << 6 | plain[2] & 0x3F, destination[written..]);
                }
                plain = plain[3..];
                continue;
            }
            var letter = ShortEscape(c);
            if (letter != 0)
            {
                destination[written++] = (byte)'\\';
                destination[written++] = letter;
            }
            else
            {
                written += WriteUnicodeEscape(c, destination[written..]);
            }
            plain = plain[1..];
        }
    }

    /// <summary>Whether the <c>\uXXXX</c> at <paramref name="escape"/> is how canonical form writes that character. Surrogates are left to the writer.</summary>
    public static unsafe bool IsCanonicalUnicodeEscape(byte* escape)
    {
        if (escape[2] != '0' || escape[3] != '0' || escape[4] is not ((byte)'0' or (byte)'1') || escape[5] is >= (byte)'A' and <= (byte)'F')
            return false;
        return ShortEscape((byte)((escape[4] - '0') << 4 | HexValue(escape[5]))) == 0;
    }

    /// <summary>Where <paramref name="utf8"/>, which is not valid, stops being valid.</summary>
    public static int FirstInvalidUtf8(ReadOnlySpan<byte> utf8)
    {
        var offset = 0;
        while (Rune.DecodeFromUtf8(utf8[offset..], out _, out var consumed) == OperationStatus.Done)
            offset += consumed;
        return offset;
    }

    static byte ShortEscape(byte c) => c switch
    {
        (byte)'"' => (byte)'"',
        (byte)'\\' => (byte)'\\',
        (byte)'\b' => (byte)'b',
        (byte)'\f' => (byte)'f',
        (byte)'\n' => (byte)'n',
        (byte)'\r' => (byte)'r',
        (byte)'\t' => (byte)'t',
        _ => 0,
    };

    static int WriteUnicodeEscape(int unit, Span<byte> destination)
    {
        "\\u"u8.CopyTo(destination);
        unit.TryFormat(destination[2..], out _, "x4", CultureInfo.InvariantCulture);
        return 6;
    }

    /// <summary>Reads the escape (or the pair of surrogate escapes) at the start of <paramref name="text"/> and returns its length.</summary>
    static int ReadEscape(ReadOnlySpan<byte> text, out int codePoint)
    {
        switch (text[1])
        {
            case (byte)'b':
                codePoint = '\b';
                return 2;
            case (byte)'f':
                codePoint = '\f';
                return 2;
            case (byte)'n':
                codePoint = '\n';
                return 2;
            case (byte)'r':
                codePoint = '\r';
                return 2;
            case (byte)'t':
                codePoint = '\t';
                return 2;
            case (byte)'u':
                var unit = ReadHex(text[2..6]);
                if (char.IsHighSurrogate((char)unit) && text.Length >= 12 && text[6] == '\\' && text[7] == 'u')
                {
                    var low = ReadHex(text[8..12]);
                    if (char.IsLowSurrogate((char)low))
                    {
                        codePoint = char.ConvertToUtf32((char)unit, (char)low);
                        return 12;
                    }
                }
                codePoint = unit;
                return 6;
            default:
                codePoint = text[1];
                return 2;
        }
    }

    static int ReadHex(ReadOnlySpan<byte> digits) =>
        HexValue(digits[0]) << 12 | HexValue(digits[1]) << 8 | HexValue(digits[2]) << 4 | HexValue(digits[3]);

    static int HexValue(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;

    /// <summary>UTF-8 that also gives surrogates the three bytes that the scheme would give them.</summary>
    static int EncodeGeneralised(int codePoint, Span<byte> destination)
    {
        if (codePoint < 0x80)
        {
            destination[0] = (byte)codePoint;
            return 1;
        }
        if (codePoint < 0x800)
        {
            destination[1] = (byte)(0x80 | codePoint & 0x3F);
            destination[0] = (byte)(0xC0 | codePoint >> 6);
            return 2;
        }
        if (codePoint < 0x10000)
        {
            destination[2] = (byte)(0x80 | codePoint & 0x3F);
            destination[1] = (byte)(0x80 | codePoint >> 6 & 0x3F);
            destination[0] = (byte)(0xE0 | codePoint >> 12);
            return 3;
        }
        destination[3] = (byte)(0x80 | codePoint & 0x3F);
        destination[2] = (byte)(0x80 | codePoint >> 6 & 0x3F);
        destination[1] = (byte)(0x80 | codePoint >> 12 & 0x3F);
        destination[0] = (byte)(0xF0 | codePoint >> 18);
        return 4;
    }
}
