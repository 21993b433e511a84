using Replicator.Core.Events;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Storage;

/// <summary>An object as of a cut.</summary>
/// <param name="Object">Which.</param>
/// <param name="ResourceVersion">Its version at that moment.</param>
/// <param name="State">Canonical JSON.</param>
public readonly record struct StoredObject(ObjectIdentity Object, string ResourceVersion, ReadOnlyMemory<byte> State);

/// <summary>A version of an object and the half-open interval in which it held.</summary>
public sealed record StoredVersion
{
    /// <summary>Which object.</summary>
    public required ObjectIdentity Object { get; init; }
    /// <summary>The type in the version in which it was observed.</summary>
    public required ResourceType Type { get; init; }
    /// <summary>Added, modified or deleted.</summary>
    public required EventType Event { get; init; }
    /// <summary>The resource version.</summary>
    public required string ResourceVersion { get; init; }
    /// <summary>The position of the event that began it.</summary>
    public required long Position { get; init; }
    /// <summary>When it was observed.</summary>
    public required DateTimeOffset From { get; init; }
    /// <summary>When its successor was observed; null while it holds, and for deletions.</summary>
    public DateTimeOffset? To { get; init; }
    /// <summary>How it was observed.</summary>
    public required Provenance Provenance { get; init; }
    /// <summary>Canonical JSON; empty where the query asked for none.</summary>
    public ReadOnlyMemory<byte> State { get; init; }
}

/// <summary>How a type of a cluster stands in the projection.</summary>
public sealed record TypeStatus
{
    /// <summary>The cluster.</summary>
    public required string Cluster { get; init; }
    /// <summary>The type in the version last observed.</summary>
    public required ResourceType Type { get; init; }
    /// <summary>The last resource version that an event of its stream named.</summary>
    public required string ResourceVersion { get; init; }
    /// <summary>When the last event was observed.</summary>
    public required DateTimeOffset LastObservedAt { get; init; }
    /// <summary>The position of its last event.</summary>
    public required long LastPosition { get; init; }
    /// <summary>Live objects.</summary>
    public required long Objects { get; init; }
    /// <summary>Versions ever recorded, deletions included.</summary>
    public required long Versions { get; init; }
    /// <summary>Gaps ever observed.</summary>
    public required long Gaps { get; init; }
    /// <summary>Whether a <see cref="EventType.SyncCompleted"/> followed the last <see cref="EventType.SyncStarted"/>.</summary>
    public required bool Synced { get; init; }
}

/// <summary>A recorded gap.</summary>
/// <param name="Type">The type.</param>
/// <param name="Position">The position of the event.</param>
/// <param name="FromResourceVersion">The last version known before it; empty when nothing was.</param>
/// <param name="ToResourceVersion">The version of the list that ended it; null while it is open.</param>
/// <param name="From">When the lower bound was last known to hold; null when nothing was.</param>
/// <param name="To">When the list that ended it was complete; null while it is open.</param>
/// <param name="Reason">Why.</param>
public sealed record GapStatus(GroupResource Type, long Position, string FromResourceVersion, string? ToResourceVersion, DateTimeOffset? From, DateTimeOffset? To, string Reason);
