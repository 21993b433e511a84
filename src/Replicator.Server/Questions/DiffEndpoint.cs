using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Questions;
using Replicator.Core.Storage;

namespace Replicator.Server.Questions;

/// <summary><c>GET /api/v1/clusters/{cluster}/diff?from=&amp;to=</c>: what differs between two moments, as JSON or, with <c>Accept: text/x-diff</c>, as unified diffs of YAML.</summary>
sealed class DiffEndpoint(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    const int TextsAhead = 32;

    static readonly string[] Parameters = ["from", "to", "resource", "namespace", "labelSelector", "noise", "objects"];

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/v1/clusters/{cluster}/diff", HandleAsync)
        .Describe("Diff", "Shows what differs between two moments, object by object and field by field; or as unified diffs, as the Accept header asks.", OpenApiDescriptions.Diff, typeof(DiffAnswer), typeof(string), "text/x-diff");

    async Task HandleAsync(HttpContext context, string cluster)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, Parameters).ConfigureAwait(false) is not { } request)
            return;
        if (request.Text("from") is null)
            throw new FormatException("from is missing: it names the moment to compare with, such as from=-1h.");
        var query = new ClusterDiffQuery
        {
            Cluster = cluster,
            From = request.Moment("from", Cut.Now),
            To = request.Moment("to", Cut.Now),
            Types = await request.TypesAsync().ConfigureAwait(false),
            Namespace = request.Namespace,
            Selector = request.Selector,
            Noise = request.Flag("noise"),
        };
        if (context.Request.Headers.Accept.ToString().Contains("text/x-diff", StringComparison.OrdinalIgnoreCase))
            await WriteTextAsync(context, query).ConfigureAwait(false);
        else
            await WriteJsonAsync(context, query, request.Flag("objects")).ConfigureAwait(false);
    }

    async Task WriteTextAsync(HttpContext context, ClusterDiffQuery query)
    {
        var diff = new ClusterDiff(snapshots, query);
        var (from, to) = (QuestionRequest.Show(query.From), QuestionRequest.Show(query.To));
        using var body = new JsonBody(context, "text/x-diff; charset=utf-8");
        // Two texts and their comparison cost many times what reading the objects does: while one waits to be sent, the next are made.
        var texts = new Queue<Task<byte[]>>();
        await foreach (var difference in diff.ReadAsync(context.RequestAborted).ConfigureAwait(false))
        {
            var kept = difference with { Object = difference.Object with { Before = Keep(difference.Object.Before), After = Keep(difference.Object.After) } };
            texts.Enqueue(Task.Run(() => Encoding.UTF8.GetBytes(DifferenceText.Unified(kept, from, to, query.Noise)), context.RequestAborted));
            if (texts.Count >= TextsAhead)
                await WriteAsync(texts.Dequeue()).ConfigureAwait(false);
        }
        while (texts.TryDequeue(out var text))
            await WriteAsync(text).ConfigureAwait(false);
        await body.FlushAsync(always: true).ConfigureAwait(false);

        async ValueTask WriteAsync(Task<byte[]> text)
        {
            body.Raw(await text.ConfigureAwait(false));
            await body.FlushAsync(always: false).ConfigureAwait(false);
        }

        // Its bytes are valid until the next difference is read.
        static StoredObject? Keep(StoredObject? held) => held is { } one ? one with { State = one.State.ToArray() } : null;
    }

    async Task WriteJsonAsync(HttpContext context, ClusterDiffQuery query, bool objects)
    {
        var cancellationToken = context.RequestAborted;
        List<string> warnings = [.. await RecordDoubts.FindAsync(snapshots, query.Cluster, query.Types, query.From, cancellationToken).ConfigureAwait(false), .. await RecordDoubts.FindAsync(snapshots, query.Cluster, query.Types, query.To, cancellationToken).ConfigureAwait(false)];
        var diff = new ClusterDiff(snapshots, query);
        var differences = diff.ReadAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using var _ = differences.ConfigureAwait(false);
        // The first read happens before the answer begins, so that a store that is away is a 503 and not half an answer.
        var any = await differences.MoveNextAsync().ConfigureAwait(false);
        using var body = new JsonBody(context, "application/json");
        var json = body.Json;
        json.WriteStartObject();
        json.WriteString("cluster"u8, query.Cluster);
        json.WriteString("from"u8, QuestionRequest.Show(query.From));
        json.WriteString("to"u8, QuestionRequest.Show(query.To));
        QuestionJson.WriteStrings(json, "warnings"u8, warnings.Distinct());
        json.WriteStartArray("items"u8);
        for (; any; any = await differences.MoveNextAsync().ConfigureAwait(false))
        {
            var (changed, change, fields) = differences.Current;
            json.WriteStartObject();
            json.WriteString("change"u8, QuestionJson.Word(change));
            QuestionJson.WriteType(json, changed.Type, changed.Namespace, changed.Name);
            Write("from"u8, "before"u8, changed.Before);
            Write("to"u8, "after"u8, changed.After);
            QuestionJson.WriteChanges(json, "fields"u8, fields);
            json.WriteEndObject();
            await body.FlushAsync(always: false).ConfigureAwait(false);
        }
        json.WriteEndArray();
        json.WriteNumber("hidden"u8, diff.Hidden);
        json.WriteNumber("transient"u8, diff.Transient);
        json.WriteEndObject();
        await body.FlushAsync(always: true).ConfigureAwait(false);

        void Write(ReadOnlySpan<byte> side, ReadOnlySpan<byte> whole, StoredObject? held)
        {
            if (held is not { } one)
                return;
            json.WriteStartObject(side);
            json.WriteString("uid"u8, one.Object.Uid);
            json.WriteString("resourceVersion"u8, one.ResourceVersion);
            json.WriteEndObject();
            if (!objects)
                return;
            json.WritePropertyName(whole);
            json.WriteRawValue(one.State.Span, skipInputValidation: true);
        }
    }
}
