using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Replicator.Server;

/// <summary><c>POST /api/v1/doctor</c>: examines folder, log and clusters, and compares every type with its server; NDJSON, a finding a line as it is made, and a last line <c>{"done":true}</c>.</summary>
sealed class DoctorEndpoint(ReplicatorHealth health)
{
    public void Map(IEndpointRouteBuilder routes) => routes.MapPost("/api/v1/doctor", (Delegate)ExamineAsync)
        .Describe("Examine", "Examines folder, log and clusters, and compares every type with its server; a finding a line as it is made, and a last line {\"done\":true}.", [], null, typeof(FindingAnswer.Answer), "application/x-ndjson");

    async Task ExamineAsync(HttpContext context)
    {
        if (health.Examination is not { } examine)
        {
            await Problems.NotFoundAsync(context, "This process has nothing to examine: it neither collects nor is it 'replicator doctor'.").ConfigureAwait(false);
            return;
        }
        using var body = new JsonBody(context, "application/x-ndjson");
        try
        {
            await foreach (var finding in examine(context.RequestAborted).ConfigureAwait(false))
            {
                body.Raw(FindingAnswer.Utf8(finding));
                body.Raw("\n"u8);
                await body.FlushAsync(always: true).ConfigureAwait(false);
            }
            body.Raw("{\"done\":true}\n"u8);
            await body.FlushAsync(always: true).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone.
        }
    }
}
