namespace Replicator.Core.Events;

/// <summary>The types of event in the log. The numbers are stored: never reuse one.</summary>
public enum EventType : byte
{
    /// <summary>An object that was not there before, whole.</summary>
    ObjectAdded = 1,
    /// <summary>A new state of an object.</summary>
    ObjectModified = 2,
    /// <summary>The end of an object, with its last state.</summary>
    ObjectDeleted = 3,
    /// <summary>The observer starts to list the type.</summary>
    SyncStarted = 4,
    /// <summary>The list was compared and every difference recorded: the stream is the truth as of this resource version.</summary>
    SyncCompleted = 5,
    /// <summary>A bookmark, persisted sparingly: nothing happened up to this resource version.</summary>
    Progressed = 6,
    /// <summary>Changes could not be observed between the bounds that the event names.</summary>
    GapObserved = 7,
    /// <summary>A discovery document (or another description of what the server serves) as it was found.</summary>
    DiscoveryObserved = 8,
    /// <summary>The rules by which the type is recorded from here on, as JSON in <see cref="EventMetadata.Reason"/>: what they leave out cannot be in the log.</summary>
    RulesObserved = 9,
}
