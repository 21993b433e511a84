using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Replicator.Server;

/// <summary>What <c>/openapi/v1.json</c> says of the endpoints beyond what their signatures do. The Kubernetes-shaped API is not part of it: its description is Kubernetes' own.</summary>
public static class OpenApiDescriptions
{
    const string InstantForms = "an RFC 3339 time, a relative time (-15m, -2h, -3d), rv:N (a resource version) or now";

    static readonly QueryParameter Objects = new("objects", JsonSchemaType.Boolean, "Adds the object as it was then.");

    static readonly QueryParameter Instant = new("at", JsonSchemaType.String, $"As of when; now where it is left out: {InstantForms}.");

    static readonly QueryParameter Namespace = new("namespace", JsonSchemaType.String, "Only this namespace.");

    static readonly QueryParameter Selector = new("labelSelector", JsonSchemaType.String, "Only objects with these labels, such as app=web,tier!=cache.");

    static readonly QueryParameter Types = new("resource", JsonSchemaType.String, "Only these types: kinds, plurals, short names or plural.group, with commas between; may be repeated.");

    static readonly QueryParameter Noise = new("noise", JsonSchemaType.Boolean, "Shows heartbeats, resource versions and managedFields too.");

    static readonly Dictionary<string, string> PathParameters = new()
    {
        ["cluster"] = "The cluster's id.",
        ["resource"] = "A kind, a plural, a short name or plural.group, such as Pod, pods, po or deployments.apps.",
        ["namespace"] = "The object's namespace.",
        ["name"] = "The object's name.",
        ["instant"] = $"The instant: {InstantForms}.",
    };

