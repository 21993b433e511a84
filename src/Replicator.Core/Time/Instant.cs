using System.Buffers;
using System.Globalization;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Time;

/// <summary>The one way to write a moment, everywhere: an RFC 3339 time, a relative time (<c>-15m</c>, <c>-2h</c>, <c>-3d</c>), <c>rv:N</c> (a resource version), or <c>now</c>.</summary>
public static class Instant
{
    const string Remedy = "write an RFC 3339 time (2026-01-31T03:00:00Z), a relative time (-15m, -2h, -3d), rv:N (a resource version) or now";

    static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <summary>Parses an instant into the cut that it names.</summary>
    /// <exception cref="FormatException">It is none; the message names it and what is.</exception>
    public static Cut Parse(string text, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(time);
        if (text == "now")
            return Cut.Now;
        if (text.StartsWith("rv:", StringComparison.Ordinal))
        {
            var version = text[3..];
            return ResourceVersion.IsComparable(version) ? Cut.AtResourceVersion(version) : throw new FormatException($"'{text}' is not an instant: after rv: comes a decimal resource version, such as rv:4711.");
        }
        if (text.StartsWith('-'))
            return Cut.AtTime(time.GetUtcNow() - Duration(text, text.AsSpan(1)));
        // A time without an offset would mean another moment on another machine.
        if (text.Length > 19 && text[10] is 'T' or 't' or ' ' && HasOffset(text)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out var parsed))
            return Cut.AtTime(parsed);
        throw new FormatException($"'{text}' is not an instant: {Remedy}.");
    }

    static bool HasOffset(string text) => text[^1] is 'Z' or 'z' || (text[^3] == ':' && text[^6] is '+' or '-');

    static TimeSpan Duration(string text, ReadOnlySpan<char> rest)
    {
        var total = 0.0;
        while (rest.Length > 0)
        {
            var digits = rest.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value))
                throw new FormatException($"'{text}' is not an instant: {Remedy}.");
            total += value * rest[digits] switch
            {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86400,
                'w' => 7 * 86400,
                _ => throw new FormatException($"'{text}' is not an instant: the units are s, m, h, d and w; {Remedy}."),
            };
            rest = rest[(digits + 1)..];
        }
        // Farther back than any time that can be written is the beginning.
        return text.Length == 1 ? throw new FormatException($"'{text}' is not an instant: {Remedy}.") : TimeSpan.FromSeconds(Math.Min(total, 1000 * 365.25 * 86400));
    }
}
