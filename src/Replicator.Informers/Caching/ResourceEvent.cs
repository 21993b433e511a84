namespace Replicator.Informers.Caching;

/// <summary>What a <see cref="SharedInformer"/> tells a handler.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Old">What the handler last knew; null for <see cref="ResourceEventKind.Added"/>.</param>
/// <param name="New">What is now; null for <see cref="ResourceEventKind.Deleted"/>.</param>
/// <param name="IsInInitialList">Whether an added object was there before the handler, or before the informer's first list was whole.</param>
/// <param name="DeletedFinalStateUnknown">
/// Whether the deletion was not seen, only that the object is no longer there: <paramref name="Old"/> is the last state that was seen, not the last that was.
/// </param>
public readonly record struct ResourceEvent(
    ResourceEventKind Kind, Unstructured? Old, Unstructured? New, bool IsInInitialList = false, bool DeletedFinalStateUnknown = false)
{
    /// <summary>The newest state there is: for a deletion the last.</summary>
    public Unstructured Object => New ?? Old ?? throw new InvalidOperationException("The event has no object: it was not made by an informer.");

    /// <summary>Namespace and name.</summary>
    public ObjectKey Key => Object.Key;
}
