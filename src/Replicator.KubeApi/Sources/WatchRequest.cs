using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>Where a watch begins.</summary>
/// <param name="ResourceVersion">Behind this version; null to begin with the objects of the moment, as added.</param>
/// <param name="EndsInitialEvents">Whether to say by a bookmark where those objects end.</param>
public sealed record WatchRequest(string? ResourceVersion, bool EndsInitialEvents);

/// <summary>What a watch shows.</summary>
public readonly record struct WatchEvent
{
    /// <summary>What happened.</summary>
    public required WatchEventKind Kind { get; init; }
    /// <summary>The version of the object, or up to which nothing is still to come.</summary>
    public required string ResourceVersion { get; init; }
    /// <summary>Whether a client may resume from <see cref="ResourceVersion"/>: not within a list, whose objects come in no order.</summary>
    public bool MayResume { get; init; }
    /// <summary>The object; default for a bookmark.</summary>
    public ObjectIdentity Object { get; init; }
    /// <summary>The object as JSON; for a deletion its last state with the version of the deletion.</summary>
    public ReadOnlyMemory<byte> State { get; init; }
    /// <summary>The moment that ages in it count to: when it happened.</summary>
    public required DateTimeOffset At { get; init; }
    /// <summary>Where it stands among all changes, counted from 1; 0 for what a watch begins with.</summary>
    public long Position { get; init; }
}

/// <summary>The kinds of <see cref="WatchEvent"/>.</summary>
public enum WatchEventKind
{
    /// <summary>An object that was not there before.</summary>
    Added,
    /// <summary>An object that has changed.</summary>
    Modified,
    /// <summary>An object that is gone.</summary>
    Deleted,
    /// <summary>Nothing up to this version is still to come.</summary>
    Bookmark,
    /// <summary>The objects with which the watch began are all there.</summary>
    InitialEventsEnd,
}
