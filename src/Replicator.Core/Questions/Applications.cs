using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Questions;

/// <summary>The workloads of a moment by what they belong to: an application as a custom resource, a Helm release, or the recommended labels.</summary>
/// <remarks>
/// Workloads are what makes pods and is not itself made by something else, and pods that nothing made. One may be in several groups.
/// Labels: <c>app.kubernetes.io/part-of</c>, else <c>instance</c>, else <c>name</c> (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/). Helm: the annotations
/// <c>meta.helm.sh/release-name</c> and <c>release-namespace</c>. Custom resources: every recorded kind <c>Application</c>; it owns what its <c>status.resources</c> lists (Argo CD), its <c>spec.selector</c> selects
/// (app.k8s.io), or its <c>spec.components</c> name (Open Application Model).
/// </remarks>
public static class Applications
{
    const string Recommended = "app.kubernetes.io/";

    static readonly GroupResource[] Workloads =
        [new("apps", "deployments"), new("apps", "statefulsets"), new("apps", "daemonsets"), new("apps", "replicasets"), new("batch", "cronjobs"), new("batch", "jobs"), new("", "pods"), new("", "replicationcontrollers")];

    /// <summary>The groups, by kind, namespace and name; workloads that belong to nothing come last, each on its own.</summary>
    public static async ValueTask<IReadOnlyList<ApplicationGroup>> ReadAsync(ISnapshotStore snapshots, string cluster, Cut cut, string? @namespace, LabelSelector selector, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        var types = (await snapshots.GetTypesAsync(cluster, cancellationToken).ConfigureAwait(false)).Select(status => status.Type).ToList();
        var workloads = new List<Workload>();
        var tape = new JsonTape();
        foreach (var type in Workloads.Select(wanted => types.Find(type => type.GroupResource == wanted)).OfType<ResourceType>())
        {
            var query = new ObjectQuery { Cluster = cluster, Type = type.GroupResource, Cut = cut, Namespace = @namespace, Selector = selector };
            await foreach (var one in snapshots.ListAsync(query, cancellationToken).ConfigureAwait(false))
            {
                tape.Parse(one.State.Span);
                var view = new JsonView(tape, tape.Root);
                var metadata = view["metadata"u8];
                if (!metadata["ownerReferences"u8].Items.Any(owner => owner["controller"u8].IsTrue))
                    workloads.Add(new Workload(new ApplicationWorkload(type, one.Object, ObjectHealth.Of(view), Readiness.Of(view)), Strings(metadata["labels"u8]), Strings(metadata["annotations"u8])));
            }
        }
        var groups = new List<ApplicationGroup>();
        var grouped = new HashSet<Workload>();
        foreach (var type in types.Where(type => type.Kind == "Application"))
        {
            await foreach (var one in snapshots.ListAsync(new ObjectQuery { Cluster = cluster, Type = type.GroupResource, Cut = cut, Namespace = @namespace }, cancellationToken).ConfigureAwait(false))
            {
                var view = JsonView.Parse(one.State.Span);
                var members = workloads.Where(workload => IsOf(view, one.Object, workload)).ToList();
                grouped.UnionWith(members);
                var own = ObjectHealth.Of(view).Status;
                groups.Add(Group($"{type.Kind}.{type.Group}", one.Object.Name, one.Object.Namespace, members, own));
            }
        }
        foreach (var (by, key) in ((string, Func<Workload, (string Name, string Namespace)?>)[])[("helm", Release), ("labels", LabelledApplication)])
        {
            foreach (var members in workloads.Select(workload => (Workload: workload, Key: key(workload))).Where(pair => pair.Key is not null).GroupBy(pair => pair.Key!.Value, pair => pair.Workload).OrderBy(group => group.Key.Namespace, StringComparer.Ordinal).ThenBy(group => group.Key.Name, StringComparer.Ordinal))
            {
                grouped.UnionWith(members);
                groups.Add(Group(by, members.Key.Name, members.Key.Namespace, [.. members], HealthStatus.Healthy));
            }
        }
        foreach (var alone in workloads.Where(workload => !grouped.Contains(workload)).OrderBy(workload => workload.Shown.Object.Namespace, StringComparer.Ordinal).ThenBy(workload => workload.Shown.Object.Name, StringComparer.Ordinal))
            groups.Add(Group("none", alone.Shown.Object.Name, alone.Shown.Object.Namespace, [alone], HealthStatus.Healthy));
        return groups;
    }

