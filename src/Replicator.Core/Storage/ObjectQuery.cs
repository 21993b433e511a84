using Replicator.Core.Kubernetes;

namespace Replicator.Core.Storage;

/// <summary>Which objects of a type, as of when.</summary>
public sealed record ObjectQuery
{
    /// <summary>The cluster.</summary>
    public required string Cluster { get; init; }
    /// <summary>The type.</summary>
    public required GroupResource Type { get; init; }
    /// <summary>As of when.</summary>
    public required Cut Cut { get; init; }
    /// <summary>Only this namespace; null for all.</summary>
    public string? Namespace { get; init; }
    /// <summary>Only objects whose labels match.</summary>
    public LabelSelector Selector { get; init; } = LabelSelector.Everything;
    /// <summary>Only objects that name an owner of one of these uids (<c>metadata.ownerReferences</c>); null for all.</summary>
    public IReadOnlyCollection<string>? OwnerUids { get; init; }
    /// <summary>Only objects after this one in the order of namespace and name: where the last page ended.</summary>
    public (string Namespace, string Name)? After { get; init; }
    /// <summary>At most so many.</summary>
    public long Limit { get; init; } = long.MaxValue;
}
