using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Server;

/// <summary>Every version of an object, over deletions and re-creations.</summary>
sealed class HistoryEndpoint(IEventStore events, ISnapshotStore snapshots)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/clusters/{cluster}/history/{resource}/{name}", (HttpContext context, string cluster, string resource, string name) => HandleAsync(context, cluster, resource, "", name));
        routes.MapGet("/api/v1/clusters/{cluster}/history/{resource}/{namespace}/{name}", (HttpContext context, string cluster, string resource, string @namespace, string name) => HandleAsync(context, cluster, resource, @namespace, name));
    }

    async Task HandleAsync(HttpContext context, string cluster, string resource, string @namespace, string name)
    {
        var cancellationToken = context.RequestAborted;
        var types = await snapshots.GetTypesAsync(cluster, cancellationToken).ConfigureAwait(false);
        if (types.Count == 0)
        {
            await Problems.NotFoundAsync(context, $"Nothing was recorded of a cluster '{cluster}'.").ConfigureAwait(false);
            return;
        }
        if ((TypeNames.Find(types, resource) ?? await FindByShortNameAsync(types, cluster, resource, cancellationToken).ConfigureAwait(false)) is not { } type)
        {
            await Problems.NotFoundAsync(context, $"Cluster '{cluster}' has no recorded type '{resource}': write a kind, a plural, a short name or plural.group, such as Pod, pods, po or deployments.apps.").ConfigureAwait(false);
            return;
        }
        var objects = context.Request.Query["objects"].ToString() is "true" or "1";
        var asLines = context.Request.Headers.Accept.ToString().Contains("application/x-ndjson", StringComparison.OrdinalIgnoreCase);
        var versions = snapshots.GetHistoryAsync(cluster, type.GroupResource, @namespace, name, objects, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using var _ = versions.ConfigureAwait(false);
        if (!await versions.MoveNextAsync().ConfigureAwait(false))
        {
            await Problems.NotFoundAsync(context, $"Cluster '{cluster}' has never had {type.GroupResource} '{(@namespace.Length == 0 ? name : $"{@namespace}/{name}")}' since recording began.").ConfigureAwait(false);
            return;
        }
        using var body = new JsonBody(context, asLines ? "application/x-ndjson" : "application/json");
        if (!asLines)
        {
            body.Json.WriteStartObject();
            body.Json.WriteStartArray("items"u8);
        }
        do
        {
            Write(body.Json, versions.Current);
            if (asLines)
                body.Raw("\n"u8);
            await body.FlushAsync(always: false).ConfigureAwait(false);
        }
        while (await versions.MoveNextAsync().ConfigureAwait(false));
        if (!asLines)
        {
            body.Json.WriteEndArray();
            body.Json.WriteEndObject();
        }
        await body.FlushAsync(always: true).ConfigureAwait(false);
    }

    async ValueTask<ResourceType?> FindByShortNameAsync(IReadOnlyList<TypeStatus> types, string cluster, string name, CancellationToken cancellationToken) =>
        await ShortNames.FindAsync(events, cluster, name, cancellationToken).ConfigureAwait(false) is { } found ? types.FirstOrDefault(status => status.Type.GroupResource == found)?.Type : null;

    static void Write(Utf8JsonWriter json, StoredVersion version)
    {
        json.WriteStartObject();
        json.WriteNumber("position"u8, version.Position);
        json.WriteString("type"u8, EventNames.Of(version.Event));
        json.WriteString("group"u8, version.Type.Group);
        json.WriteString("version"u8, version.Type.Version);
        json.WriteString("resource"u8, version.Type.Resource);
        json.WriteString("kind"u8, version.Type.Kind);
        json.WriteString("namespace"u8, version.Object.Namespace);
        json.WriteString("name"u8, version.Object.Name);
        json.WriteString("uid"u8, version.Object.Uid);
        json.WriteString("resourceVersion"u8, version.ResourceVersion);
        json.WriteString("from"u8, Times.Text(version.From));
        if (version.To is { } to)
            json.WriteString("to"u8, Times.Text(to));
        json.WriteString("provenance"u8, EventNames.Of(version.Provenance));
        if (!version.State.IsEmpty)
        {
            json.WritePropertyName("object"u8);
            json.WriteRawValue(version.State.Span, skipInputValidation: true);
        }
        json.WriteEndObject();
    }
}
