using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>By which fields the API server of Kubernetes 1.36 lets each resource be selected, and its words where it does not (the field label conversions of k8s.io/kubernetes).</summary>
static class SelectableFields
{
    static readonly SelectableField Name = new("metadata.name"), Namespace = new("metadata.namespace");

    static readonly Dictionary<GroupResource, (SelectableField[] Fields, Func<string, ResourceType, string> Refusal)> Fields = new()
    {
        [new("", "pods")] =
        (
            [
                Name, Namespace, new("spec.nodeName"), new("spec.host", "spec.nodeName"), new("spec.restartPolicy"), new("spec.schedulerName"), new("spec.serviceAccountName"),
                new("spec.hostNetwork") { Default = "false" }, new("status.phase"), new("status.podIP"), new("status.podIPs") { IsAlwaysEmpty = true }, new("status.nominatedNodeName"),
            ], Unsupported
        ),
        [new("", "nodes")] = ([Name, new("spec.unschedulable") { Default = "false" }], Unsupported),
        [new("", "replicationcontrollers")] = ([Name, Namespace, new("status.replicas") { Default = "0" }], Unsupported),
        [new("", "events")] =
        (
            [
                Name, Namespace, .. new[] { "kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath" }.Select(field => Either($"involvedObject.{field}", $"regarding.{field}")),
                new("reason"), Reporter("reportingComponent"), Either("source", "source.component", "deprecatedSource.component", Reporter("source")), new("type"),
            ], Unsupported
        ),
        [new("events.k8s.io", "events")] =
        (
            [
                Name, Namespace, .. new[] { "kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath" }.Select(field => Either($"regarding.{field}", $"involvedObject.{field}")),
                new("reason"), Reporter("reportingController"), new("type"),
            ], Unsupported
        ),
        [new("", "namespaces")] = ([Name, new("status.phase")], Unsupported),
        [new("", "secrets")] = ([Name, Namespace, new("type")], Unsupported),
        [new("", "services")] = ([Name, Namespace, new("spec.clusterIP"), new("spec.type")], Unsupported),
        [new("batch", "jobs")] = ([Name, Namespace, new("status.successful", "status.succeeded") { Default = "0" }], (field, type) => $"field label \"{field}\" not supported for \"{type.Kind}\""),
        [new("batch", "cronjobs")] = ([Name, Namespace, new("status.successful") { IsAlwaysEmpty = true }], (field, type) => $"field label \"{field}\" not supported for \"{type.Kind}\""),
        [new("apps", "statefulsets")] = ([Name, Namespace, new("status.successful") { IsAlwaysEmpty = true }], (field, _) => $"field label not supported for appsv1.StatefulSet: {field}"),
        [new("certificates.k8s.io", "certificatesigningrequests")] = ([Name, new("spec.signerName")], Unsupported),
        [new("certificates.k8s.io", "clustertrustbundles")] = ([Name, new("spec.signerName")], Unsupported),
        [new("certificates.k8s.io", "podcertificaterequests")] = ([Name, Namespace, new("spec.signerName"), new("spec.podName"), new("spec.nodeName")], Unsupported),
        [new("resource.k8s.io", "resourceslices")] = ([Name, new("spec.nodeName"), new("spec.driver")], (field, type) => $"field label not supported for {type.ApiVersion}, Kind={type.Kind}: {field}"),
    };

    /// <exception cref="KubeApiException">The resource cannot be selected by it.</exception>
    public static SelectableField Find(ServedResource resource, string field)
    {
        var type = resource.Type;
        if (Fields.TryGetValue(type.GroupResource, out var known))
            return Array.Find(known.Fields, one => one.Name == field) ?? throw KubeApiException.BadRequest(known.Refusal(field, type));
        if (field is "metadata.name" or "metadata.namespace")
            return field == "metadata.name" ? Name : Namespace;
        if (resource.SelectableFields.Contains(field))
            return new SelectableField(field);
        if (resource.Custom is not null && resource.SelectableFields.Count > 0)
            throw KubeApiException.BadRequest($"field label not supported: {field}");
        throw KubeApiException.BadRequest($"\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"");
    }

    // Events are selected as they are stored, which may be in the other group's form.
    static SelectableField Either(string name, string other) => new(name) { Else = new(name, other) };

    static SelectableField Either(string name, string path, string other, SelectableField fallback) => new(name, path) { Else = new(name, other) { Else = fallback } };

    static SelectableField Reporter(string name) => new(name, "reportingComponent") { Else = new(name, "reportingController") };

    static string Unsupported(string field, ResourceType type) => $"field label not supported: {field}";
}
