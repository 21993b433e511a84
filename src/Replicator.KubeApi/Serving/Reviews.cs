using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Replicator.KubeApi;

/// <summary>What a client may do, asked by himself (<c>kubectl auth can-i</c>, <c>kubectl auth whoami</c>): to read, and nothing else.</summary>
static class Reviews
{
    const int MaxBody = 64 * 1024;

    public static Func<HttpContext, Task>? Find(string[] path) => path switch
    {
        ["apis", "authorization.k8s.io", "v1" or "v1beta1", "selfsubjectaccessreviews"] => AccessAsync,
        ["apis", "authorization.k8s.io", "v1" or "v1beta1", "selfsubjectrulesreviews"] => RulesAsync,
        ["apis", "authentication.k8s.io", "v1" or "v1beta1" or "v1alpha1", "selfsubjectreviews"] => SubjectAsync,
        _ => null,
    };

    static async Task AccessAsync(HttpContext context)
    {
        var review = await ReadAsync(context).ConfigureAwait(false);
        var attributes = review["spec"]?["resourceAttributes"] as JsonObject;
        var verb = (attributes ?? review["spec"]?["nonResourceAttributes"] as JsonObject)?["verb"]?.GetValue<string>() ?? "";
        var subresource = attributes?["subresource"]?.GetValue<string>() ?? "";
        var allowed = subresource is "" or "status" && verb is "get" or "list" or "watch";
        review["status"] = new JsonObject { ["allowed"] = allowed, ["reason"] = allowed ? "the record may be read" : "the past can be read and not changed" };
        await WriteAsync(context, review).ConfigureAwait(false);
    }

    static async Task RulesAsync(HttpContext context)
    {
        var review = await ReadAsync(context).ConfigureAwait(false);
        review["status"] = new JsonObject
        {
            ["resourceRules"] = new JsonArray(new JsonObject { ["verbs"] = new JsonArray("get", "list", "watch"), ["apiGroups"] = new JsonArray("*"), ["resources"] = new JsonArray("*") }),
            ["nonResourceRules"] = new JsonArray(new JsonObject { ["verbs"] = new JsonArray("get"), ["nonResourceURLs"] = new JsonArray("*") }),
            ["incomplete"] = false,
        };
        await WriteAsync(context, review).ConfigureAwait(false);
    }

    static async Task SubjectAsync(HttpContext context)
    {
        var review = await ReadAsync(context).ConfigureAwait(false);
        var user = context.User.Identity is { IsAuthenticated: true, Name: { } name } ? (name, "system:authenticated") : ("system:anonymous", "system:unauthenticated");
        review["status"] = new JsonObject { ["userInfo"] = new JsonObject { ["username"] = user.Item1, ["groups"] = new JsonArray(user.Item2) } };
        await WriteAsync(context, review).ConfigureAwait(false);
    }

    static async ValueTask<JsonObject> ReadAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        var buffer = new byte[4096];
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted).ConfigureAwait(false)) > 0)
        {
            body.Write(buffer, 0, read);
            if (body.Length > MaxBody)
                throw new KubeApiException(StatusCodes.Status413PayloadTooLarge, "RequestEntityTooLarge", $"the review is larger than {MaxBody} bytes");
        }
        if (context.Request.ContentType is { Length: > 0 } type && !type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase))
            throw new KubeApiException(StatusCodes.Status415UnsupportedMediaType, "UnsupportedMediaType", $"the body of the request was in an unknown format ({type}) - accepted media types include: application/json");
        try
        {
            return JsonNode.Parse(body.ToArray()) as JsonObject ?? throw KubeApiException.BadRequest("the review is no JSON object");
        }
        catch (JsonException exception)
        {
            throw KubeApiException.BadRequest($"the review is not JSON: {exception.Message}");
        }
    }

    static async Task WriteAsync(HttpContext context, JsonObject review)
    {
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(review), context.RequestAborted).ConfigureAwait(false);
    }
}
