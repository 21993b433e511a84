using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>A resource in one version in which a server serves it.</summary>
public sealed record ServedResource
{
    /// <summary>Group, version, plural, kind and scope.</summary>
    public required ResourceType Type { get; init; }
    /// <summary>The type under which its objects are recorded: that of the core group for the events of <c>events.k8s.io</c>, which are the same.</summary>
    public required GroupResource Stored { get; init; }
    /// <summary>Whether a CustomResourceDefinition defines it.</summary>
    public CustomResource? Custom { get; init; }
    /// <summary>The fields of a custom resource by which it may be selected, such as <c>spec.color</c>.</summary>
    public IReadOnlyList<string> SelectableFields { get; init; } = [];
}
