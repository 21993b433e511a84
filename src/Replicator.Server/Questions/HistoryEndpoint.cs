using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Events;
using Replicator.Core.Questions;
using Replicator.Core.Storage;

namespace Replicator.Server.Questions;

/// <summary>Every version of an object, over deletions and re-creations, with who wrote it and what it changed.</summary>
sealed class HistoryEndpoint(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    static readonly string[] Parameters = ["objects", "changes", "noise"];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/clusters/{cluster}/history/{resource}/{name}", (HttpContext context, string cluster, string resource, string name) => HandleAsync(context, cluster, resource, null, name))
            .Describe("GetClusterScopedHistory", "Lists every version that an object without a namespace (or of the namespace default) ever had, over deletions and re-creations.", OpenApiDescriptions.History, typeof(HistoryPage), typeof(HistoryVersion), "application/x-ndjson");
        routes.MapGet("/api/v1/clusters/{cluster}/history/{resource}/{namespace}/{name}", (HttpContext context, string cluster, string resource, string @namespace, string name) => HandleAsync(context, cluster, resource, @namespace, name))
            .Describe("GetHistory", "Lists every version that an object of a namespace ever had, over deletions and re-creations.", OpenApiDescriptions.History, typeof(HistoryPage), typeof(HistoryVersion), "application/x-ndjson");
    }

    async Task HandleAsync(HttpContext context, string cluster, string resource, string? @namespace, string name)
    {
        var cancellationToken = context.RequestAborted;
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, Parameters).ConfigureAwait(false) is not { } request
            || await request.FindObjectAsync(resource, @namespace).ConfigureAwait(false) is not var (type, scope))
            return;
        var (objects, changes) = (request.Flag("objects"), request.Flag("changes"));
        var asLines = context.Request.Headers.Accept.ToString().Contains("application/x-ndjson", StringComparison.OrdinalIgnoreCase);
        var versions = ObjectHistory.ReadAsync(snapshots, cluster, type.GroupResource, scope, name, request.Flag("noise"), cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using var _ = versions.ConfigureAwait(false);
        if (!await versions.MoveNextAsync().ConfigureAwait(false))
        {
            await request.NoObjectAsync(type, scope, name, null).ConfigureAwait(false);
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
            Write(body.Json, versions.Current, objects, changes);
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

    static void Write(Utf8JsonWriter json, HistoryEntry entry, bool objects, bool changes)
    {
        var version = entry.Version;
        json.WriteStartObject();
        json.WriteNumber("position"u8, version.Position);
        json.WriteString("type"u8, EventNames.Of(version.Event));
        QuestionJson.WriteType(json, version.Type, version.Object.Namespace, version.Object.Name);
        json.WriteString("uid"u8, version.Object.Uid);
        json.WriteString("resourceVersion"u8, version.ResourceVersion);
        json.WriteString("from"u8, Times.Text(version.From));
        if (version.To is { } to)
            json.WriteString("to"u8, Times.Text(to));
        json.WriteString("provenance"u8, EventNames.Of(version.Provenance));
        QuestionJson.WriteStrings(json, "managers"u8, entry.Managers);
        json.WriteString("summary"u8, entry.Summary);
        if (changes)
        {
            QuestionJson.WriteChanges(json, "changes"u8, entry.Changes);
            json.WriteNumber("hidden"u8, entry.Hidden);
        }
        if (objects && !version.State.IsEmpty)
        {
            json.WritePropertyName("object"u8);
            json.WriteRawValue(version.State.Span, skipInputValidation: true);
        }
        json.WriteEndObject();
    }
}
