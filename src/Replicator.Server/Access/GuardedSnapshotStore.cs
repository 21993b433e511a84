using System.Runtime.CompilerServices;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Server.Access;

/// <summary>The projection as the caller may see it: lists leave out what he may not list, and what is asked for by name is refused. Reads only.</summary>
/// <remarks>A question that is asked for nobody is a mistake of this program and fails, so that a forgotten guard opens nothing.</remarks>
sealed class GuardedSnapshotStore(ISnapshotStore inner) : ISnapshotStore
{
    static Caller Caller => Caller.Current ?? throw new InvalidOperationException("A guarded store was asked outside of a request.");

    public ValueTask<long> GetCheckpointAsync(CancellationToken cancellationToken) => inner.GetCheckpointAsync(cancellationToken);

    public IAsyncEnumerable<StoredObject> ListAsync(ObjectQuery query, CancellationToken cancellationToken) =>
        Caller.SeesEverything ? inner.ListAsync(query, cancellationToken) : ListSeenAsync(query, cancellationToken);

    public async ValueTask<StoredObject?> GetAsync(string cluster, GroupResource type, string @namespace, string name, Cut cut, CancellationToken cancellationToken)
    {
        await Caller.DemandAsync(cluster, new AccessAttributes("get", type.Group, type.Resource, @namespace, name), cancellationToken).ConfigureAwait(false);
        return await inner.GetAsync(cluster, type, @namespace, name, cut, cancellationToken).ConfigureAwait(false);
    }

    public IAsyncEnumerable<StoredVersion> GetHistoryAsync(string cluster, GroupResource type, string @namespace, string name, bool states, CancellationToken cancellationToken) =>
        Caller.SeesEverything ? inner.GetHistoryAsync(cluster, type, @namespace, name, states, cancellationToken) : GetSeenHistoryAsync(cluster, type, @namespace, name, states, cancellationToken);

    /// <summary>The types of the clusters that know the caller: what there is of types, discovery tells everybody. How many objects they have is another matter: <see cref="VisibleTypesAsync"/>.</summary>
    public async ValueTask<IReadOnlyList<TypeStatus>> GetTypesAsync(string? cluster, CancellationToken cancellationToken)
    {
        var types = await inner.GetTypesAsync(cluster, cancellationToken).ConfigureAwait(false);
        if (Caller.SeesEverything)
            return types;
        var known = new Dictionary<string, bool>();
        foreach (var name in types.Select(type => type.Cluster).Distinct())
            known[name] = await Caller.IsKnownAsync(name, cancellationToken).ConfigureAwait(false);
        return [.. types.Where(type => known[type.Cluster])];
    }

    public async ValueTask<IReadOnlyList<GapStatus>> GetGapsAsync(string cluster, GroupResource? type, CancellationToken cancellationToken)
    {
        var gaps = await inner.GetGapsAsync(cluster, type, cancellationToken).ConfigureAwait(false);
        if (Caller.SeesEverything)
            return gaps;
        // A gap may have hidden objects of any namespace.
        var seen = new List<GapStatus>();
        foreach (var gap in gaps)
        {
            if (await Caller.MayListAsync(cluster, gap.Type, "", cancellationToken).ConfigureAwait(false))
                seen.Add(gap);
        }
        return seen;
    }

    public ValueTask<long> FindPositionAsync(string cluster, GroupResource? type, Cut cut, CancellationToken cancellationToken) => inner.FindPositionAsync(cluster, type, cut, cancellationToken);

    /// <summary>What changed, but for what the caller may not list.</summary>
    public async IAsyncEnumerable<ChangedObject> ListChangedAsync(ChangedQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var caller = Caller;
        await foreach (var changed in inner.ListChangedAsync(query, cancellationToken).ConfigureAwait(false))
        {
            if (caller.SeesEverything || await MaySeeAsync(caller, query.Cluster, changed.Type.GroupResource, changed.Namespace, cancellationToken).ConfigureAwait(false))
                yield return changed;
        }
    }

    /// <summary>The names of what lives, but for what the caller may not list.</summary>
    public async IAsyncEnumerable<(ObjectIdentity Object, string ResourceVersion)> ListLiveAsync(string cluster, GroupResource type, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var caller = Caller;
        await foreach (var live in inner.ListLiveAsync(cluster, type, cancellationToken).ConfigureAwait(false))
        {
            if (caller.SeesEverything || await MaySeeAsync(caller, cluster, type, live.Object.Namespace, cancellationToken).ConfigureAwait(false))
                yield return live;
        }
    }

    public ValueTask ApplyAsync(EventPage page, CancellationToken cancellationToken) => throw OnlyReads();

    public ValueTask<ISnapshotRebuild> BeginRebuildAsync(CancellationToken cancellationToken) => throw OnlyReads();

    public ValueTask<string> ComputeDigestAsync(CancellationToken cancellationToken) => throw OnlyReads();

    /// <summary>The store is another's to close.</summary>
    public ValueTask DisposeAsync() => default;

    /// <summary>Of these types those whose figures the caller may know: those of which he may list all objects.</summary>
    public static async ValueTask<IReadOnlyList<TypeStatus>> VisibleTypesAsync(IReadOnlyList<TypeStatus> types, CancellationToken cancellationToken)
    {
        if (Caller.Current is null or { SeesEverything: true })
            return types;
        var seen = new List<TypeStatus>();
        foreach (var type in types)
        {
            if (await Caller.MayListAsync(type.Cluster, type.Type.GroupResource, "", cancellationToken).ConfigureAwait(false))
                seen.Add(type);
        }
        return seen;
    }

    async IAsyncEnumerable<StoredObject> ListSeenAsync(ObjectQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var caller = Caller;
        var everything = await caller.MayListAsync(query.Cluster, query.Type, "", cancellationToken).ConfigureAwait(false);
        if (!everything && query.Namespace is { } one && (one.Length == 0 || !await caller.MayListAsync(query.Cluster, query.Type, one, cancellationToken).ConfigureAwait(false)))
            yield break;
        var isWhole = everything || query.Namespace is not null;
        var taken = 0L;
        // What is left out must not count against the limit.
        await foreach (var found in inner.ListAsync(isWhole ? query : query with { Limit = long.MaxValue }, cancellationToken).ConfigureAwait(false))
        {
            if (taken == query.Limit)
                yield break;
            if (!isWhole && !await caller.MaySeeAsync(query.Cluster, query.Type, found.Object.Namespace, cancellationToken).ConfigureAwait(false))
                continue;
            taken++;
            yield return found;
        }
    }

    async IAsyncEnumerable<StoredVersion> GetSeenHistoryAsync(string cluster, GroupResource type, string @namespace, string name, bool states, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Caller.DemandAsync(cluster, new AccessAttributes("get", type.Group, type.Resource, @namespace, name), cancellationToken).ConfigureAwait(false);
        await foreach (var version in inner.GetHistoryAsync(cluster, type, @namespace, name, states, cancellationToken).ConfigureAwait(false))
            yield return version;
    }

    static async ValueTask<bool> MaySeeAsync(Caller caller, string cluster, GroupResource type, string @namespace, CancellationToken cancellationToken) =>
        await caller.MayListAsync(cluster, type, "", cancellationToken).ConfigureAwait(false) || (@namespace.Length > 0 && await caller.MayListAsync(cluster, type, @namespace, cancellationToken).ConfigureAwait(false));

    static InvalidOperationException OnlyReads() => new("The HTTP API reads the projection and does nothing else to it.");
}
