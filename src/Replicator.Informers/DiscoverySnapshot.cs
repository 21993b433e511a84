using Replicator.Core.Kubernetes;

namespace Replicator.Informers;

/// <summary>What a server serves, at one moment.</summary>
public sealed record DiscoverySnapshot
{
    /// <summary>Every type that can be listed and watched, each stored object under one of them only, in the version that the server prefers; ordered by group and resource.</summary>
    public required IReadOnlyList<ResourceType> Types { get; init; }

    /// <summary>The documents as the server wrote them, ordered by path: what can be recorded, and served again later.</summary>
    public required IReadOnlyList<DiscoveryDocument> Documents { get; init; }

    /// <summary>What could not be discovered, and why. Types of these groups may be missing from <see cref="Types"/> although they exist.</summary>
    public required IReadOnlyList<DiscoveryProblem> Problems { get; init; }

    /// <summary>When it was asked for, in UTC.</summary>
    public required DateTimeOffset ObservedAt { get; init; }
}
