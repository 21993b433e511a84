using System.Globalization;
using Microsoft.AspNetCore.Http;
using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>What the query of a list or watch asks, checked as the API server does (ListOptions, meta/v1).</summary>
sealed record ListOptions
{
    /// <summary>The selector over labels and fields, and the namespace.</summary>
    public required ObjectSelector Selector { get; init; }
    public required bool IsWatch { get; init; }
    public required string? ResourceVersion { get; init; }
    public required bool IsExact { get; init; }
    public required bool SendsInitialEvents { get; init; }
    public required bool AllowsBookmarks { get; init; }
    public required long Limit { get; init; }
    public required ContinueToken? Continue { get; init; }
    public required TimeSpan? Timeout { get; init; }

    /// <exception cref="KubeApiException">An option is malformed, or they contradict each other.</exception>
    public static ListOptions Read(HttpRequest request, ServedResource resource, string? @namespace, bool isWatch)
    {
        var query = request.Query;
        string? Text(string name) => query.TryGetValue(name, out var values) && values.ToString() is { Length: > 0 } text ? text : null;
        bool Flag(string name) => Text(name) is { } text && text is not ("0" or "false" or "False" or "f" or "F" or "FALSE");
        long? Number(string name) => Text(name) is not { } text ? null
            : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
            : throw KubeApiException.BadRequest($"strconv.ParseInt: parsing \"{text}\": invalid syntax (in {name})");

        isWatch |= Flag("watch");
        var version = Text("resourceVersion");
        var match = Text("resourceVersionMatch");
        var initial = Text("sendInitialEvents") is { } ? Flag("sendInitialEvents") : (bool?)null;
        var token = isWatch ? null : Text("continue");
        if (isWatch)
        {
            if (initial is null && match is not null)
                throw KubeApiException.Invalid("resourceVersionMatch", "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
            if (initial is not null && match != "NotOlderThan")
                throw KubeApiException.Invalid("resourceVersionMatch", match is null ? "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan" : $"Unsupported value: \"{match}\": supported values: \"NotOlderThan\"");
        }
        else
        {
            if (initial is not null)
                throw KubeApiException.Invalid("sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for list");
            if (match is not null && version is null)
                throw KubeApiException.Invalid("resourceVersionMatch", token is null ? "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided" : "Forbidden: resourceVersionMatch is forbidden when continue is provided");
            if (match is not (null or "Exact" or "NotOlderThan"))
                throw KubeApiException.Invalid("resourceVersionMatch", $"Unsupported value: \"{match}\": supported values: \"Exact\", \"NotOlderThan\"");
            if (match == "Exact" && version == "0")
                throw KubeApiException.Invalid("resourceVersionMatch", "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
            if (token is not null && version is not (null or "0"))
                throw KubeApiException.BadRequest("specifying resource version is not allowed when using continue");
        }
        if (version is not null && !Core.Kubernetes.ResourceVersion.IsComparable(version))
        {
            var message = $"resourceVersion: Invalid value: \"{version}\": strconv.ParseUint: parsing \"{version}\": invalid syntax";
            // The API server says 500 to a watch, which recorded answers show.
            throw isWatch ? new KubeApiException(StatusCodes.Status500InternalServerError, null, message) : KubeApiException.BadRequest(message);
        }
        LabelSelector labels;
        try
        {
            labels = LabelSelector.Parse(query["labelSelector"].ToString());
        }
        catch (FormatException exception)
        {
            throw KubeApiException.BadRequest(exception.Message);
        }
        var fields = FieldSelector.Parse(query["fieldSelector"].ToString(), resource);
        return new ListOptions
        {
            Selector = new ObjectSelector(@namespace ?? (resource.Type.Namespaced ? fields.Namespace : null), labels, fields),
            IsWatch = isWatch,
            ResourceVersion = version == "0" ? null : version,
            IsExact = match == "Exact",
            SendsInitialEvents = initial == true,
            AllowsBookmarks = Flag("allowWatchBookmarks"),
            Limit = Number("limit") is > 0 and var limit ? limit : long.MaxValue,
            Continue = token is null ? null : ContinueToken.Parse(token),
            Timeout = Number("timeoutSeconds") is > 0 and var seconds ? TimeSpan.FromSeconds(Math.Min(seconds, 86_400)) : null,
        };
    }
}
