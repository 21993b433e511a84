using System.Globalization;

namespace Replicator.Output;

/// <summary>Times as tables show them: in the user's zone, with its offset, so that they can be given back as an INSTANT; in UTC where that was asked for. JSON and YAML keep the API's UTC.</summary>
sealed class TimeText(bool utc, TimeZoneInfo zone)
{
    public string Of(DateTimeOffset time)
    {
        var local = utc ? time.ToUniversalTime() : TimeZoneInfo.ConvertTime(time, zone);
        return local.Offset == TimeSpan.Zero
            ? local.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)
            : local.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffffzzz", CultureInfo.InvariantCulture);
    }

    /// <summary>A time as the API writes it; what is none stays as it is.</summary>
    public string Of(string text) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? Of(time) : text;

    /// <summary>The same to the second.</summary>
    public string Seconds(string text)
    {
        var whole = Of(text);
        var dot = whole.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? whole : whole.Remove(dot, 7);
    }
}
