using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Events;
using Replicator.Core.Questions;
using Replicator.Core.Storage;

namespace Replicator.Server.Questions;

/// <summary><c>GET /api/v1/clusters/{cluster}/blame/{resource}[/{namespace}]/{name}?at=</c>: for each field of an object, which version last set it, when, and who manages it.</summary>
sealed class BlameEndpoint(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    static readonly string[] Parameters = ["at"];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/clusters/{cluster}/blame/{resource}/{name}", (HttpContext context, string cluster, string resource, string name) => HandleAsync(context, cluster, resource, null, name))
            .Describe("GetClusterScopedBlame", "Says for each field of an object without a namespace (or of the namespace default) which version last set it, when, and who manages it.", OpenApiDescriptions.At, typeof(BlameAnswer));
        routes.MapGet("/api/v1/clusters/{cluster}/blame/{resource}/{namespace}/{name}", (HttpContext context, string cluster, string resource, string @namespace, string name) => HandleAsync(context, cluster, resource, @namespace, name))
            .Describe("GetBlame", "Says for each field of an object of a namespace which version last set it, when, and who manages it.", OpenApiDescriptions.At, typeof(BlameAnswer));
    }

    async Task HandleAsync(HttpContext context, string cluster, string resource, string? @namespace, string name)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, Parameters).ConfigureAwait(false) is not { } request
            || await request.FindObjectAsync(resource, @namespace).ConfigureAwait(false) is not var (type, scope))
            return;
        var cut = request.Moment("at", Cut.Now);
        if (await ObjectBlame.ReadAsync(snapshots, cluster, type.GroupResource, scope, name, cut, context.RequestAborted).ConfigureAwait(false) is not { } blame)
        {
            await request.NoObjectAsync(type, scope, name, QuestionRequest.Show(cut)).ConfigureAwait(false);
            return;
        }
        var warnings = await RecordDoubts.FindAsync(snapshots, cluster, [type.GroupResource], cut, context.RequestAborted).ConfigureAwait(false);
        using var body = new JsonBody(context, "application/json");
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("cluster"u8, cluster);
        json.WriteString("at"u8, QuestionRequest.Show(cut));
        QuestionJson.WriteStrings(json, "warnings"u8, warnings);
        QuestionJson.WriteType(json, blame.Version.Type, scope, name);
        json.WriteString("uid"u8, blame.Version.Object.Uid);
        json.WriteString("resourceVersion"u8, blame.Version.ResourceVersion);
        json.WriteStartArray("fields"u8);
        foreach (var field in blame.Fields)
        {
            json.WriteStartObject();
            json.WriteString("path"u8, field.Address.ToString());
            QuestionJson.Raw(json, "value"u8, field.Value);
            WriteSetter(json, field);
            json.WriteEndObject();
            await body.FlushAsync(always: false).ConfigureAwait(false);
        }
        json.WriteEndArray();
        json.WriteStartArray("lines"u8);
        foreach (var line in blame.Lines)
        {
            json.WriteStartObject();
            json.WriteString("text"u8, line.Text);
            if (line.Field is { } field)
                WriteSetter(json, field);
            json.WriteEndObject();
            await body.FlushAsync(always: false).ConfigureAwait(false);
        }
        json.WriteEndArray();
        json.WriteEndObject();
        await body.FlushAsync(always: true).ConfigureAwait(false);
    }

    static void WriteSetter(System.Text.Json.Utf8JsonWriter json, BlamedField field)
    {
        QuestionJson.WriteStrings(json, "managers"u8, field.Managers.Select(manager => manager.ToString()));
        json.WriteString("resourceVersion"u8, field.Version.ResourceVersion);
        json.WriteString(field.IsBefore ? "before"u8 : "time"u8, Times.Text(field.Version.From));
        json.WriteString("provenance"u8, EventNames.Of(field.Version.Provenance));
    }
}
