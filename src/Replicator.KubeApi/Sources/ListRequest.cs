using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>What a client asks of a list.</summary>
public sealed record ListRequest
{
    /// <summary>Only this namespace; null for all.</summary>
    public string? Namespace { get; init; }
    /// <summary>Only the object of this name; null for all.</summary>
    public string? Name { get; init; }
    /// <summary>Only objects whose labels match.</summary>
    public LabelSelector Labels { get; init; } = LabelSelector.Everything;
    /// <summary>Only what comes behind this object: where the last page ended.</summary>
    public (string Namespace, string Name)? After { get; init; }
    /// <summary>At most so many.</summary>
    public long Limit { get; init; } = long.MaxValue;
    /// <summary>A resource version that the list must not be older than; null for that of the moment.</summary>
    public string? ResourceVersion { get; init; }
    /// <summary>Whether the list is to be of exactly that version.</summary>
    public bool IsExact { get; init; }
    /// <summary>The state of which the page before was taken (<see cref="ObjectListing.Anchor"/>), with the version that it named; null for the first page.</summary>
    public (string Anchor, string Version)? Pinned { get; init; }
}

/// <summary>An opened list. The states of its objects are valid until the next is asked for.</summary>
public sealed record ObjectListing
{
    /// <summary>The version from which a watch goes on.</summary>
    public required string ResourceVersion { get; init; }
    /// <summary>Names the state of which it was taken, for the pages that follow: they see the same.</summary>
    public required string Anchor { get; init; }
    /// <summary>The objects, in the order of namespace and name.</summary>
    public required IAsyncEnumerable<Core.Storage.StoredObject> Objects { get; init; }
    /// <summary>Counts what the whole list holds, whatever its limit.</summary>
    public required Func<CancellationToken, ValueTask<long>> CountAsync { get; init; }
}
