using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Questions;
using Replicator.Core.Storage;
using Replicator.Core.Yaml;

namespace Replicator.Server.Questions;

/// <summary><c>GET /api/v1/clusters/{cluster}/export?at=</c>: manifests for <c>kubectl apply</c>, as JSON or, with <c>Accept: application/yaml</c>, as YAML documents; what was left out is counted at the end.</summary>
sealed class ExportEndpoint(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    static readonly string[] Parameters = ["at", "resource", "namespace", "labelSelector"];

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/v1/clusters/{cluster}/export", HandleAsync)
        .Describe("Export", "Gives manifests for kubectl apply of what was there at a moment, as JSON or as YAML documents, as the Accept header asks.", OpenApiDescriptions.Export, typeof(ExportAnswer), typeof(string), "application/yaml");

    async Task HandleAsync(HttpContext context, string cluster)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, Parameters).ConfigureAwait(false) is not { } request)
            return;
        var cut = request.Moment("at", Cut.Now);
        var query = new ManifestExportQuery { Cluster = cluster, Cut = cut, Types = await request.TypesAsync().ConfigureAwait(false), Namespace = request.Namespace, Selector = request.Selector };
        var export = new ManifestExport(snapshots, query);
        var warnings = await RecordDoubts.FindAsync(snapshots, cluster, query.Types, cut, context.RequestAborted).ConfigureAwait(false);
        var manifests = export.ReadAsync(context.RequestAborted).GetAsyncEnumerator(context.RequestAborted);
        await using var _ = manifests.ConfigureAwait(false);
        var any = await manifests.MoveNextAsync().ConfigureAwait(false);
        var isYaml = context.Request.Headers.Accept.ToString().Contains("yaml", StringComparison.OrdinalIgnoreCase);
        using var body = new JsonBody(context, isYaml ? "application/yaml; charset=utf-8" : "application/json");
        if (isYaml)
        {
            for (; any; any = await manifests.MoveNextAsync().ConfigureAwait(false))
            {
                body.Raw("---\n"u8);
                body.Raw(Encoding.UTF8.GetBytes(KubernetesYaml.Write(manifests.Current.Span)));
                await body.FlushAsync(always: false).ConfigureAwait(false);
            }
            foreach (var note in warnings.Concat(export.Omitted.Select(omitted => string.Create(CultureInfo.InvariantCulture, $"left out {omitted.Value}: {omitted.Key}"))))
                body.Raw(Encoding.UTF8.GetBytes($"# {note}\n"));
        }
        else
        {
            body.Json.WriteStartObject();
            body.Json.WriteString("cluster"u8, cluster);
            body.Json.WriteString("at"u8, QuestionRequest.Show(cut));
            QuestionJson.WriteStrings(body.Json, "warnings"u8, warnings);
            body.Json.WriteStartArray("items"u8);
            for (; any; any = await manifests.MoveNextAsync().ConfigureAwait(false))
            {
                body.Json.WriteRawValue(manifests.Current.Span, skipInputValidation: true);
                await body.FlushAsync(always: false).ConfigureAwait(false);
            }
            body.Json.WriteEndArray();
            body.Json.WriteStartArray("omitted"u8);
            foreach (var (reason, count) in export.Omitted)
            {
                body.Json.WriteStartObject();
                body.Json.WriteString("reason"u8, reason);
                body.Json.WriteNumber("count"u8, count);
                body.Json.WriteEndObject();
            }
            body.Json.WriteEndArray();
            body.Json.WriteEndObject();
        }
        await body.FlushAsync(always: true).ConfigureAwait(false);
    }
}
