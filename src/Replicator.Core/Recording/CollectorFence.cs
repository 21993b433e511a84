using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.Core.Recording;

/// <summary>Decides between two collectors of one cluster: who claimed it last goes on, the other stops.</summary>
/// <remarks>
/// The expected revision of each stream keeps a second writer out, but two collectors meet in many streams, and each would be first in some. A claim is one event of one stream, so there is one order of claims. It is made before
/// anything else is recorded; whoever is refused an append afterwards looks (<see cref="ConfirmAsync"/>): with the last claim it reads the stream again and goes on behind what the other one wrote, else it stops. The last and not the
/// first, for that is the one whom somebody has started knowingly, and the first may be a process that nobody can reach any more. Between the second claim and the first one's next append both record, which is no harm: they see the
/// same cluster, and each event stands in the stream once. Not thread-safe before <see cref="ClaimAsync"/> has returned.
/// </remarks>
/// <param name="store">The log.</param>
/// <param name="cluster">The cluster.</param>
/// <param name="time">The clock.</param>
public sealed class CollectorFence(IEventStore store, string cluster, TimeProvider time)
{
    CollectorClaim? _proposed;
    volatile CollectorClaim? _claim;

    /// <summary>Claims the cluster, once: a later call looks whether the claim is the last one still. Returns a recorder of the cluster's discovery stream.</summary>
    /// <exception cref="ClusterTakenOverException">The cluster was claimed before, and another process has claimed it since.</exception>
    /// <exception cref="StoreUnavailableException">The store is away; call again.</exception>
    public async Task<DiscoveryRecorder> ClaimAsync(CancellationToken cancellationToken)
    {
        if (_claim is not null)
        {
            await ConfirmAsync(null, cancellationToken).ConfigureAwait(false);
            return await DiscoveryRecorder.OpenAsync(store, cluster, cancellationToken).ConfigureAwait(false);
        }
        // The same after an outage in which it may have been recorded already.
        _proposed ??= new CollectorClaim(Guid.CreateVersion7(time.GetUtcNow()), Environment.MachineName, Environment.ProcessId, time.GetUtcNow());
        while (true)
        {
            var recorder = await DiscoveryRecorder.OpenAsync(store, cluster, cancellationToken).ConfigureAwait(false);
            try
            {
                await recorder.HandleAsync([(CollectorClaim.DocumentPath, _proposed.ToJson())], _proposed.At, Provenance.Watch, cancellationToken).ConfigureAwait(false);
                _claim = _proposed;
                return recorder;
            }
            catch (WrongExpectedRevisionException)
            {
                // Somebody else wrote to the stream at this moment; behind that, this claim is the later one.
                recorder.Dispose();
            }
            catch
            {
                recorder.Dispose();
                throw;
            }
        }
    }

    /// <summary>Looks whether the cluster is this process's still, where another one has written to a stream of it. Thread-safe.</summary>
    /// <param name="refusal">What the store said, if that is why somebody looks.</param>
    /// <param name="cancellationToken">Ends the look.</param>
    /// <exception cref="ClusterTakenOverException">Another process has claimed it since: this one must stop.</exception>
    /// <exception cref="StoreUnavailableException">The store is away; call again.</exception>
    /// <exception cref="WrongExpectedRevisionException">The log knows nothing of this process's claim: it is another log.</exception>
    public async Task ConfirmAsync(WrongExpectedRevisionException? refusal, CancellationToken cancellationToken)
    {
        var last = await CollectorClaim.ReadLastAsync(store, cluster, cancellationToken).ConfigureAwait(false);
        if (last is not null && last.Id == _claim?.Id)
            return;
        if (last is null || _claim is null)
            throw refusal ?? new WrongExpectedRevisionException(StreamId.Discovery(cluster), ExpectedRevision.StreamExists, -1);
        throw new ClusterTakenOverException(cluster, last, refusal);
    }
}

/// <summary>Another process collects the cluster now: this one must stop.</summary>
/// <param name="cluster">The cluster.</param>
/// <param name="by">The other one's claim.</param>
/// <param name="refusal">What the store said to this one.</param>
public sealed class ClusterTakenOverException(string cluster, CollectorClaim by, Exception? refusal)
    : Exception($"Cluster '{cluster}' is collected by another process since {by.At.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ} (process {by.ProcessId} on {by.Host}), so this one stops: run one collector for each cluster.", refusal)
{
    /// <summary>The other one's claim.</summary>
    public CollectorClaim By { get; } = by;
}
