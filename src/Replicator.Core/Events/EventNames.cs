namespace Replicator.Core.Events;

/// <summary>The names that events bear outside: in the API, on the bus, on the command line. Scripts rely on them.</summary>
public static class EventNames
{
    /// <summary>The name of an event type.</summary>
    public static string Of(EventType type) => type switch
    {
        EventType.ObjectAdded => "ADDED",
        EventType.ObjectModified => "MODIFIED",
        EventType.ObjectDeleted => "DELETED",
        EventType.SyncStarted => "SYNC_STARTED",
        EventType.SyncCompleted => "SYNC_COMPLETED",
        EventType.Progressed => "PROGRESSED",
        EventType.GapObserved => "GAP",
        EventType.DiscoveryObserved => "DISCOVERY",
        EventType.RulesObserved => "RULES",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Unknown event type: the log was written by a newer Replicator; upgrade this one."),
    };

    /// <summary>The name of a provenance.</summary>
    public static string Of(Provenance provenance) => provenance switch
    {
        Provenance.Watch => "watch",
        Provenance.List => "list",
        Provenance.Relist => "relist",
        Provenance.Import => "import",
        _ => throw new ArgumentOutOfRangeException(nameof(provenance), provenance, "Unknown provenance: the log was written by a newer Replicator; upgrade this one."),
    };
}
