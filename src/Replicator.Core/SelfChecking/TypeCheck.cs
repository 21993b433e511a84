using Replicator.Core.Kubernetes;

namespace Replicator.Core.SelfChecking;

/// <summary>What a self-check of one type found.</summary>
public sealed record TypeCheck
{
    /// <summary>The type.</summary>
    public required ResourceType Type { get; init; }
    /// <summary>When it was made.</summary>
    public required DateTimeOffset CheckedAt { get; init; }
    /// <summary>What came of it.</summary>
    public required CheckOutcome Outcome { get; init; }
    /// <summary>The resource version as of which log and server were compared; null where they were not.</summary>
    public string? ResourceVersion { get; init; }
    /// <summary>How many objects the server has that the rules let in.</summary>
    public long Objects { get; init; }
    /// <summary>The digest of the server's (namespace, name, resource version), in hexadecimal; the log's is the same where the outcome is <see cref="CheckOutcome.Equal"/>.</summary>
    public string? Digest { get; init; }
    /// <summary>How many objects differ.</summary>
    public long Differing { get; init; }
    /// <summary>The first of them, by namespace and name.</summary>
    public IReadOnlyList<Difference> First { get; init; } = [];
    /// <summary>Why it could not be made, or what the difference means.</summary>
    public string? Reason { get; init; }
}

/// <summary>What comes of a self-check.</summary>
public enum CheckOutcome
{
    /// <summary>Log and server say the same.</summary>
    Equal,
    /// <summary>They do not.</summary>
    Differs,
    /// <summary>They could not be compared now: a list is under way, or the server did not answer.</summary>
    Skipped,
}
