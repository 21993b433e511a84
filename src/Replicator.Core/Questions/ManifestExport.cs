using System.Runtime.CompilerServices;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Questions;

/// <summary>The objects of a moment as manifests for <c>kubectl apply</c>: what people and tools asked for, without what the cluster added.</summary>
/// <remarks>
/// Left out, and counted by reason: what a controller made from something else, what every cluster makes for itself, what only reports, and Secrets, whose values the record does not hold.
/// Of each object: status, uid, versions, times, managedFields, owners, and what controllers fill in (<see cref="ManifestCleaner"/>).
/// </remarks>
public sealed class ManifestExport
{
    /// <summary>Types in the order in which they can be applied; those in between keep that of their names, custom resources come last.</summary>
    static readonly string[] Order =
    [
        "customresourcedefinitions.apiextensions.k8s.io", "namespaces", "priorityclasses.scheduling.k8s.io", "runtimeclasses.node.k8s.io", "storageclasses.storage.k8s.io", "networkpolicies.networking.k8s.io", "resourcequotas",
        "limitranges", "poddisruptionbudgets.policy", "serviceaccounts", "secrets", "configmaps", "persistentvolumes", "persistentvolumeclaims", "clusterroles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io", "services", "daemonsets.apps", "pods", "replicationcontrollers",
        "replicasets.apps", "deployments.apps", "statefulsets.apps", "jobs.batch", "cronjobs.batch", "horizontalpodautoscalers.autoscaling", "ingresses.networking.k8s.io",
    ];

    /// <summary>Types whose objects report, or are kept by the cluster itself.</summary>
    static readonly HashSet<string> Reports =
    [
        "events", "events.events.k8s.io", "leases.coordination.k8s.io", "nodes", "endpoints", "endpointslices.discovery.k8s.io", "controllerrevisions.apps", "csinodes.storage.k8s.io", "volumeattachments.storage.k8s.io",
        "csistoragecapacities.storage.k8s.io", "apiservices.apiregistration.k8s.io", "certificatesigningrequests.certificates.k8s.io", "ipaddresses.networking.k8s.io", "servicecidrs.networking.k8s.io",
        "flowschemas.flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "resourceslices.resource.k8s.io", "componentstatuses",
    ];

    static readonly HashSet<string> OwnNamespaces = ["kube-system", "kube-public", "kube-node-lease", "default"];

    readonly ISnapshotStore _snapshots;
    readonly ManifestExportQuery _query;
    readonly SortedDictionary<string, long> _omitted = new(StringComparer.Ordinal);

