using Replicator.Core.Kubernetes;

namespace Replicator.Core.Events;

/// <summary>The name of a stream: <c>k8s-{cluster}-{plural}[.{group}]</c> for a reflector, <c>k8s-{cluster}-$discovery</c> and <c>k8s-{cluster}-$openapi</c> for what the server says of itself.</summary>
public readonly record struct StreamId
{
    /// <summary>The stream of one resource type of one cluster.</summary>
    public StreamId(string cluster, GroupResource type) : this($"k8s-{cluster}-{type}") { }

    StreamId(string name) => Name = name;

    /// <summary>The whole name.</summary>
    public string Name { get; }

    /// <summary>The stream of a cluster's discovery documents.</summary>
    public static StreamId Discovery(string cluster) => new($"k8s-{cluster}-$discovery");

    /// <summary>The stream of a cluster's OpenAPI documents, apart from those of discovery, which are small and read often.</summary>
    public static StreamId OpenApi(string cluster) => new($"k8s-{cluster}-$openapi");

    /// <summary>A stream by the name that a store holds.</summary>
    public static StreamId FromName(string name) => new(name);

    /// <inheritdoc/>
    public override string ToString() => Name;
}
