using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Core.Time;

namespace Replicator.Server;

/// <summary>Get and list, as JSON, of any instant: the paths below <c>/clusters/{cluster}/as-of/{instant}/</c> are those of the Kubernetes API. Errors are Status objects, as there.</summary>
sealed class AsOfEndpoints(ISnapshotStore snapshots, TimeProvider time)
{
    const string Prefix = "/clusters/{cluster}/as-of/{instant}";

    public void Map(IEndpointRouteBuilder routes)
    {
        foreach (var root in (string[])["/api/{version}", "/apis/{group}/{version}"])
        {
            routes.MapGet($"{Prefix}{root}/{{resource}}", ListAsync);
            routes.MapGet($"{Prefix}{root}/{{resource}}/{{name}}", GetAsync);
            routes.MapGet($"{Prefix}{root}/namespaces/{{namespace}}/{{resource}}", ListAsync);
            routes.MapGet($"{Prefix}{root}/namespaces/{{namespace}}/{{resource}}/{{name}}", GetAsync);
        }
        routes.MapMethods($"{Prefix}/{{**path}}", ["POST", "PUT", "PATCH", "DELETE"], context =>
            WriteStatusAsync(context, StatusCodes.Status405MethodNotAllowed, "MethodNotAllowed", "the past cannot be changed: this API is read-only"));
    }

    async Task ListAsync(HttpContext context)
    {
        if (await ResolveAsync(context).ConfigureAwait(false) is not { } request)
            return;
        var query = context.Request.Query;
        LabelSelector selector;
        try
        {
            selector = query.TryGetValue("labelSelector", out var text) ? LabelSelector.Parse(text.ToString()) : LabelSelector.Everything;
        }
        catch (FormatException exception)
        {
            await WriteStatusAsync(context, StatusCodes.Status400BadRequest, "BadRequest", exception.Message).ConfigureAwait(false);
            return;
        }
        foreach (var unsupported in (string[])["fieldSelector", "continue", "watch"])
        {
            // A silent answer to another question would be worse than none.
            if (query.TryGetValue(unsupported, out var value) && value.ToString() is not ("" or "0" or "false"))
            {
                await WriteStatusAsync(context, StatusCodes.Status400BadRequest, "BadRequest", $"{unsupported} is not supported here yet").ConfigureAwait(false);
                return;
            }
        }
        var objects = snapshots.ListAsync(new ObjectQuery
        {
            Cluster = request.Cluster,
            Type = request.Type.GroupResource,
            Cut = request.Cut,
            Namespace = request.Namespace,
            Selector = selector,
            OwnerUid = query.TryGetValue("ownerUid", out var owner) ? owner.ToString() : null,
        }, context.RequestAborted).GetAsyncEnumerator(context.RequestAborted);
        await using var _ = objects.ConfigureAwait(false);
        var any = await objects.MoveNextAsync().ConfigureAwait(false);
        using var body = new JsonBody(context, "application/json");
        body.Json.WriteStartObject();
        body.Json.WriteString("kind"u8, $"{request.Type.Kind}List");
        body.Json.WriteString("apiVersion"u8, request.Type.ApiVersion);
        body.Json.WriteStartObject("metadata"u8);
        body.Json.WriteString("resourceVersion"u8, request.Cut.Kind == CutKind.ResourceVersion ? request.Cut.Version : request.LastVersion);
        body.Json.WriteEndObject();
        body.Json.WriteStartArray("items"u8);
        for (; any; any = await objects.MoveNextAsync().ConfigureAwait(false))
        {
            body.Json.WriteRawValue(objects.Current.State.Span, skipInputValidation: true);
            await body.FlushAsync(always: false).ConfigureAwait(false);
        }
        body.Json.WriteEndArray();
        body.Json.WriteEndObject();
        await body.FlushAsync(always: true).ConfigureAwait(false);
    }

    async Task GetAsync(HttpContext context)
    {
        if (await ResolveAsync(context).ConfigureAwait(false) is not { } request)
            return;
        var name = (string)context.Request.RouteValues["name"]!;
        if (await snapshots.GetAsync(request.Cluster, request.Type.GroupResource, request.Namespace ?? "", name, request.Cut, context.RequestAborted).ConfigureAwait(false) is not { } found)
        {
            await WriteStatusAsync(context, StatusCodes.Status404NotFound, "NotFound", $"{request.Type.GroupResource} \"{name}\" not found", request.Type, name).ConfigureAwait(false);
            return;
        }
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(found.State, context.RequestAborted).ConfigureAwait(false);
    }

    async ValueTask<Request?> ResolveAsync(HttpContext context)
    {
        var route = context.Request.RouteValues;
        var (cluster, instant) = ((string)route["cluster"]!, (string)route["instant"]!);
        var (group, version, resource) = (route.TryGetValue("group", out var named) ? (string)named! : "", (string)route["version"]!, (string)route["resource"]!);
        Cut cut;
        try
        {
            cut = Instant.Parse(instant, time);
        }
        catch (FormatException exception)
        {
            await WriteStatusAsync(context, StatusCodes.Status400BadRequest, "BadRequest", exception.Message).ConfigureAwait(false);
            return null;
        }
        var types = await snapshots.GetTypesAsync(cluster, context.RequestAborted).ConfigureAwait(false);
        // Objects are kept in the version in which they were observed; converting between versions is the API server's own secret.
        if (types.FirstOrDefault(status => status.Type.Group == group && status.Type.Resource == resource && status.Type.Version == version) is not { } found)
        {
            await WriteStatusAsync(context, StatusCodes.Status404NotFound, "NotFound", types.Count == 0 ? $"nothing was recorded of a cluster '{cluster}'" : "the server could not find the requested resource").ConfigureAwait(false);
            return null;
        }
        return new Request(cluster, cut, found.Type, route.TryGetValue("namespace", out var @namespace) ? (string)@namespace! : null, found.ResourceVersion);
    }

    static async Task WriteStatusAsync(HttpContext context, int code, string reason, string message, ResourceType? type = null, string? name = null)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        using var json = new Utf8JsonWriter(context.Response.BodyWriter, JsonBody.Options);
        json.WriteStartObject();
        json.WriteString("kind"u8, "Status");
        json.WriteString("apiVersion"u8, "v1");
        json.WriteStartObject("metadata"u8);
        json.WriteEndObject();
        json.WriteString("status"u8, "Failure");
        json.WriteString("message"u8, message);
        json.WriteString("reason"u8, reason);
        if (type is not null)
        {
            json.WriteStartObject("details"u8);
            json.WriteString("name"u8, name);
            if (type.Group.Length > 0)
                json.WriteString("group"u8, type.Group);
            json.WriteString("kind"u8, type.Resource);
            json.WriteEndObject();
        }
        json.WriteNumber("code"u8, code);
        json.WriteEndObject();
        json.Flush();
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    sealed record Request(string Cluster, Cut Cut, ResourceType Type, string? Namespace, string LastVersion);
}
