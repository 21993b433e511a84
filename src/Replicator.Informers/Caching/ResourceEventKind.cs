namespace Replicator.Informers.Caching;

/// <summary>What a <see cref="ResourceEvent"/> says.</summary>
public enum ResourceEventKind
{
    /// <summary>The object is there: it is new, or was there before the handler.</summary>
    Added,
    /// <summary>The object changed.</summary>
    Updated,
    /// <summary>The object is gone.</summary>
    Deleted,
    /// <summary>The object did not change: the handler's resync period has passed.</summary>
    Sync,
}
