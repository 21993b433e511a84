using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Replicator.KubeApi;

/// <summary>What a client may do, asked by himself (<c>kubectl auth can-i</c>, <c>kubectl auth whoami</c>): to read what whoever guards the API lets him, and nothing else.</summary>
static class Reviews
{
    const int MaxBody = 64 * 1024;
    const int ConcurrentQuestions = 8;
    const string Allowed = "the record may be read";

    static readonly string[] Verbs = ["get", "list", "watch"];
    static readonly string[] Paths = ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"];

    public static Func<HttpContext, IObjectSource, IReadAuthorizer?, Task>? Find(string[] path) => path switch
    {
        ["apis", "authorization.k8s.io", "v1" or "v1beta1", "selfsubjectaccessreviews"] => AccessAsync,
        ["apis", "authorization.k8s.io", "v1" or "v1beta1", "selfsubjectrulesreviews"] => RulesAsync,
        ["apis", "authentication.k8s.io", "v1" or "v1beta1" or "v1alpha1", "selfsubjectreviews"] => SubjectAsync,
        _ => null,
    };

    static async Task AccessAsync(HttpContext context, IObjectSource source, IReadAuthorizer? guard)
    {
        var review = await ReadAsync(context).ConfigureAwait(false);
        var attributes = review["spec"]?["resourceAttributes"] as JsonObject;
        var path = review["spec"]?["nonResourceAttributes"] as JsonObject;
        string Text(string name) => (attributes ?? path)?[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
        var question = new ReadQuestion
        {
            Verb = Text("verb"),
            Group = Text("group"),
            Version = Text("version") is var version and not "*" ? version : "",
            Resource = Text("resource"),
            Subresource = Text("subresource"),
            Namespace = Text("namespace"),
            Name = Text("name"),
            Path = Text("path"),
        };
        var verdict = question.Subresource is not ("" or "status") || !Verbs.Contains(question.Verb) ? new ReadVerdict(false, source.Refusal)
            : guard is null ? new ReadVerdict(true, Allowed)
            : await guard.MayAsync(question, context.RequestAborted).ConfigureAwait(false);
        review["status"] = new JsonObject { ["allowed"] = verdict.Allowed, ["reason"] = verdict.Reason ?? (verdict.Allowed ? Allowed : "") };
        await WriteAsync(context, review).ConfigureAwait(false);
    }

    static async Task RulesAsync(HttpContext context, IObjectSource source, IReadAuthorizer? guard)
    {
        var review = await ReadAsync(context).ConfigureAwait(false);
        var @namespace = review["spec"]?["namespace"]?.GetValue<string>() ?? "";
        var status = review["status"] = new JsonObject { ["incomplete"] = false };
        if (guard is null || await MayAllAsync(guard, new ReadQuestion { Verb = "", Group = "*", Resource = "*", Namespace = @namespace }, context.RequestAborted).ConfigureAwait(false))
        {
            status["resourceRules"] = new JsonArray(Rule(Verbs, "*", "*"));
            status["nonResourceRules"] = new JsonArray(PathRule("*"));
        }
        else
        {
            await AskAsync(status.AsObject(), source, guard, @namespace, context.RequestAborted).ConfigureAwait(false);
        }
        await WriteAsync(context, review).ConfigureAwait(false);
    }

    /// <summary>Clusters say of a right whether somebody has it, and not which he has: each is asked for.</summary>
    static async Task AskAsync(JsonObject status, IObjectSource source, IReadAuthorizer guard, string @namespace, CancellationToken cancellationToken)
    {
        var types = (await source.GetResourcesAsync(cancellationToken).ConfigureAwait(false)).All.Select(resource => resource.Type).DistinctBy(type => type.GroupResource)
            .OrderBy(type => type.Group, StringComparer.Ordinal).ThenBy(type => type.Resource, StringComparer.Ordinal).ToList();
        var questions = types.SelectMany(type => Verbs.Select(verb => new ReadQuestion { Verb = verb, Group = type.Group, Version = type.Version, Resource = type.Resource, Namespace = type.Namespaced ? @namespace : "" }))
            .Concat(Paths.Select(path => new ReadQuestion { Verb = "get", Path = path })).ToList();
        var allowed = new bool[questions.Count];
        await Parallel.ForAsync(0, questions.Count, new ParallelOptions { MaxDegreeOfParallelism = ConcurrentQuestions, CancellationToken = cancellationToken },
            async (index, token) => allowed[index] = (await guard.MayAsync(questions[index], token).ConfigureAwait(false)).Allowed).ConfigureAwait(false);
        var granted = questions.Where((_, index) => allowed[index]).ToList();
        status["resourceRules"] = new JsonArray([.. granted.Where(question => question.Path.Length == 0).GroupBy(question => (question.Group, question.Resource)).Select(rights => (JsonNode)Rule(rights.Select(right => right.Verb), rights.Key.Group, rights.Key.Resource))]);
        status["nonResourceRules"] = new JsonArray([.. granted.Where(question => question.Path.Length > 0).Select(question => (JsonNode)PathRule(question.Path))]);
        status["incomplete"] = true;
        status["evaluationError"] = "rights to single objects by their names are not listed";
    }

    static async ValueTask<bool> MayAllAsync(IReadAuthorizer guard, ReadQuestion question, CancellationToken cancellationToken)
    {
        foreach (var verb in Verbs)
        {
            if (!(await guard.MayAsync(question with { Verb = verb }, cancellationToken).ConfigureAwait(false)).Allowed)
                return false;
        }
        return true;
    }

    static JsonObject Rule(IEnumerable<string> verbs, string group, string resource) => new() { ["verbs"] = new JsonArray([.. verbs.Select(verb => (JsonNode)verb)]), ["apiGroups"] = new JsonArray(group), ["resources"] = new JsonArray(resource) };

    static JsonObject PathRule(string path) => new() { ["verbs"] = new JsonArray("get"), ["nonResourceURLs"] = new JsonArray(path) };

    static async Task SubjectAsync(HttpContext context, IObjectSource source, IReadAuthorizer? guard)
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
        var type = context.Request.ContentType ?? "";
        if (type.StartsWith(ProtobufReview.MediaType, StringComparison.OrdinalIgnoreCase))
            return ProtobufReview.Read(body.ToArray());
        if (type.Length > 0 && !type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase))
            throw new KubeApiException(StatusCodes.Status415UnsupportedMediaType, "UnsupportedMediaType", $"the body of the request was in an unknown format ({type}) - accepted media types include: application/json, {ProtobufReview.MediaType}");
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
