using Replicator.Core.Kubernetes;

namespace Replicator.TestKit.ApiServer;

/// <summary>A type that a test's API server serves, in one or more versions of its group.</summary>
public sealed class ServedType(string group, string resource, string kind, bool namespaced, params string[] versions)
{
    public string Group { get; } = group;
    public string Resource { get; } = resource;
    public string Kind { get; } = kind;
    public bool Namespaced { get; } = namespaced;

    /// <summary>In the server's order of preference.</summary>
    public List<string> Versions { get; } = [.. versions];

    /// <summary>Whether its objects are custom resources: their lists carry <c>apiVersion</c> and <c>kind</c> in each item, and <c>items</c> before <c>metadata</c>.</summary>
    public bool IsCustom { get; init; }

    public GroupResource GroupResource => new(Group, Resource);

    public ResourceType In(string version) => new(Group, version, Resource, Kind, Namespaced);

    public ResourceType Preferred => In(Versions[0]);

    public static ServedType Pods() => new("", "pods", "Pod", true, "v1");
    public static ServedType ConfigMaps() => new("", "configmaps", "ConfigMap", true, "v1");
    public static ServedType Namespaces() => new("", "namespaces", "Namespace", false, "v1");
    public static ServedType Nodes() => new("", "nodes", "Node", false, "v1");
    public static ServedType Events() => new("", "events", "Event", true, "v1");
    public static ServedType EventsAgain() => new("events.k8s.io", "events", "Event", true, "v1");
    public static ServedType Deployments() => new("apps", "deployments", "Deployment", true, "v1");
    public static ServedType CustomResourceDefinitions() => new("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", false, "v1");
    public static ServedType ApiServices() => new("apiregistration.k8s.io", "apiservices", "APIService", false, "v1");
}
