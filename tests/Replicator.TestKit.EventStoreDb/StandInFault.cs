namespace Replicator.TestKit.EventStoreDb;

/// <summary>What the stand-in does to an append instead of answering it.</summary>
public enum StandInFault
{
    None,
    /// <summary>Says that it was not written in time; nothing was.</summary>
    Timeout,
    /// <summary>Says that it was not written in time, and it was.</summary>
    TimeoutAfterWrite,
    /// <summary>Says that it is not ready.</summary>
    NotReady,
    /// <summary>Says that it has too much to do.</summary>
    TooBusy,
    /// <summary>Breaks the connection off; nothing was written.</summary>
    Break,
    /// <summary>Breaks the connection off; it was written.</summary>
    BreakAfterWrite,
    /// <summary>Does not answer; nothing was written.</summary>
    Silence,
    /// <summary>Refuses the user.</summary>
    AccessDenied,
}
