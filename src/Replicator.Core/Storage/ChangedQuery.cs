using Replicator.Core.Kubernetes;

namespace Replicator.Core.Storage;

/// <summary>Which objects to compare, and as of which two moments. The second need not be later than the first.</summary>
public sealed record ChangedQuery
{
    /// <summary>The cluster.</summary>
    public required string Cluster { get; init; }
    /// <summary>The one moment.</summary>
    public required Cut From { get; init; }
    /// <summary>The other.</summary>
    public required Cut To { get; init; }
    /// <summary>Only these types; null for all.</summary>
    public IReadOnlyCollection<GroupResource>? Types { get; init; }
    /// <summary>Only this namespace; null for all.</summary>
    public string? Namespace { get; init; }
}
