using System.Buffers.Text;
using System.Text;

namespace Replicator.KubeApi.Tables;

/// <summary>The text of a cell while it is put together: UTF-8 in a buffer that is kept from cell to cell.</summary>
sealed class CellText
{
    const int LongestInteger = 20;

    byte[] _bytes = new byte[1024];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Clear() => Length = 0;

    /// <summary>Forgets all but the first <paramref name="length"/> bytes.</summary>
    public void Truncate(int length) => Length = length;

    public CellText Add(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Reserve(text.Length));
        Length += text.Length;
        return this;
    }

    public CellText Add(string text)
    {
        Length += Encoding.UTF8.GetBytes(text, Reserve(Encoding.UTF8.GetMaxByteCount(text.Length)));
        return this;
    }

    /// <summary>Adds a string, nothing for any other value.</summary>
    public CellText Add(TapeValue value)
    {
        if (!value.IsString)
            return this;
        // An escaped string is unescaped right where it belongs; any other is copied there.
        var room = Reserve(value.Tape.RawText(value.Node).Length);
        var text = value.Tape.StringBytes(value.Node, room);
        text.CopyTo(room);
        Length += text.Length;
        return this;
    }

    /// <summary>Adds a string, or <paramref name="fallback"/> for a value that is none.</summary>
    public CellText Add(TapeValue value, ReadOnlySpan<byte> fallback) => value.IsString ? Add(value) : Add(fallback);

    public CellText Add(long number)
    {
        Utf8Formatter.TryFormat(number, Reserve(LongestInteger), out var written);
        Length += written;
        return this;
    }

    /// <summary>Adds a string in small letters.</summary>
    public CellText AddLower(TapeValue value)
    {
        var start = Length;
        Add(value);
        var added = _bytes.AsSpan(start, Length - start);
        if (Ascii.IsValid(added))
        {
            Ascii.ToLowerInPlace(added, out _);
            return this;
        }
        var lower = Encoding.UTF8.GetString(added).ToLowerInvariant();
        Length = start;
        return Add(lower);
    }

    /// <summary>Adds a string without the white space at its ends.</summary>
    public CellText AddTrimmed(TapeValue value)
    {
        var start = Length;
        Add(value);
        var added = _bytes.AsSpan(start, Length - start);
        // Only what is white space beyond ASCII needs to be decoded.
        if (added.Length > 0 && (added[0] >= 0x80 || added[^1] >= 0x80))
        {
            var trimmed = Encoding.UTF8.GetString(added).Trim();
            Length = start;
            return Add(trimmed);
        }
        var inner = added.Trim(" \t\n\v\f\r"u8);
        inner.CopyTo(added);
        Length = start + inner.Length;
        return this;
    }

    /// <summary>Adds an integer as it is written, 0 for any other value.</summary>
    public CellText AddInteger(TapeValue value) => Add(value.Integer);

    /// <summary>Adds a quantity or an integer or string, as it is written; 0, the quantity that is not set, for any other value.</summary>
    /// <remarks>An API server gives out quantities in their canonical form only.</remarks>
    public CellText AddQuantity(TapeValue value) => value.Kind switch
    {
        Core.Json.JsonKind.String => Add(value),
        Core.Json.JsonKind.Number => Add(value.Tape.RawText(value.Node)),
        _ => Add("0"u8),
    };

    Span<byte> Reserve(int room)
    {
        if (_bytes.Length - Length < room)
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(2L * _bytes.Length, (long)Length + room)));
        return _bytes.AsSpan(Length);
    }
}
