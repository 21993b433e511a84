namespace Replicator.Core.Kubernetes;

/// <summary>Which object: namespace (empty for cluster-scoped types), name, and the uid that tells one life of a name from the next.</summary>
public readonly record struct ObjectIdentity(string Namespace, string Name, string Uid)
{
    /// <inheritdoc/>
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}
