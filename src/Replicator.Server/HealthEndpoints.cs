using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Storage;

namespace Replicator.Server;

/// <summary><c>/healthz</c>: the process works. <c>/readyz</c>: it can answer too: the stores can be read and no part has reported a fault.</summary>
sealed class HealthEndpoints(IEventStore events, ISnapshotStore snapshots, ReplicatorHealth health)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => TypedResults.Ok(new HealthAnswer("ok", health.Faults, null, null)));
        routes.MapGet("/readyz", ReadyAsync);
    }

    async Task<IResult> ReadyAsync(CancellationToken cancellationToken)
    {
        var answer = new HealthAnswer(health.Faults.Count == 0 ? "ok" : "degraded", health.Faults,
            await events.GetHeadAsync(cancellationToken).ConfigureAwait(false), await snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false));
        return health.Faults.Count == 0 ? TypedResults.Ok(answer) : TypedResults.Json(answer, statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}

/// <summary>How the process stands.</summary>
sealed record HealthAnswer(string Status, IReadOnlyDictionary<string, string> Faults, long? Head, long? Checkpoint);
