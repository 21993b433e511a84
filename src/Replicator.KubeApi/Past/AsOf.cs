using System.Globalization;
using Replicator.Core.Events;
using Replicator.Core.Storage;
using Replicator.Core.Time;

namespace Replicator.KubeApi;

/// <summary>An instant as it stands in a path: <c>INSTANT</c>, or <c>INSTANT@SPEEDx</c> for watches that follow the changes after it faster or slower than they came.</summary>
/// <param name="Text">As it was written.</param>
/// <param name="Cut">What it names.</param>
/// <param name="Time">The moment that ages count to: for a resource version that of its change.</param>
/// <param name="Speed">By what the times between changes are divided.</param>
sealed record AsOf(string Text, Cut Cut, DateTimeOffset Time, double Speed)
{
    const string SpeedRemedy = "behind @ comes how many times faster than it happened, such as @10x, or @max";

    /// <summary>Whether it is the end of the log, wherever that is.</summary>
    public bool IsNow => Cut.Kind == CutKind.Now;

    /// <summary>Parses an instant; the time of a resource version is left to be found.</summary>
    /// <exception cref="KubeApiException">It is none, or lies in the future; the message has the grammar.</exception>
    public static AsOf Parse(string text, TimeProvider time)
    {
        var at = text.LastIndexOf('@');
        var speed = at < 0 ? 1 : ParseSpeed(text, text[(at + 1)..]);
        var now = time.GetUtcNow();
        Cut cut;
        try
        {
            cut = Instant.Parse(at < 0 ? text : text[..at], time);
        }
        catch (FormatException exception)
        {
            throw KubeApiException.BadRequest(exception.Message);
        }
        if (cut.Kind != CutKind.Time)
            return new AsOf(text, cut, now, speed);
        var moment = HashChain.FromMicroseconds(cut.Value);
        return moment <= now ? new AsOf(text, cut, moment, speed)
            : throw KubeApiException.BadRequest($"'{text}' is in the future (it is {now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)}): write an RFC 3339 time that has passed (2026-01-31T03:00:00Z), a relative time (-15m, -2h, -3d), rv:N (a resource version) or now.");
    }

    static double ParseSpeed(string text, string speed) =>
        speed == "max" ? double.PositiveInfinity
        : speed.EndsWith('x') && double.TryParse(speed.AsSpan(0, speed.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value > 0 ? value
        : throw KubeApiException.BadRequest($"'{text}' is not an instant: {SpeedRemedy}.");
}
