using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.Server;

/// <summary>Which clusters are recorded, and how each of their types stands.</summary>
sealed class ClusterEndpoints(IEventStore events, ISnapshotStore snapshots, ReplicatorHealth health, TimeProvider time)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/clusters", ListAsync);
        routes.MapGet("/api/v1/clusters/{cluster}/status", StatusAsync);
        routes.MapGet("/api/v1/clusters/{cluster}/gaps", GapsAsync);
    }

    async Task<ClusterList> ListAsync(CancellationToken cancellationToken)
    {
        var types = await snapshots.GetTypesAsync(null, cancellationToken).ConfigureAwait(false);
        var (head, checkpoint) = (await events.GetHeadAsync(cancellationToken).ConfigureAwait(false), await snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false));
        var clusters = new List<ClusterStatus>();
        foreach (var group in types.GroupBy(type => type.Cluster))
            clusters.Add(await DescribeAsync(group.Key, [.. group], cancellationToken).ConfigureAwait(false));
        return new ClusterList(clusters, head, checkpoint);
    }

    async Task<IResult> StatusAsync(string cluster, CancellationToken cancellationToken)
    {
        var types = await snapshots.GetTypesAsync(cluster, cancellationToken).ConfigureAwait(false);
        return types.Count == 0
            ? TypedResults.Problem(statusCode: StatusCodes.Status404NotFound, title: "Not found", detail: $"Nothing was recorded of a cluster '{cluster}'.")
            : TypedResults.Ok(await DescribeAsync(cluster, types, cancellationToken).ConfigureAwait(false));
    }

    async Task<GapList> GapsAsync(string cluster, CancellationToken cancellationToken)
    {
        var gaps = await snapshots.GetGapsAsync(cluster, null, cancellationToken).ConfigureAwait(false);
        return new GapList([.. gaps.Select(gap => new Gap(gap.Type.Group, gap.Type.Resource, gap.Position, gap.FromResourceVersion, gap.ToResourceVersion,
            gap.From is { } from ? Times.Text(from) : null, gap.To is { } to ? Times.Text(to) : null, gap.Reason))]);
    }

    async Task<ClusterStatus> DescribeAsync(string cluster, IReadOnlyList<TypeStatus> types, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var checkpoint = await snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false);
        var streams = (await events.ListStreamsAsync($"k8s-{cluster}-", cancellationToken).ConfigureAwait(false)).ToDictionary(info => info.Stream);
        var collectors = health.GetCollectors(cluster).ToDictionary(collector => collector.Type);
        return new ClusterStatus(cluster, [.. types.Select(type =>
        {
            streams.TryGetValue(new StreamId(cluster, type.Type.GroupResource), out var stream);
            collectors.TryGetValue(type.Type.GroupResource, out var collector);
            return new TypeState(type.Type.Group, type.Type.Version, type.Type.Resource, type.Type.Kind, type.Type.Namespaced, type.ResourceVersion, Times.Text(type.LastObservedAt),
                Math.Round(Math.Max(0, (now - type.LastObservedAt).TotalSeconds), 3), stream is null ? 0 : Math.Max(0, stream.LastPosition - checkpoint),
                type.Objects, type.Versions, stream is null ? 0 : stream.LastRevision + 1, type.Gaps, stream?.Bytes, type.Synced, collector?.State, collector?.Error);
        })]);
    }
}

/// <summary>All clusters.</summary>
/// <param name="Items">The clusters.</param>
/// <param name="Head">The position of the log's last event.</param>
/// <param name="Checkpoint">The position up to which the projection has applied it.</param>
sealed record ClusterList(IReadOnlyList<ClusterStatus> Items, long Head, long Checkpoint);

/// <summary>A cluster.</summary>
sealed record ClusterStatus(string Cluster, IReadOnlyList<TypeState> Types);

/// <summary>How a type stands.</summary>
/// <param name="Group">The API group.</param>
/// <param name="Version">The version last observed.</param>
/// <param name="Resource">The plural.</param>
/// <param name="Kind">The kind.</param>
/// <param name="Namespaced">The scope.</param>
/// <param name="ResourceVersion">The last one recorded.</param>
/// <param name="LastObservedAt">When.</param>
/// <param name="AgeSeconds">Since then.</param>
/// <param name="Lag">How many positions the projection is behind this type's last event; 0 when it has it.</param>
/// <param name="Objects">Live objects.</param>
/// <param name="Versions">Versions ever recorded.</param>
/// <param name="Events">Events of its stream.</param>
/// <param name="Gaps">Gaps ever observed.</param>
/// <param name="Bytes">What the bodies take in the log.</param>
/// <param name="Synced">Whether the last list was completed.</param>
/// <param name="State">Its reflector's state, where one runs here.</param>
/// <param name="Error">Its reflector's last error.</param>
sealed record TypeState(string Group, string Version, string Resource, string Kind, bool Namespaced, string ResourceVersion, string LastObservedAt, double AgeSeconds, long Lag,
    long Objects, long Versions, long Events, long Gaps, long? Bytes, bool Synced, string? State, string? Error);

/// <summary>Gaps, oldest first.</summary>
sealed record GapList(IReadOnlyList<Gap> Items);

/// <summary>A gap.</summary>
sealed record Gap(string Group, string Resource, long Position, string FromResourceVersion, string? ToResourceVersion, string? From, string? To, string Reason);