    /// <summary>Prepares an export.</summary>
    public ManifestExport(ISnapshotStore snapshots, ManifestExportQuery query)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        ArgumentNullException.ThrowIfNull(query);
        (_snapshots, _query) = (snapshots, query);
    }

    /// <summary>How many objects were left out so far, by reason.</summary>
    public IReadOnlyDictionary<string, long> Omitted => _omitted;

    /// <summary>The manifests, canonical JSON, in an order in which they can be applied. Each is valid until the next is asked for.</summary>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var types = (await _snapshots.GetTypesAsync(_query.Cluster, cancellationToken).ConfigureAwait(false)).Select(status => status.Type)
            .Where(type => _query.Types is null || _query.Types.Contains(type.GroupResource)).OrderBy(Rank).ThenBy(type => type.GroupResource.ToString(), StringComparer.Ordinal).ToList();
        var tape = new JsonTape();
        using var output = new PooledBufferWriter();
        foreach (var type in types)
        {
            // Of a namespace, its own object belongs to what is restored.
            var isNamespace = type.GroupResource == new GroupResource("", "namespaces");
            if (_query.Namespace is not null && !type.Namespaced && !isNamespace)
                continue;
            var query = new ObjectQuery { Cluster = _query.Cluster, Type = type.GroupResource, Cut = _query.Cut, Namespace = type.Namespaced ? _query.Namespace : null, Selector = isNamespace && _query.Namespace is not null ? LabelSelector.Everything : _query.Selector };
            await foreach (var one in _snapshots.ListAsync(query, cancellationToken).ConfigureAwait(false))
            {
                if (isNamespace && _query.Namespace is { } only && one.Object.Name != only)
                    continue;
                tape.Parse(one.State.Span);
                var view = new JsonView(tape, tape.Root);
                if (Omission(type, one.Object, view) is { } reason)
                {
                    _omitted[reason] = _omitted.GetValueOrDefault(reason) + 1;
                    continue;
                }
                output.Clear();
                ManifestCleaner.Write(type, view, output);
                yield return output.WrittenMemory;
            }
        }
    }

    int Rank(ResourceType type)
    {
        var place = Array.IndexOf(Order, type.GroupResource.ToString());
        // Groups of the project have a dot in their name only below k8s.io.
        var isBuiltIn = type.Group.Length == 0 || !type.Group.Contains('.', StringComparison.Ordinal) || type.Group.EndsWith(".k8s.io", StringComparison.Ordinal);
        return place >= 0 ? place : isBuiltIn ? Order.Length : Order.Length + 1;
    }

    string? Omission(ResourceType type, ObjectIdentity identity, JsonView item)
    {
        var name = type.GroupResource.ToString();
        var (metadata, isNamed) = (item["metadata"u8], _query.Types is not null);
        if (name == "secrets")
            return "Secrets: their values are not recorded, only fingerprints";
        if (metadata["deletionTimestamp"u8].Exists)
            return "being deleted at that moment";
        if (metadata["ownerReferences"u8].Items.Any(owner => owner["controller"u8].IsTrue))
            return "made by a controller from its owner";
        if (!isNamed && Reports.Contains(name))
            return "kept by the cluster itself: nodes, leases, events, endpoints and the like";
        return IsOfEveryCluster(name, identity, metadata) ? "there in every cluster" : null;
    }

    static bool IsOfEveryCluster(string type, ObjectIdentity identity, JsonView metadata)
    {
        if (metadata["labels"u8]["kubernetes.io/bootstrapping"u8].Exists || metadata["annotations"u8]["apf.kubernetes.io/autoupdate-spec"u8].Exists)
            return true;
        return (type, identity.Namespace, identity.Name) switch
        {
            ("serviceaccounts", _, "default") or ("configmaps", _, "kube-root-ca.crt") or ("services", "default", "kubernetes") => true,
            ("namespaces", _, var name) => OwnNamespaces.Contains(name),
            ("priorityclasses.scheduling.k8s.io", _, var name) => name.StartsWith("system-", StringComparison.Ordinal),
            ("configmaps", "kube-system", "extension-apiserver-authentication" or "kube-apiserver-legacy-service-account-token-tracking") => true,
            ("serviceaccounts", "kube-system", var name) => name.EndsWith("-controller", StringComparison.Ordinal) || name is "generic-garbage-collector" or "root-ca-cert-publisher" or "token-cleaner" or "bootstrap-signer",
            ("deviceclasses.resource.k8s.io", _, var name) => name.EndsWith(".k8s.io", StringComparison.Ordinal),
            _ => false,
        };
    }
}

/// <summary>Which objects to export.</summary>
public sealed record ManifestExportQuery
{
    /// <summary>The cluster.</summary>
    public required string Cluster { get; init; }
    /// <summary>As of when.</summary>
    public required Cut Cut { get; init; }
    /// <summary>Only these types, those that the cluster keeps itself included; null for all but those.</summary>
    public IReadOnlyCollection<GroupResource>? Types { get; init; }
    /// <summary>Only this namespace and what is in it; null for all.</summary>
    public string? Namespace { get; init; }
    /// <summary>Only objects whose labels match.</summary>
    public LabelSelector Selector { get; init; } = LabelSelector.Everything;
}
