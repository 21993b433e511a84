using System.Buffers;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Questions;

/// <summary>Takes out of an object what the API server and its controllers put in.</summary>
static class ManifestCleaner
{
    static readonly string[] Annotations =
    [
        "kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation", "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller",
        "pv.kubernetes.io/provisioned-by", "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node", "control-plane.alpha.kubernetes.io/leader",
        "endpoints.kubernetes.io/last-change-trigger-time", "batch.kubernetes.io/job-tracking",
    ];

    static readonly string[] JobLabels = ["controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"];

    public static void Write(ResourceType type, JsonView item, IBufferWriter<byte> output)
    {
        using var edits = new JsonEdits();
        Remove(edits, item["status"u8]);
        var metadata = item["metadata"u8];
        foreach (var name in (string[])["uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "ownerReferences", "selfLink"])
            Remove(edits, metadata[name]);
        RemoveMembers(edits, metadata["annotations"u8], Annotations);
        CleanFinalizers(edits, metadata["finalizers"u8]);
        var spec = item["spec"u8];
        switch (type.GroupResource.ToString())
        {
            case "services":
                // A headless service says so itself; any other address is the cluster's to give.
                if (spec["clusterIP"u8].Text != "None")
                {
                    Remove(edits, spec["clusterIP"u8]);
                    Remove(edits, spec["clusterIPs"u8]);
                }
                Remove(edits, spec["healthCheckNodePort"u8]);
                break;
            case "pods":
                CleanPod(edits, spec);
                break;
            case "jobs.batch" when !spec["manualSelector"u8].IsTrue:
                Remove(edits, spec["selector"u8]);
                RemoveMembers(edits, metadata["labels"u8], JobLabels);
                RemoveMembers(edits, spec["template"u8]["metadata"u8]["labels"u8], JobLabels);
                break;
            case "persistentvolumeclaims":
                Remove(edits, spec["volumeName"u8]);
                break;
            case "persistentvolumes":
                Remove(edits, spec["claimRef"u8]["uid"u8]);
                Remove(edits, spec["claimRef"u8]["resourceVersion"u8]);
                break;
            case "namespaces":
                Remove(edits, spec["finalizers"u8]);
                break;
            case "serviceaccounts":
                Remove(edits, item["secrets"u8]);
                break;
        }
        CanonicalJson.Write(item.Tape, item.Node, output, edits);
    }

    static void CleanPod(JsonEdits edits, JsonView spec)
    {
        Remove(edits, spec["nodeName"u8]);
        // Admission mounts the token of the service account, by a name that is made up for each pod.
        foreach (var volume in spec["volumes"u8].Items.Where(volume => IsToken(volume["name"u8].Text)))
            Remove(edits, volume);
        foreach (var list in (string[])["containers", "initContainers", "ephemeralContainers"])
        {
            foreach (var mount in spec[list].Items.SelectMany(container => container["volumeMounts"u8].Items).Where(mount => IsToken(mount["name"u8].Text)))
                Remove(edits, mount);
        }
        Remove(edits, spec["ephemeralContainers"u8]);
    }

    static bool IsToken(string? volume) => volume?.StartsWith("kube-api-access-", StringComparison.Ordinal) == true;

    static void CleanFinalizers(JsonEdits edits, JsonView finalizers)
    {
        foreach (var finalizer in finalizers.Items)
        {
            if (finalizer.Text is "foregroundDeletion" or "orphan" || finalizer.Text?.StartsWith("kubernetes.io/", StringComparison.Ordinal) == true || finalizer.Text?.Contains(".kubernetes.io/", StringComparison.Ordinal) == true || finalizer.Text == "customresourcecleanup.apiextensions.k8s.io")
                Remove(edits, finalizer);
        }
    }

    static void RemoveMembers(JsonEdits edits, JsonView map, string[] names)
    {
        var found = names.Select(name => map[name]).Where(member => member.Exists).ToList();
        // An empty map says nothing.
        if (found.Count == map.Count)
            Remove(edits, map);
        else
            found.ForEach(member => Remove(edits, member));
    }

    static void Remove(JsonEdits edits, JsonView value)
    {
        if (value.Exists)
            edits.Remove(value.Node);
    }
}
