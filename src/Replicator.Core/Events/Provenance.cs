namespace Replicator.Core.Events;

/// <summary>How a change was observed. The numbers are stored: never reuse one.</summary>
public enum Provenance : byte
{
    /// <summary>As a watch line, when it happened.</summary>
    Watch = 1,
    /// <summary>In the first list of the type: when it happened is not known.</summary>
    List = 2,
    /// <summary>By comparing a list with the recorded state after a gap: it happened somewhere within the gap.</summary>
    Relist = 3,
    /// <summary>As a watch line of a recording that was imported.</summary>
    Import = 4,
}
