namespace Replicator.Core.Kubernetes;

/// <summary>A resource as an API server serves it: group, version, plural name, kind and scope.</summary>
/// <remarks>The core group is the empty string. Identity of a stored type is <see cref="GroupResource"/>: one stored object is served in every version of its group.</remarks>
public sealed record ResourceType(string Group, string Version, string Resource, string Kind, bool Namespaced)
{
    /// <summary>What names the type whatever version it is served in.</summary>
    public GroupResource GroupResource => new(Group, Resource);

    /// <summary><c>v1</c> for the core group, otherwise <c>group/version</c>.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The path of the collection over all namespaces, without a leading slash: <c>api/v1/pods</c>, <c>apis/apps/v1/deployments</c>.</summary>
    public string CollectionPath => Group.Length == 0 ? $"api/{Version}/{Resource}" : $"apis/{Group}/{Version}/{Resource}";
}
