using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Storage;

namespace Replicator.Server.Questions;

/// <summary><c>GET /api/v1/clusters/{cluster}/objects/{resource}[/{namespace}]/{name}?at=</c>: an object as it was, by whatever people call its type.</summary>
sealed class ObjectEndpoint(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    static readonly string[] Parameters = ["at"];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/clusters/{cluster}/objects/{resource}/{name}", (HttpContext context, string cluster, string resource, string name) => HandleAsync(context, cluster, resource, null, name))
            .Describe("GetClusterScopedObject", "Gives an object as it was without a namespace (or of the namespace default).", OpenApiDescriptions.At, typeof(System.Text.Json.JsonElement));
        routes.MapGet("/api/v1/clusters/{cluster}/objects/{resource}/{namespace}/{name}", (HttpContext context, string cluster, string resource, string @namespace, string name) => HandleAsync(context, cluster, resource, @namespace, name))
            .Describe("GetObject", "Gives an object as it was of a namespace.", OpenApiDescriptions.At, typeof(System.Text.Json.JsonElement));
    }

    async Task HandleAsync(HttpContext context, string cluster, string resource, string? @namespace, string name)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, Parameters).ConfigureAwait(false) is not { } request
            || await request.FindObjectAsync(resource, @namespace).ConfigureAwait(false) is not var (type, scope))
            return;
        var cut = request.Moment("at", Cut.Now);
        if (await snapshots.GetAsync(cluster, type.GroupResource, scope, name, cut, context.RequestAborted).ConfigureAwait(false) is not { } held)
        {
            await request.NoObjectAsync(type, scope, name, QuestionRequest.Show(cut)).ConfigureAwait(false);
            return;
        }
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(held.State, context.RequestAborted).ConfigureAwait(false);
    }
}
