namespace Replicator.KubeApi.Tables;

/// <summary>Times in objects: RFC 3339 as Go's <c>time.Parse(time.RFC3339, …)</c> reads it.</summary>
static class Timestamps
{
    const int LengthWithoutFraction = 19;

    /// <summary>Reads a time that is set. Go's zero time, the first of January of the year 1, counts as not set, as it does for <c>IsZero</c>.</summary>
    /// <param name="value">The value.</param>
    /// <param name="ticks">UTC, in <see cref="DateTime.Ticks"/>.</param>
    public static bool TryGetTime(this TapeValue value, out long ticks)
    {
        ticks = 0;
        if (!value.IsString)
            return false;
        // Times have no character that need be escaped; one that is escaped all the same is read the slow way.
        var text = value.Tape.RawText(value.Node)[1..^1];
        return text.Contains((byte)'\\') ? TryParse(System.Text.Encoding.UTF8.GetBytes(value.Tape.GetString(value.Node)), out ticks) && ticks != 0 : TryParse(text, out ticks) && ticks != 0;
    }

    /// <summary>Parses <c>2006-01-02T15:04:05Z</c>, with a fraction and an offset if there are any.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out long ticks)
    {
        ticks = 0;
        if (text.Length < LengthWithoutFraction + 1 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':'
            || !TryDigits(text[..4], out var year) || !TryDigits(text[5..7], out var month) || !TryDigits(text[8..10], out var day)
            || !TryDigits(text[11..13], out var hour) || !TryDigits(text[14..16], out var minute) || !TryDigits(text[17..19], out var second)
            || year == 0 || month is 0 or > 12 || day == 0 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
            return false;
        var rest = text[LengthWithoutFraction..];
        var fraction = 0L;
        if (rest[0] is (byte)'.' or (byte)',')
        {
            var digits = 1;
            for (var unit = TimeSpan.TicksPerSecond / 10; digits < rest.Length && char.IsAsciiDigit((char)rest[digits]); digits++, unit /= 10)
                fraction += (rest[digits] - '0') * unit;
            if (digits == 1)
                return false;
            rest = rest[digits..];
        }
        var offset = 0L;
        if (rest is not [(byte)'Z'])
        {
            if (rest.Length != 6 || rest[0] is not ((byte)'+' or (byte)'-') || rest[3] != ':' || !TryDigits(rest[1..3], out var hours) || !TryDigits(rest[4..6], out var minutes)
                || hours > 24 || minutes > 59)
                return false;
            offset = (hours * 60 + minutes) * TimeSpan.TicksPerMinute;
            if (rest[0] == '-')
                offset = -offset;
        }
        ticks = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc).Ticks + fraction - offset;
        return true;
    }

    static bool TryDigits(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        foreach (var digit in text)
        {
            if (!char.IsAsciiDigit((char)digit))
                return false;
            value = value * 10 + digit - '0';
        }
        return true;
    }
}
