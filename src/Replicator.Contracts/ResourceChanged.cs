namespace Replicator.Contracts;

/// <summary>A change of an object, or what the observer confesses about itself, as the log recorded it.</summary>
/// <remarks>
/// <para>The changes of one object (of one cluster, type, namespace and name) are published in the order of the log; those of different objects may overtake each other, but none overtakes what the observer says of itself
/// (GAP, SYNC_STARTED, SYNC_COMPLETED, PROGRESSED, DISCOVERY), in neither direction.</para>
/// <para>Delivery is at least once: <see cref="EventId"/> and <see cref="Revision"/> are the same in every repetition. Who keeps the newest state of each object drops what has no greater <see cref="Revision"/> than the last that he took of it.</para>
/// <para>The object itself is fetched from the API by <see cref="Position"/> or <see cref="ResourceVersion"/>.</para>
/// </remarks>
public sealed record ResourceChanged
{
    /// <summary>Deterministic: the same change always has the same id.</summary>
    public required Guid EventId { get; init; }
    /// <summary>The place in the whole log.</summary>
    public required long Position { get; init; }
    /// <summary>The stream.</summary>
    public required string Stream { get; init; }
    /// <summary>The place in the stream.</summary>
    public required long Revision { get; init; }
    /// <summary><c>ADDED</c>, <c>MODIFIED</c>, <c>DELETED</c>, <c>GAP</c>, <c>SYNC_STARTED</c>, <c>SYNC_COMPLETED</c>, <c>PROGRESSED</c>, <c>DISCOVERY</c> or <c>RULES</c>.</summary>
    public required string Type { get; init; }
    /// <summary>The cluster's id.</summary>
    public required string Cluster { get; init; }
    /// <summary>The API group; empty for the core group.</summary>
    public required string Group { get; init; }
    /// <summary>The version in which the object was observed.</summary>
    public required string Version { get; init; }
    /// <summary>The plural name.</summary>
    public required string Resource { get; init; }
    /// <summary>The kind.</summary>
    public required string Kind { get; init; }
    /// <summary>The namespace; empty for cluster-scoped objects.</summary>
    public required string Namespace { get; init; }
    /// <summary>The name; empty where no object is concerned.</summary>
    public required string Name { get; init; }
    /// <summary>The uid.</summary>
    public required string Uid { get; init; }
    /// <summary>The resource version.</summary>
    public required string ResourceVersion { get; init; }
    /// <summary>When it was observed, in UTC.</summary>
    public required DateTimeOffset ObservedAt { get; init; }
    /// <summary><c>watch</c>, <c>list</c>, <c>relist</c> or <c>import</c>.</summary>
    public required string Provenance { get; init; }
    /// <summary>The event's hash, in hexadecimal.</summary>
    public required string Hash { get; init; }
    /// <summary>The lower bound of a gap: the last resource version known before it, empty when nothing was. Null but for <c>GAP</c>.</summary>
    public string? GapFrom { get; init; }
    /// <summary>When the lower bound of a gap was last known to hold, in UTC.</summary>
    public DateTimeOffset? GapFromTime { get; init; }
    /// <summary>Why there is a gap.</summary>
    public string? Reason { get; init; }
}
