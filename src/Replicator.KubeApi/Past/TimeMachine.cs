using System.Collections.Concurrent;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.KubeApi;

/// <summary>Opens recorded clusters at any moment, as sources of a Kubernetes API. Thread-safe.</summary>
/// <param name="events">The log.</param>
/// <param name="snapshots">The projection.</param>
/// <param name="time">The clock that relative instants count from, and by which watches of the past pace themselves.</param>
public sealed class TimeMachine(IEventStore events, ISnapshotStore snapshots, TimeProvider time) : IAsyncDisposable
{
    const int CachedVersions = 4096;
    // A projection's index of versions is sparse; most of what it leaves to look at is read by one page of these.
    const int LookAhead = 64;

    readonly ConcurrentDictionary<string, DiscoveryHistory> _discovery = [];
    readonly ConcurrentDictionary<(string Cluster, string Version), DateTimeOffset> _times = [];

    internal IEventStore Events { get; } = events;

    internal ISnapshotStore Snapshots { get; } = snapshots;

    internal TimeProvider Time { get; } = time;

    internal StreamSearch Search { get; } = new(events);

    internal LiveTail Tail { get; } = new(events, time);

    /// <summary>Opens a cluster at an instant.</summary>
    /// <param name="cluster">Its id.</param>
    /// <param name="instant">An RFC 3339 time, a relative time, <c>rv:N</c> or <c>now</c>; behind <c>@</c> the speed of watches.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="KubeApiException">The instant is none or lies in the future; nothing was recorded of the cluster.</exception>
    public async ValueTask<PastCluster> OpenAsync(string cluster, string instant, CancellationToken cancellationToken)
    {
        var moment = AsOf.Parse(instant, Time);
        var types = await Snapshots.GetTypesAsync(cluster, cancellationToken).ConfigureAwait(false);
        if (types.Count == 0)
            throw KubeApiException.NoResource($"nothing was recorded of a cluster '{cluster}'");
        if (moment.Cut is { Kind: CutKind.ResourceVersion, Version: { } version })
        {
            var newest = types.Select(type => type.ResourceVersion).Where(one => ResourceVersion.IsComparable(one)).Aggregate("0", (left, right) => ResourceVersion.Compare(left, right) >= 0 ? left : right);
            if (ResourceVersion.Compare(version, newest) > 0)
                throw KubeApiException.BadRequest($"'{instant}' is in the future: the newest recorded resource version of cluster '{cluster}' is {newest}; write an RFC 3339 time (2026-01-31T03:00:00Z), a relative time (-15m, -2h, -3d), rv:N (a resource version) or now.");
            moment = moment with { Time = await FindTimeAsync(cluster, version, cancellationToken).ConfigureAwait(false) };
        }
        return new PastCluster(this, cluster, moment, types, _discovery.GetOrAdd(cluster, id => new DiscoveryHistory(Events, Snapshots, id)));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Tail.DisposeAsync().ConfigureAwait(false);
        foreach (var history in _discovery.Values)
            history.Dispose();
    }

    /// <summary>When a resource version came into being: when the last change was observed that is not newer, over all types.</summary>
    async ValueTask<DateTimeOffset> FindTimeAsync(string cluster, string version, CancellationToken cancellationToken)
    {
        if (_times.TryGetValue((cluster, version), out var known))
            return known;
        // The position is that of a change that is not newer, so the read begins with it.
        var position = await Snapshots.FindPositionAsync(cluster, null, Cut.AtResourceVersion(version), cancellationToken).ConfigureAwait(false);
        DateTimeOffset? last = null;
        for (long after = Math.Max(0, position - 1), reached = -1; reached != after;)
        {
            reached = after;
            await foreach (var page in Events.ReadAllAsync(after, new ReadOptions(States: false, MaxCount: LookAhead, StreamPrefix: $"k8s-{cluster}-"), cancellationToken).ConfigureAwait(false))
            {
                using (page)
                {
                    after = page.Position;
                    foreach (var recorded in page.Events)
                    {
                        if (recorded.Metadata.Cluster != cluster || !ResourceVersion.IsComparable(recorded.Metadata.ResourceVersion))
                            continue;
                        if (ResourceVersion.Compare(recorded.Metadata.ResourceVersion, version) <= 0)
                            last = last > recorded.Metadata.ObservedAt ? last : recorded.Metadata.ObservedAt;
                        else if (StreamSearch.IsOrdered(recorded))
                            return Remember(last ?? recorded.Metadata.ObservedAt);
                    }
                }
            }
        }
        return Remember(last ?? Time.GetUtcNow());

        DateTimeOffset Remember(DateTimeOffset found)
        {
            if (_times.Count >= CachedVersions)
                _times.Clear();
            return _times[(cluster, version)] = found;
        }
    }
}
