using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Replicator.TestKit.ApiServer;

/// <summary>A request as the server got it; its text is what tests compare.</summary>
public sealed class ApiRequest
{
    ApiRequest(HttpContext context, long number)
    {
        var request = context.Request;
        Number = number;
        Path = request.Path.Value!.TrimStart('/');
        Resource = Path[(Path.LastIndexOf('/') + 1)..];
        Query = request.Query.ToDictionary(pair => pair.Key, pair => pair.Value.ToString(), StringComparer.Ordinal);
        Protocol = request.Protocol;
        Authorization = request.Headers.Authorization.ToString();
        Accept = request.Headers.Accept.ToString();
        CertificateName = context.Connection.ClientCertificate?.Subject;
        Verb = !HttpMethods.IsGet(request.Method) ? request.Method.ToLowerInvariant()
            : Path is "api" or "apis" or "version" || IsDiscovery(Path) ? "get"
            : Query.GetValueOrDefault("watch") is not ("true" or "1") ? "list"
            : Query.GetValueOrDefault("sendInitialEvents") == "true" ? "stream" : "watch";
    }

    public long Number { get; }
    public string Path { get; }
    public string Resource { get; }
    public string Verb { get; }
    public IReadOnlyDictionary<string, string> Query { get; }
    public string Protocol { get; }
    public string Authorization { get; }
    public string Accept { get; }
    public string? CertificateName { get; }

    /// <summary>The status that it was answered with; 0 while it is not.</summary>
    public int Status { get; internal set; }

    public string? ResourceVersion => Query.GetValueOrDefault("resourceVersion");

    public static ApiRequest Read(HttpContext context, long number) => new(context, number);

    /// <summary><c>stream pods</c>, <c>watch pods 17</c>, <c>list pods limit=500 continue=17:shop/web</c>, <c>get apis</c>.</summary>
    public override string ToString()
    {
        if (Verb == "get")
            return $"get {Path}";
        var text = new StringBuilder($"{Verb} {Resource}");
        if (ResourceVersion is { } version)
            text.Append(CultureInfo.InvariantCulture, $" {(Verb == "watch" ? "" : "resourceVersion=")}{version}");
        if (Query.TryGetValue("limit", out var limit))
            text.Append(CultureInfo.InvariantCulture, $" limit={limit}");
        if (Query.TryGetValue("continue", out var token))
            text.Append(CultureInfo.InvariantCulture, $" continue={ContinueToken.Parse(token)}");
        return text.ToString();
    }

    static bool IsDiscovery(string path)
    {
        var parts = path.Split('/');
        return parts[0] == "api" && parts.Length <= 2 || parts[0] == "apis" && parts.Length <= 3;
    }
}

/// <summary>Where a list goes on: the API server's own form.</summary>
sealed record ContinueToken(long Revision, string Start)
{
    public static ContinueToken? Parse(string text)
    {
        try
        {
            var padded = text.Replace('-', '+').Replace('_', '/');
            using var json = JsonDocument.Parse(Convert.FromBase64String(padded.PadRight((padded.Length + 3) / 4 * 4, '=')));
            return new ContinueToken(json.RootElement.GetProperty("rv").GetInt64(), json.RootElement.GetProperty("start").GetString()!.TrimEnd('\0').TrimStart('/'));
        }
        catch (Exception exception) when (exception is FormatException or JsonException or KeyNotFoundException)
        {
            return null;
        }
    }

    public string Encode() => Convert.ToBase64String(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { v = "meta.k8s.io/v1", rv = Revision, start = Start + "\0" }))).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    public override string ToString() => $"{Revision}:{Start}";
}
