using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Events;
using Replicator.Core.Publishing;
using Replicator.Core.Rules;
using Replicator.Core.Storage;
using Replicator.Server.Access;

namespace Replicator.Server;

/// <summary>Which clusters are recorded, and how each of their types stands.</summary>
sealed class ClusterEndpoints(IEventStore events, ISnapshotStore snapshots, ICheckpointStore checkpoints, ReplicatorHealth health, TimeProvider time)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/clusters", ListAsync).Describe("ListClusters", "Lists the clusters that are recorded, and how each of their types stands.", [], typeof(ClusterList));
        routes.MapGet("/api/v1/clusters/{cluster}/status", StatusAsync).Describe("GetClusterStatus", "Says how a cluster and each of its types stand.", [], typeof(ClusterStatus));
        routes.MapGet("/api/v1/clusters/{cluster}/gaps", GapsAsync).Describe("ListGaps", "Lists the gaps: where changes could not be observed, oldest first.", [], typeof(GapList));
    }

    async Task<ClusterList> ListAsync(CancellationToken cancellationToken)
    {
        var types = await snapshots.GetTypesAsync(null, cancellationToken).ConfigureAwait(false);
        var (head, checkpoint) = (await events.GetHeadAsync(cancellationToken).ConfigureAwait(false), await snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false));
        var clusters = new List<ClusterStatus>();
        // A cluster that was never reached is shown too.
        foreach (var cluster in types.Select(type => type.Cluster).Union(await KnownAsync(health.Collected, cancellationToken).ConfigureAwait(false)))
            clusters.Add(await DescribeAsync(cluster, [.. types.Where(type => type.Cluster == cluster)], cancellationToken).ConfigureAwait(false));
        var published = await checkpoints.ReadAsync(Publisher.DefaultName, cancellationToken).ConfigureAwait(false);
        return new ClusterList(clusters, head, checkpoint, published > 0 || health.Publishes ? published : null);
    }

    async Task<IResult> StatusAsync(string cluster, CancellationToken cancellationToken)
    {
        var types = await snapshots.GetTypesAsync(cluster, cancellationToken).ConfigureAwait(false);
        return types.Count == 0 && !health.Collected.Contains(cluster)
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
        types = await GuardedSnapshotStore.VisibleTypesAsync(types, cancellationToken).ConfigureAwait(false);
        var now = time.GetUtcNow();
        var checkpoint = await snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false);
        var streams = (await events.ListStreamsAsync($"k8s-{cluster}-", cancellationToken).ConfigureAwait(false)).ToDictionary(info => info.Stream);
        var activity = health.GetCollector(cluster);
        var checks = (activity?.Checks ?? []).ToDictionary(check => check.Type.GroupResource);
        var collectors = (activity?.Types ?? []).ToDictionary(collector => collector.Type);
        return new ClusterStatus(cluster, activity?.State, activity?.Error, await ReadRulesAsync(cluster, cancellationToken).ConfigureAwait(false),
            [.. (activity?.Suppressed ?? []).Select(count => new SuppressedCount(count.Rule, count.Type.Group, count.Type.Resource, count.Count))], [.. types.Select(type =>
        {
            streams.TryGetValue(new StreamId(cluster, type.Type.GroupResource), out var stream);
            collectors.TryGetValue(type.Type.GroupResource, out var collector);
            return new TypeState(type.Type.Group, type.Type.Version, type.Type.Resource, type.Type.Kind, type.Type.Namespaced, type.ResourceVersion, Times.Text(type.LastObservedAt),
                Math.Round(Math.Max(0, (now - type.LastObservedAt).TotalSeconds), 3), stream is null ? 0 : Math.Max(0, stream.LastPosition - checkpoint),
                type.Objects, type.Versions, stream is null ? 0 : stream.LastRevision + 1, type.Gaps, stream?.Bytes, type.Synced, collector?.State, collector?.Error,
                checks.TryGetValue(type.Type.GroupResource, out var check) ? SelfCheckState.Of(check) : null);
        })]);
    }

    /// <summary>Of these clusters those that know the caller.</summary>
    static async ValueTask<IReadOnlyList<string>> KnownAsync(IReadOnlyList<string> clusters, CancellationToken cancellationToken)
    {
        if (Caller.Current is not { SeesEverything: false } caller)
            return clusters;
        var known = new List<string>();
        foreach (var cluster in clusters)
        {
            if (await caller.IsKnownAsync(cluster, cancellationToken).ConfigureAwait(false))
                known.Add(cluster);
        }
        return known;
    }

    /// <summary>The rules by which the cluster was last recorded, as the log has them.</summary>
    async ValueTask<JsonElement?> ReadRulesAsync(string cluster, CancellationToken cancellationToken)
    {
        await foreach (var page in events.ReadStreamAsync(StreamId.Discovery(cluster), long.MaxValue, backwards: true, new ReadOptions(), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                if (page.Events.FirstOrDefault(recorded => recorded.Metadata.Object.Name == RecordingRules.DocumentPath) is { } rules)
                {
                    using var document = JsonDocument.Parse(rules.State);
                    return document.RootElement.Clone();
                }
            }
        }
        return null;
    }
}

/// <summary>All clusters.</summary>
/// <param name="Items">The clusters.</param>
/// <param name="Head">The position of the log's last event.</param>
/// <param name="Checkpoint">The position up to which the projection has applied it.</param>
/// <param name="Published">The position up to which the bus has confirmed it; null where nothing was published and this process does not publish.</param>
sealed record ClusterList(IReadOnlyList<ClusterStatus> Items, long Head, long Checkpoint, long? Published);

/// <summary>A cluster.</summary>
/// <param name="Cluster">Its id.</param>
/// <param name="State">Its collector's state, where one runs here.</param>
/// <param name="Error">What is wrong with it.</param>
/// <param name="Rules">The rules by which it was last recorded; null where it was imported.</param>
/// <param name="Suppressed">What they have kept out of the log since the process started.</param>
/// <param name="Types">Its types.</param>
sealed record ClusterStatus(string Cluster, string? State, string? Error, JsonElement? Rules, IReadOnlyList<SuppressedCount> Suppressed, IReadOnlyList<TypeState> Types);

/// <summary>How many changes of a type a rule has kept out of the log.</summary>
sealed record SuppressedCount(string Rule, string Group, string Resource, long Count);

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
/// <param name="SelfCheck">The last comparison with the server, where one was made here.</param>
sealed record TypeState(string Group, string Version, string Resource, string Kind, bool Namespaced, string ResourceVersion, string LastObservedAt, double AgeSeconds, long Lag,
    long Objects, long Versions, long Events, long Gaps, long? Bytes, bool Synced, string? State, string? Error, SelfCheckState? SelfCheck);

/// <summary>Gaps, oldest first.</summary>
sealed record GapList(IReadOnlyList<Gap> Items);

/// <summary>A gap.</summary>
sealed record Gap(string Group, string Resource, long Position, string FromResourceVersion, string? ToResourceVersion, string? From, string? To, string Reason);
