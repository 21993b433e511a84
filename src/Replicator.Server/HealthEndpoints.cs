using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Storage;
using Replicator.Server.Access;

namespace Replicator.Server;

/// <summary>
/// <c>/healthz</c>: the process works. <c>/readyz</c>: it can answer too: the stores can be read and no part has reported a fault. A cluster that cannot be reached is named, and takes nothing from the answers about its past
/// nor from the other clusters: it does not make the process unready. A store that does not answer is a fault as any other, named <c>log</c> or <c>projection</c>: whoever asks is told which, and what its client says of it.
/// </summary>
sealed class HealthEndpoints(IEventStore events, ISnapshotStore snapshots, ReplicatorHealth health, TimeProvider time)
{
    // Over a network that lets nothing through, a client may take half a minute to notice; nobody who asks waits for that.
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => TypedResults.Ok(For(new HealthAnswer("ok", health.Faults, null, null, Clusters())))).Describe("GetHealth", "Answers as long as the process works.", [], typeof(HealthAnswer));
        routes.MapGet("/readyz", ReadyAsync).Describe("GetReadiness", "Says whether the process can answer: 503 where a store cannot be read or a part has reported a fault.", [], typeof(HealthAnswer)).Produces<HealthAnswer>(StatusCodes.Status503ServiceUnavailable);
    }

    async Task<IResult> ReadyAsync(CancellationToken cancellationToken)
    {
        var faults = new Dictionary<string, string>(health.Faults);
        var head = AskAsync("log", "the event store", events.GetHeadAsync);
        var checkpoint = AskAsync("projection", "the snapshot store", snapshots.GetCheckpointAsync);
        foreach (var (part, fault) in new[] { (await head.ConfigureAwait(false)).Fault, (await checkpoint.ConfigureAwait(false)).Fault }.OfType<(string, string)>())
            faults[part] = fault;
        var clusters = Clusters();
        var answer = new HealthAnswer(faults.Count == 0 && clusters.Values.All(cluster => cluster.State is "Starting" or "Collecting") ? "ok" : "degraded", faults, (await head.ConfigureAwait(false)).Position, (await checkpoint.ConfigureAwait(false)).Position, clusters);
        return faults.Count == 0 ? TypedResults.Ok(For(answer)) : TypedResults.Json(For(answer), statusCode: StatusCodes.Status503ServiceUnavailable);

        async Task<(long? Position, (string, string)? Fault)> AskAsync(string part, string store, Func<CancellationToken, ValueTask<long>> ask)
        {
            using var patience = new CancellationTokenSource(Patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
            try
            {
                // A client that is connecting may not listen to its token.
                return (await ask(either.Token).AsTask().WaitAsync(either.Token).ConfigureAwait(false), null);
            }
            catch (Exception exception) when (exception is StoreUnavailableException or StoreCorruptException)
            {
                return (null, (part, exception.Message));
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return (null, (part, $"{store} has not answered within {Patience.TotalSeconds:0} s: it is overloaded, frozen, or the network to it is cut"));
            }
        }
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
