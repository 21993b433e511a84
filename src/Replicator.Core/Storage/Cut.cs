namespace Replicator.Core.Storage;

/// <summary>An exact moment of the log.</summary>
/// <remarks>Intervals are half-open: a version holds from its own moment (inclusive) to its successor's (exclusive).</remarks>
public readonly record struct Cut
{
    Cut(CutKind kind, long value, string? version) => (Kind, Value, Version) = (kind, value, version);

    /// <summary>By what the moment is given.</summary>
    public CutKind Kind { get; }
    /// <summary>The log position, or microseconds since 1970 in UTC.</summary>
    public long Value { get; }
    /// <summary>The resource version, decimal.</summary>
    public string? Version { get; }

    /// <summary>As of the last applied event.</summary>
    public static Cut Now { get; } = new(CutKind.Now, long.MaxValue, null);
    /// <summary>As of a log position (inclusive).</summary>
    public static Cut AtPosition(long position) => new(CutKind.Position, position, null);
    /// <summary>As of a time: what had been observed by then (inclusive).</summary>
    public static Cut AtTime(DateTimeOffset time) => new(CutKind.Time, Events.HashChain.Microseconds(time), null);
    /// <summary>
    /// As of a resource version (inclusive): an exact cut across all types of one etcd. Where an etcd was restored and its versions ran backwards, of each type the newest epoch is meant whose first list is not newer than the
    /// version: what the server itself would call so now. Moments of a past that the restore undid have positions and times only.
    /// </summary>
    public static Cut AtResourceVersion(string version) => new(CutKind.ResourceVersion, 0, version);
}

/// <summary>By what a <see cref="Cut"/> is given.</summary>
public enum CutKind
{
    /// <summary>The end of what is applied.</summary>
    Now,
    /// <summary>A log position.</summary>
    Position,
    /// <summary>A time of observation.</summary>
    Time,
    /// <summary>A resource version.</summary>
    ResourceVersion,
}
