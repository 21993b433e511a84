namespace Replicator.Core.Recording;

/// <summary>The kinds of <see cref="Delta"/>.</summary>
public enum DeltaKind
{
    /// <summary>A watch line ADDED.</summary>
    Added,
    /// <summary>A watch line MODIFIED.</summary>
    Modified,
    /// <summary>A watch line DELETED: the last state, with the resource version of the deletion.</summary>
    Deleted,
    /// <summary>A list or streaming list begins: everything until <see cref="ListCompleted"/> is one snapshot of the type, in no particular order.</summary>
    ListStarted,
    /// <summary>One object of that snapshot.</summary>
    Listed,
    /// <summary>The snapshot is whole; its resource version is the point to resume from, and what it did not contain is gone.</summary>
    ListCompleted,
    /// <summary>The snapshot was broken off: forget it.</summary>
    ListAborted,
    /// <summary>A bookmark: nothing up to this resource version is still to come.</summary>
    Bookmark,
    /// <summary>Changes after the last recorded resource version may have been missed; a list follows.</summary>
    Gap,
}
