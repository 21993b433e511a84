namespace Replicator.Core.Kubernetes;

/// <summary>What a watch or a list comparison says happened to an object.</summary>
public enum WatchChange
{
    /// <summary>The object was not there before.</summary>
    Added,
    /// <summary>The object was there and changed.</summary>
    Modified,
    /// <summary>The object is gone.</summary>
    Deleted,
}
