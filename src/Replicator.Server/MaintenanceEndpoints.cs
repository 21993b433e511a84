using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Projecting;
using Replicator.Core.Storage;

namespace Replicator.Server;

/// <summary>Long work on the stores: each answers NDJSON, a line of progress now and then and a last line with the outcome. A client that goes away ends it.</summary>
sealed class MaintenanceEndpoints(IEventStore events, Projector? projector)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/api/v1/verify", (Delegate)VerifyAsync).Describe("Verify", "Proves the log whole by its hash chain, or names the first event that is not; a line of progress now and then, and a last one with the outcome.", [], null, typeof(VerifyLine), "application/x-ndjson");
        routes.MapPost("/api/v1/rebuild", (Delegate)RebuildAsync).Describe("Rebuild", "Folds the projection anew from the log; a line of progress now and then, and a last one when it is done.", [], null, typeof(RebuildLine), "application/x-ndjson");
    }

    async Task VerifyAsync(HttpContext context)
    {
        var head = await events.GetHeadAsync(context.RequestAborted).ConfigureAwait(false);
        await RunAsync<long>(context, async report =>
        {
            var verification = await LogVerifier.VerifyAsync(events, report, context.RequestAborted).ConfigureAwait(false);
            return json =>
            {
                json.WriteBoolean("done"u8, true);
                json.WriteBoolean("whole"u8, verification.Problem is null);
                json.WriteNumber("events"u8, verification.Events);
                if (verification.BadPosition is { } position)
                    json.WriteNumber("badPosition"u8, position);
                if (verification.Problem is { } problem)
                    json.WriteString("problem"u8, problem);
            };
        }, (json, position) =>
        {
            json.WriteNumber("position"u8, position);
            json.WriteNumber("head"u8, head);
        }).ConfigureAwait(false);
    }

    Task RebuildAsync(HttpContext context) => projector is null
        ? Problems.WriteAsync(context, StatusCodes.Status409Conflict, "Projection not kept here", "Another process keeps the projection: ask the one with the role 'projector' to rebuild it.")
        : RunAsync<RebuildProgress>(context, async report =>
        {
            await projector.RebuildAsync(report, context.RequestAborted).ConfigureAwait(false);
            return json => json.WriteBoolean("done"u8, true);
        }, (json, progress) =>
        {
            json.WriteNumber("position"u8, progress.Position);
            json.WriteNumber("head"u8, progress.Head);
        });

    static async Task RunAsync<T>(HttpContext context, Func<IProgress<T>, Task<Action<System.Text.Json.Utf8JsonWriter>>> work, Action<System.Text.Json.Utf8JsonWriter, T> line)
    {
        // A slow client sees fewer lines; the work does not wait for it.
        var reports = Channel.CreateBounded<T>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
        var running = Task.Run(() => work(new Reports<T>(reports.Writer)), context.RequestAborted);
        _ = running.ContinueWith(_ => reports.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        using var body = new JsonBody(context, "application/x-ndjson");
        try
        {
            await foreach (var report in reports.Reader.ReadAllAsync(context.RequestAborted).ConfigureAwait(false))
                await WriteAsync(json => line(json, report)).ConfigureAwait(false);
            var last = await running.ConfigureAwait(false);
            await WriteAsync(last).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone; what was done stays done.
        }
        catch (Exception exception) when (exception is StoreUnavailableException or StoreCorruptException)
        {
            // The answer has begun, so the failure is its last line.
            await WriteAsync(json => json.WriteString("error"u8, exception.Message)).ConfigureAwait(false);
        }

        async Task WriteAsync(Action<System.Text.Json.Utf8JsonWriter> fields)
        {
            body.Json.WriteStartObject();
            fields(body.Json);
            body.Json.WriteEndObject();
            body.Raw("\n"u8);
            await body.FlushAsync(always: true).ConfigureAwait(false);
        }
    }

    sealed class Reports<T>(ChannelWriter<T> writer) : IProgress<T>
    {
        public void Report(T value) => writer.TryWrite(value);
    }
}
