using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Storage;
using Replicator.Server.Access;

namespace Replicator.Server;

/// <summary>
/// <c>/healthz</c>: the process works. <c>/readyz</c>: it can answer too: the stores can be read and no part has reported a fault. A cluster that cannot be reached is named, and takes nothing from the answers about its past
/// nor from the other clusters: it does not make the process unready.
/// </summary>
sealed class HealthEndpoints(IEventStore events, ISnapshotStore snapshots, ReplicatorHealth health)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => TypedResults.Ok(For(new HealthAnswer("ok", health.Faults, null, null, Clusters())))).Describe("GetHealth", "Answers as long as the process works.", [], typeof(HealthAnswer));
        routes.MapGet("/readyz", ReadyAsync).Describe("GetReadiness", "Says whether the process can answer: 503 where a store cannot be read or a part has reported a fault.", [], typeof(HealthAnswer)).Produces<HealthAnswer>(StatusCodes.Status503ServiceUnavailable);
    }

    async Task<IResult> ReadyAsync(CancellationToken cancellationToken)
    {
        var clusters = Clusters();
        var answer = new HealthAnswer(health.Faults.Count == 0 && clusters.Values.All(cluster => cluster.State is "Starting" or "Collecting") ? "ok" : "degraded", health.Faults,
            await events.GetHeadAsync(cancellationToken).ConfigureAwait(false), await snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false), clusters);
        return health.Faults.Count == 0 ? TypedResults.Ok(For(answer)) : TypedResults.Json(For(answer), statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    /// <summary>A probe that shows no token learns whether, and not what nor where.</summary>
    static HealthAnswer For(HealthAnswer answer) =>
        Caller.Current is null or { SeesEverything: true } ? answer : new HealthAnswer(answer.Status, new Dictionary<string, string>(), null, null, new Dictionary<string, ClusterHealthAnswer>());

    Dictionary<string, ClusterHealthAnswer> Clusters() =>
        health.Collected.ToDictionary(cluster => cluster, cluster => health.GetCollector(cluster) is { } activity ? new ClusterHealthAnswer(activity.State, activity.Error) : new ClusterHealthAnswer("Stopped", null));
}

/// <summary>How the process stands.</summary>
sealed record HealthAnswer(string Status, IReadOnlyDictionary<string, string> Faults, long? Head, long? Checkpoint, IReadOnlyDictionary<string, ClusterHealthAnswer> Clusters);

/// <summary>How the collector of a cluster stands.</summary>
sealed record ClusterHealthAnswer(string State, string? Error);
