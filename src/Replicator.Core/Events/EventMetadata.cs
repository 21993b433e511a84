using Replicator.Core.Kubernetes;

namespace Replicator.Core.Events;

/// <summary>What an event says besides the object's state. Everything here but <see cref="TraceParent"/> is covered by the hash.</summary>
public sealed record EventMetadata
{
    /// <summary>The version of this schema, stored with every event.</summary>
    public const int CurrentSchemaVersion = 1;

    /// <summary>The cluster's id, as configured.</summary>
    public required string Cluster { get; init; }
    /// <summary>The type in the version in which it was observed.</summary>
    public required ResourceType Type { get; init; }
    /// <summary>The object; default (empty names) for events about the observer itself.</summary>
    public ObjectIdentity Object { get; init; } = new("", "", "");
    /// <summary>Of the object, the bookmark or the list.</summary>
    public required string ResourceVersion { get; init; }
    /// <summary>UTC, with microsecond precision.</summary>
    public required DateTimeOffset ObservedAt { get; init; }
    /// <summary>How it was observed.</summary>
    public required Provenance Provenance { get; init; }
    /// <summary>Counts up when the server's resource versions run backwards (a restored etcd): versions compare only within an epoch. The gap that opens an epoch bears its number already; what that gap names as its lower bound is a version of the epoch before.</summary>
    public int Epoch { get; init; }
    /// <summary>The lower bound of a gap: the last resource version known before it (empty when nothing was). Only for <see cref="EventType.GapObserved"/>.</summary>
    public string? GapFrom { get; init; }
    /// <summary>When the lower bound of a gap was last known to hold. Only for <see cref="EventType.GapObserved"/>.</summary>
    public DateTimeOffset? GapFromTime { get; init; }
    /// <summary>Why, in a word or a sentence; for <see cref="EventType.RulesObserved"/> the rules. Only for these two.</summary>
    public string? Reason { get; init; }
    /// <summary>W3C trace context; null where nothing is traced. Not covered by the hash.</summary>
    public string? TraceParent { get; init; }
}
