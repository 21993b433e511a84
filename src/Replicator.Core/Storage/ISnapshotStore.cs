using Replicator.Core.Kubernetes;

namespace Replicator.Core.Storage;

/// <summary>The projection that answers what a cluster looks like now and looked like at any earlier moment. A pure fold of the log: it may be deleted and rebuilt.</summary>
public interface ISnapshotStore : IAsyncDisposable
{
    /// <summary>The last position of the log that is applied; 0 when none is.</summary>
    ValueTask<long> GetCheckpointAsync(CancellationToken cancellationToken);

    /// <summary>Applies consecutive events of the log and moves the checkpoint to the page's position, all in one transaction.</summary>
    ValueTask ApplyAsync(EventPage page, CancellationToken cancellationToken);

    /// <summary>The objects of a type as of a cut, in the API server's order: by the bytes of <c>namespace/name</c>, so that <c>shop-a/x</c> comes before <c>shop/x</c>. The states are canonical JSON, valid until the next is asked for.</summary>
    IAsyncEnumerable<StoredObject> ListAsync(ObjectQuery query, CancellationToken cancellationToken);

    /// <summary>How many objects <see cref="ListAsync"/> would bring.</summary>
    async ValueTask<long> CountAsync(ObjectQuery query, CancellationToken cancellationToken)
    {
        var count = 0L;
        await foreach (var _ in ListAsync(query, cancellationToken).ConfigureAwait(false))
            count++;
        return count;
    }

    /// <summary>One object as of a cut, or null when there is none.</summary>
    ValueTask<StoredObject?> GetAsync(string cluster, GroupResource type, string @namespace, string name, Cut cut, CancellationToken cancellationToken);

    /// <summary>Every version of the objects that bore this name, oldest first, over deletions and re-creations.</summary>
    IAsyncEnumerable<StoredVersion> GetHistoryAsync(string cluster, GroupResource type, string @namespace, string name, bool states, CancellationToken cancellationToken);

    /// <summary>
    /// The objects of which another version, or none, held at the one cut than at the other, each with both: by type (group, then resource), then in the order of <see cref="ListAsync"/>. An object that was deleted and created
    /// again under its name is one, with two uids; one that lived only between the cuts is there with neither. Costs what changed between the cuts, not what was there. The states are valid until the next is asked for.
    /// </summary>
    /// <exception cref="FormatException">A cut is a resource version that cannot be ordered.</exception>
    IAsyncEnumerable<ChangedObject> ListChangedAsync(ChangedQuery query, CancellationToken cancellationToken);

    /// <summary>The clusters, their types and how each stands.</summary>
    ValueTask<IReadOnlyList<TypeStatus>> GetTypesAsync(string? cluster, CancellationToken cancellationToken);

    /// <summary>The gaps of a cluster, oldest first.</summary>
    ValueTask<IReadOnlyList<GapStatus>> GetGapsAsync(string cluster, GroupResource? type, CancellationToken cancellationToken);

    /// <summary>A log position, as late as is cheap to find, before which no event of the cluster (or of one of its types) is later than the cut: where a read of what followed may start.</summary>
    ValueTask<long> FindPositionAsync(string cluster, GroupResource? type, Cut cut, CancellationToken cancellationToken);

    /// <summary>The identities and resource versions of the live objects of a type as of the checkpoint: what a recorder starts from.</summary>
    IAsyncEnumerable<(ObjectIdentity Object, string ResourceVersion)> ListLiveAsync(string cluster, GroupResource type, CancellationToken cancellationToken);

    /// <summary>Builds a second generation of the projection: see <see cref="ISnapshotRebuild"/>. Resumes one that was interrupted.</summary>
    ValueTask<ISnapshotRebuild> BeginRebuildAsync(CancellationToken cancellationToken);

    /// <summary>A digest over the whole logical content, the same for the same log whatever way it was built: what "byte-identical" is tested with.</summary>
    ValueTask<string> ComputeDigestAsync(CancellationToken cancellationToken);
}

/// <summary>A generation of the projection that is being built beside the one that readers use.</summary>
public interface ISnapshotRebuild : IAsyncDisposable
{
    /// <summary>How far it has come; survives a restart.</summary>
    ValueTask<long> GetCheckpointAsync(CancellationToken cancellationToken);
    /// <summary>Applies consecutive events, in one transaction with its checkpoint.</summary>
    ValueTask ApplyAsync(EventPage page, CancellationToken cancellationToken);
    /// <summary>Makes it the one that readers use and drops the old one. Reads that began before go on undisturbed.</summary>
    ValueTask CompleteAsync(CancellationToken cancellationToken);
}
