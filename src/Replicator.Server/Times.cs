using System.Globalization;

namespace Replicator.Server;

/// <summary>Times as the API writes them: RFC 3339 in UTC with microseconds.</summary>
static class Times
{
    public static string Text(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
