using Replicator.Informers.Caching;

namespace Replicator.Informers.Queues;

/// <summary>One thing that happened to an object.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Object">The state after it, or for a deletion the last; null where a deletion was not seen and no state is known.</param>
/// <param name="DeletedFinalStateUnknown">Whether the deletion was not seen: <paramref name="Object"/> is the last state that was seen, not the last that was.</param>
public readonly record struct ObjectDelta(ObjectDeltaKind Kind, Unstructured? Object, bool DeletedFinalStateUnknown = false);