    /// <summary>Adds the document. <see cref="ReplicatorApi.MapReplicatorApi"/> serves it.</summary>
    public static IServiceCollection AddReplicatorOpenApi(this IServiceCollection services) => services
        // No endpoint takes a body, so nothing reads numbers from strings, and the document need not say that it could.
        .ConfigureHttpJsonOptions(json => json.SerializerOptions.NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.Strict)
        .AddOpenApi("v1", options => options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo { Title = "Replicator", Version = "v1", Description = "Records every change of every object of Kubernetes clusters, and answers what was when. Intervals are half-open: [from, to)." };
            return Task.CompletedTask;
        }));

    internal static QueryParameter[] Changes { get; } =
    [
        new("from", JsonSchemaType.String, $"Only changes at or behind this instant: {InstantForms}."),
        new("to", JsonSchemaType.String, $"Only changes before this instant: {InstantForms}. rv:N includes the change to N."),
        new("group", JsonSchemaType.String, "Only this API group; empty for the core group."),
        new("resource", JsonSchemaType.String, "Only this type, by its plural."),
        new("namespace", JsonSchemaType.String, "Only this namespace."),
        new("name", JsonSchemaType.String, "Only objects of this name."),
        new("after", JsonSchemaType.Integer, "Only changes behind this position; the header Last-Event-ID, where it is sent, comes first."),
        new("limit", JsonSchemaType.Integer, "At most so many changes: 500 by default and 10000 at most in a page, without bound by default in a stream."),
        new("follow", JsonSchemaType.Boolean, "Goes on with what comes; not for a page. Server-sent events always do."),
        Objects,
        new("patches", JsonSchemaType.Boolean, "Adds to each modification the JSON Patch (RFC 6902) from the state before."),
    ];

    internal static QueryParameter[] History { get; } =
    [
        Objects,
        new("changes", JsonSchemaType.Boolean, "Adds field by field what each version changed."),
        Noise,
    ];

    internal static QueryParameter[] At { get; } = [Instant];

    internal static QueryParameter[] Selected { get; } = [Instant, Namespace, Selector];

    internal static QueryParameter[] Images { get; } = [Instant, Namespace, Selector];

    internal static QueryParameter[] Diff { get; } =
    [
        new("from", JsonSchemaType.String, $"The moment to compare with: {InstantForms}. Required."),
        new("to", JsonSchemaType.String, $"The moment that is compared; now where it is left out: {InstantForms}."),
        Types,
        Namespace,
        Selector,
        Noise,
        new("objects", JsonSchemaType.Boolean, "Adds the objects as they were at both moments."),
    ];

    internal static QueryParameter[] Runs { get; } =
    [
        new("digest", JsonSchemaType.String, "The image: sha256:... or its beginning. Required."),
        new("from", JsonSchemaType.String, "Only runs that had not ended by then: an RFC 3339 time or a relative time."),
        new("to", JsonSchemaType.String, "Only runs that had begun by then: an RFC 3339 time or a relative time."),
        Namespace,
    ];

    internal static QueryParameter[] Runtimes { get; } = [new("at", JsonSchemaType.String, "Only what was known by then: an RFC 3339 time or a relative time.")];

    internal static QueryParameter[] Export { get; } = [Instant, Types, Namespace, Selector];

    internal static QueryParameter[] Names { get; } =
    [
        new("resource", JsonSchemaType.String, "The type: a kind, a plural, a short name or plural.group. Required."),
        Namespace,
        new("prefix", JsonSchemaType.String, "Only names that begin so."),
        new("limit", JsonSchemaType.Integer, "At most so many names; 200 where it is left out."),
    ];

    /// <summary>Describes an endpoint.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="name">The operation's id.</param>
    /// <param name="summary">What it does, in a sentence.</param>
    /// <param name="parameters">The query parameters, which the handlers read themselves.</param>
    /// <param name="page">What it answers as JSON; null where it answers lines only.</param>
    /// <param name="line">What each line of a stream holds.</param>
    /// <param name="streams">The media types of streams.</param>
    internal static RouteHandlerBuilder Describe(this RouteHandlerBuilder endpoint, string name, string summary, QueryParameter[] parameters, Type? page, Type? line = null, params string[] streams) =>
        endpoint.WithName(name).WithSummary(summary).AddOpenApiOperationTransformer(async (operation, context, cancellationToken) =>
        {
            operation.Parameters ??= [];
            foreach (var parameter in operation.Parameters.OfType<OpenApiParameter>().Where(parameter => parameter.In == ParameterLocation.Path))
                parameter.Description = PathParameters[parameter.Name!];
            foreach (var (parameter, type, description) in parameters)
                operation.Parameters.Add(new OpenApiParameter { Name = parameter, In = ParameterLocation.Query, Description = description, Schema = new OpenApiSchema { Type = type } });

            async Task<IOpenApiSchema> SchemaAsync(Type type)
            {
                var schema = await context.GetOrCreateSchemaAsync(type, null, cancellationToken).ConfigureAwait(false);
                if (type.Assembly != typeof(OpenApiDescriptions).Assembly && type != typeof(ProblemDetails))
                    return schema;
                // What has a name of its own is described once, and named where it is answered.
                context.Document!.AddComponent(type.Name, schema);
                return new OpenApiSchemaReference(type.Name, context.Document);
            }

            var content = new Dictionary<string, OpenApiMediaType>();
            if (page is not null)
                content["application/json"] = new OpenApiMediaType { Schema = await SchemaAsync(page).ConfigureAwait(false) };
            foreach (var stream in streams)
                content[stream] = new OpenApiMediaType { Schema = await SchemaAsync(line!).ConfigureAwait(false) };
            operation.Responses ??= [];
            operation.Responses["200"] = new OpenApiResponse { Description = "OK", Content = content };
            operation.Responses["default"] = new OpenApiResponse
            {
                Description = "What is wrong, as problem details (RFC 9457).",
                Content = new Dictionary<string, OpenApiMediaType> { ["application/problem+json"] = new() { Schema = await SchemaAsync(typeof(ProblemDetails)).ConfigureAwait(false) } },
            };
        });
}

/// <summary>A query parameter.</summary>
sealed record QueryParameter(string Name, JsonSchemaType Type, string Description);
