using Replicator.Core.Kubernetes;

namespace Replicator.Informers;

/// <summary>How one reflector fares, at one moment.</summary>
public sealed record ReflectorHealth
{
    /// <summary>The type.</summary>
    public required ResourceType Type { get; init; }
    /// <summary>What it is doing.</summary>
    public required ReflectorState State { get; init; }
    /// <summary>The resource version that it would go on from; null where it would list.</summary>
    public required string? ResourceVersion { get; init; }
    /// <summary>The last thing that went wrong, in one line; null when nothing has since the last snapshot or watch line that came through.</summary>
    public required string? LastError { get; init; }
    /// <summary>When the server last sent anything, in UTC.</summary>
    public required DateTimeOffset? LastActivity { get; init; }
    /// <summary>How many deltas the sink has acknowledged.</summary>
    public required long Deltas { get; init; }
    /// <summary>How many watches were opened after the first.</summary>
    public required long Reconnects { get; init; }
    /// <summary>How many snapshots were taken, or begun, after the first.</summary>
    public required long Relists { get; init; }
    /// <summary>How often changes may have been missed: each is a gap in the log.</summary>
    public required long Gaps { get; init; }
    /// <summary>How many lines were not what an API server sends. None was skipped: each was asked for again.</summary>
    public required long Malformed { get; init; }
}
