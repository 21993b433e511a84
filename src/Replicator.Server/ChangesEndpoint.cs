using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.Server;

/// <summary>The recorded changes in log order: as JSON pages, as NDJSON, or as server-sent events.</summary>
sealed class ChangesEndpoint(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    static readonly TimeSpan KeepAlivePeriod = TimeSpan.FromSeconds(15);

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/v1/clusters/{cluster}/changes", HandleAsync)
        .Describe("ListChanges", "Lists the recorded changes in log order: a page, or lines, or server-sent events, as the Accept header asks.", OpenApiDescriptions.Changes, typeof(ChangePage), typeof(Change), "application/x-ndjson", "text/event-stream");

    async Task HandleAsync(HttpContext context, string cluster)
    {
        var accept = context.Request.Headers.Accept.ToString();
        var form = accept.Contains("text/event-stream", StringComparison.OrdinalIgnoreCase) ? Form.ServerSentEvents
            : accept.Contains("application/x-ndjson", StringComparison.OrdinalIgnoreCase) ? Form.Lines
            : Form.Page;
        var query = ChangeQuery.Read(context, cluster, form == Form.Page, time);
        if (form == Form.Page && query.Follow)
            throw new FormatException("follow=true needs 'Accept: application/x-ndjson' or 'Accept: text/event-stream': a JSON page has an end.");
        if ((await snapshots.GetTypesAsync(cluster, context.RequestAborted).ConfigureAwait(false)).Count == 0
            && (await events.ListStreamsAsync($"k8s-{cluster}-", context.RequestAborted).ConfigureAwait(false)).Count == 0)
        {
            await Problems.NotFoundAsync(context, $"Nothing was recorded of a cluster '{cluster}'.").ConfigureAwait(false);
            return;
        }
        try
        {
            if (form == Form.Page)
                await WritePageAsync(context, query).ConfigureAwait(false);
            else
                await WriteStreamAsync(context, query, form).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone; there is nobody to tell.
        }
    }

    async Task WritePageAsync(HttpContext context, ChangeQuery query)
    {
        var cancellationToken = context.RequestAborted;
        var (after, written, more) = (await StartAsync(query, cancellationToken).ConfigureAwait(false), 0L, false);
        var end = await UpperBound.FindAsync(events, query, after, cancellationToken).ConfigureAwait(false);
        var pages = events.ReadAllAsync(after, Options(query), cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using var _ = pages.ConfigureAwait(false);
        // The first read happens before the answer begins, so that a store that is away is a 503 and not half a page.
        var hasPage = query.Limit > 0 && !end.IsReached && await pages.MoveNextAsync().ConfigureAwait(false);
        using var body = new JsonBody(context, "application/json");
        using var changes = new ChangeWriter(snapshots, time);
        body.Json.WriteStartObject();
        body.Json.WriteStartArray("items"u8);
        for (; hasPage && !more; hasPage = !end.IsReached && await pages.MoveNextAsync().ConfigureAwait(false))
        {
            using var page = pages.Current;
            foreach (var recorded in page.Events)
            {
                if (written == query.Limit)
                {
                    more = true;
                    break;
                }
                end.Pass(recorded);
                after = recorded.Position;
                if (!query.Matches(recorded))
                    continue;
                await changes.WriteAsync(body.Json, recorded, query.Objects, query.Patches, cancellationToken).ConfigureAwait(false);
                written++;
                await body.FlushAsync(always: false).ConfigureAwait(false);
            }
            if (!more)
            {
                after = page.Position;
                end.Pass(after);
            }
        }
        body.Json.WriteEndArray();
        // Where to go on: after the last change that was looked at.
        body.Json.WriteNumber("after"u8, after);
        body.Json.WriteBoolean("more"u8, more);
        body.Json.WriteEndObject();
        await body.FlushAsync(always: true).ConfigureAwait(false);
    }

    async Task WriteStreamAsync(HttpContext context, ChangeQuery query, Form form)
    {
        var cancellationToken = context.RequestAborted;
        var after = await StartAsync(query, cancellationToken).ConfigureAwait(false);
        var isFollowing = query.Follow || form == Form.ServerSentEvents;
        // What is still to come may lie within the interval too.
        var end = isFollowing ? UpperBound.None : await UpperBound.FindAsync(events, query, after, cancellationToken).ConfigureAwait(false);
        context.Response.Headers.CacheControl = "no-cache";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        using var body = new JsonBody(context, form == Form.Lines ? "application/x-ndjson" : "text/event-stream");
        using var changes = new ChangeWriter(snapshots, time);
        await body.FlushAsync(always: true).ConfigureAwait(false);
        var written = 0L;
        var source = isFollowing ? events.SubscribeAsync(after, Options(query), cancellationToken) : events.ReadAllAsync(after, Options(query), cancellationToken);
        var pages = source.GetAsyncEnumerator(cancellationToken);
        await using var _ = pages.ConfigureAwait(false);
        while (written < query.Limit && !end.IsReached)
        {
            var next = pages.MoveNextAsync().AsTask();
            while (isFollowing && form == Form.ServerSentEvents && !await WaitAsync(next, cancellationToken).ConfigureAwait(false))
            {
                // A comment, by which proxies and the client see that the connection lives.
                body.Raw(": alive\n\n"u8);
                await body.FlushAsync(always: true).ConfigureAwait(false);
            }
            if (!await next.ConfigureAwait(false))
                break;
            using var page = pages.Current;
            foreach (var recorded in page.Events)
            {
                if (written == query.Limit)
                    break;
                end.Pass(recorded);
                if (!query.Matches(recorded))
                    continue;
                if (form == Form.ServerSentEvents)
                    body.Raw(Encoding.UTF8.GetBytes($"id: {recorded.Position}\nevent: {EventNames.Of(recorded.Type)}\ndata: "));
                await changes.WriteAsync(body.Json, recorded, query.Objects, query.Patches, cancellationToken).ConfigureAwait(false);
                body.Raw(form == Form.ServerSentEvents ? "\n\n"u8 : "\n"u8);
                written++;
                await body.FlushAsync(always: false).ConfigureAwait(false);
            }
            end.Pass(page.Position);
            await body.FlushAsync(always: isFollowing).ConfigureAwait(false);
        }
        await body.FlushAsync(always: true).ConfigureAwait(false);
    }

    static ReadOptions Options(ChangeQuery query) => new(States: query.Objects || query.Patches, StreamPrefix: query.StreamPrefix);

    async ValueTask<bool> WaitAsync(Task<bool> next, CancellationToken cancellationToken)
    {
        if (next.IsCompleted)
            return true;
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var first = await Task.WhenAny(next, Task.Delay(KeepAlivePeriod, time, done.Token)).ConfigureAwait(false);
        await done.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        return first == next;
    }

    /// <summary>The position after which the wanted changes lie: what the client names, or as late as the index can say from the lower bound.</summary>
    async ValueTask<long> StartAsync(ChangeQuery query, CancellationToken cancellationToken)
    {
        var after = query.After ?? 0;
        if (query.From is not { } from)
            return after;
        if (from.Kind == CutKind.Now)
            return Math.Max(after, await events.GetHeadAsync(cancellationToken).ConfigureAwait(false));
        // One microsecond earlier: a change at the very moment belongs to the interval.
        var before = from.Kind == CutKind.Time ? Cut.AtTime(HashChain.FromMicroseconds(from.Value - 1)) : from;
        return Math.Max(after, await snapshots.FindPositionAsync(query.Cluster, null, before, cancellationToken).ConfigureAwait(false));
    }

    enum Form
    {
        Page,
        Lines,
        ServerSentEvents,
    }
}
