namespace Replicator.Informers;

/// <summary>What a <see cref="Reflector"/> is doing.</summary>
public enum ReflectorState
{
    /// <summary>It has not begun, or waits for its turn to list.</summary>
    Waiting,
    /// <summary>It takes a snapshot of the type.</summary>
    Listing,
    /// <summary>It watches.</summary>
    Watching,
    /// <summary>Something failed; it waits before it tries again. <see cref="ReflectorHealth.LastError"/> says what.</summary>
    Backoff,
    /// <summary>It has ended: the run was cancelled or failed, or the type is no longer served.</summary>
    Stopped,
}