    static ApplicationGroup Group(string by, string name, string @namespace, List<Workload> members, HealthStatus own) => new(by, name, @namespace,
        string.Join(", ", members.Select(member => member.Labels.GetValueOrDefault($"{Recommended}version")).OfType<string>().Distinct().Order(StringComparer.Ordinal)),
        ObjectHealth.Worst(members.Select(member => member.Shown.Health.Status).Append(own)), [.. members.Select(member => member.Shown)]);

    static (string, string)? Release(Workload workload) =>
        workload.Annotations.TryGetValue("meta.helm.sh/release-name", out var name) ? (name, workload.Annotations.GetValueOrDefault("meta.helm.sh/release-namespace", workload.Shown.Object.Namespace)) : null;

    static (string, string)? LabelledApplication(Workload workload)
    {
        foreach (var label in (string[])["part-of", "instance", "name"])
        {
            if (workload.Labels.TryGetValue(Recommended + label, out var name))
                return (name, workload.Shown.Object.Namespace);
        }
        return null;
    }

    static bool IsOf(JsonView application, ObjectIdentity identity, Workload workload)
    {
        var shown = workload.Shown;
        if (application["status"u8]["resources"u8] is { Count: > 0 } resources)
        {
            return resources.Items.Any(resource => resource["kind"u8].Text == shown.Type.Kind && (resource["group"u8].Text ?? "") == shown.Type.Group && resource["name"u8].Text == shown.Object.Name
                && (resource["namespace"u8].Text ?? "") == shown.Object.Namespace);
        }
        if (shown.Object.Namespace != identity.Namespace && identity.Namespace.Length > 0)
            return false;
        if (application["spec"u8]["selector"u8]["matchLabels"u8] is { Count: > 0 } labels)
            return labels.Members.All(label => workload.Labels.GetValueOrDefault(label.Name) == label.Value.Text);
        return application["spec"u8]["components"u8].Items.Any(component => component["name"u8].Text is { } name && (name == shown.Object.Name || workload.Labels.GetValueOrDefault("app.oam.dev/component") == name));
    }

    static Dictionary<string, string> Strings(JsonView map) => map.Members.Where(member => member.Value.Text is not null).ToDictionary(member => member.Name, member => member.Value.Text!);

    sealed record Workload(ApplicationWorkload Shown, Dictionary<string, string> Labels, Dictionary<string, string> Annotations);
}

/// <summary>Workloads that belong together.</summary>
/// <param name="By">What says so: the kind and group of a custom resource, <c>helm</c>, <c>labels</c>, or <c>none</c> for a workload on its own.</param>
/// <param name="Name">The application's name.</param>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Version">What <c>app.kubernetes.io/version</c> says; empty where nothing does.</param>
/// <param name="Health">The worst of its workloads' and its own.</param>
/// <param name="Workloads">The workloads.</param>
public sealed record ApplicationGroup(string By, string Name, string Namespace, string Version, HealthStatus Health, IReadOnlyList<ApplicationWorkload> Workloads);

/// <summary>A workload of an application.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Object">Which.</param>
/// <param name="Health">How it fares.</param>
/// <param name="Ready">How much of it is ready; empty where that means nothing.</param>
public sealed record ApplicationWorkload(ResourceType Type, ObjectIdentity Object, ObjectHealth Health, string Ready);
