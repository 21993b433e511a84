using Replicator.Informers.Caching;

namespace Replicator.Informers.Queues;

/// <summary>Everything that happened to an object while it waited in a <see cref="DeltaFifo"/>.</summary>
/// <param name="Key">The object.</param>
/// <param name="Deltas">What happened, the oldest first; at least one.</param>
/// <param name="IsInInitialList">Whether the first list is not all taken yet.</param>
public sealed record ObjectDeltas(ObjectKey Key, IReadOnlyList<ObjectDelta> Deltas, bool IsInInitialList)
{
    /// <summary>What happened last.</summary>
    public ObjectDelta Newest => Deltas[^1];
}
