namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>apps</c>.</summary>
static class AppsTables
{
    public static BuiltInTable[] All =>
    [
        new("deployments.apps",
        [
            Column.Name,
            Column.Text("Ready", "Number of the pod with ready state"),
            Column.Text("Up-to-date", "Total number of non-terminating pods targeted by this deployment that have the desired template spec."),
            Column.Text("Available", "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment."),
            Column.Age,
            Column.Containers,
            Column.Images,
            Column.Text("Selector", "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this deployment. It must match the pod template's labels.", priority: 1),
        ], Deployment),
        new("replicasets.apps",
        [
            Column.Name,
            Column.Integer("Desired", "Replicas is the number of desired pods. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset"),
            Column.Integer("Current", "Replicas is the most recently observed number of non-terminating pods. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset"),
            Column.Integer("Ready", "The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition."),
            Column.Age,
            Column.Containers,
            Column.Images,
            Column.Text("Selector", "Selector is a label query over pods that should match the replica count. Label keys and values that must match in order to be controlled by this replica set. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors", priority: 1),
        ], ReplicaSet),
        new("statefulsets.apps",
        [
            Column.Name,
            Column.Text("Ready", "Number of the pod with ready state"),
            Column.Age,
            Column.Containers,
            Column.Images,
        ], StatefulSet),
        new("daemonsets.apps",
        [
            Column.Name,
            Column.Integer("Desired", "The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod). More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/"),
            Column.Integer("Current", "The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod. More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/"),
            Column.Integer("Ready", "numberReady is the number of nodes that should be running the daemon pod and have one or more of the daemon pod running with a Ready Condition."),
            Column.Integer("Up-to-date", "The total number of nodes that are running updated daemon pod"),
            Column.Integer("Available", "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available (ready for at least spec.minReadySeconds)"),
            Column.Text("Node Selector", "NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node. More info: https://kubernetes.io/docs/concepts/configuration/assign-pod-node/"),
            Column.Age,
            Column.Containers,
            Column.Images,
            Column.Text("Selector", "A label query over pods that are managed by the daemon set. Must match in order to be controlled. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors", priority: 1),
        ], DaemonSet),
        new("controllerrevisions.apps",
        [
            Column.Name,
            Column.Text("Controller", "Controller of the object"),
            Column.Text("Revision", "Revision indicates the revision of the state represented by Data."),
            Column.Age,
        ], ControllerRevision),
    ];

    static void Deployment(TableRow row)
    {
        var (spec, status) = (row.Spec, row.Status);
        row.WriteName();
        row.Text.AddInteger(status["readyReplicas"u8]).Add("/"u8).AddInteger(spec["replicas"u8]);
        row.WriteText();
        row.WriteInteger(status["updatedReplicas"u8]);
        row.WriteInteger(status["availableReplicas"u8]);
        row.WriteAge();
        row.WriteContainers(spec["template"u8]["spec"u8]);
        if (!row.AddSelector(spec["selector"u8]))
            row.Text.Add("<invalid>"u8);
        row.WriteText();
    }

    static void ReplicaSet(TableRow row)
    {
        row.WriteName();
        row.WriteInteger(row.Spec["replicas"u8]);
        row.WriteInteger(row.Status["replicas"u8]);
        row.WriteInteger(row.Status["readyReplicas"u8]);
        row.WriteAge();
        row.WriteContainers(row.Spec["template"u8]["spec"u8]);
        row.WriteSelector(row.Spec["selector"u8]);
    }

    static void StatefulSet(TableRow row)
    {
        row.WriteName();
        row.Text.AddInteger(row.Status["readyReplicas"u8]).Add("/"u8).AddInteger(row.Spec["replicas"u8]);
        row.WriteText();
        row.WriteAge();
        row.WriteContainers(row.Spec["template"u8]["spec"u8]);
    }

    static void DaemonSet(TableRow row)
    {
        var (status, podSpec) = (row.Status, row.Spec["template"u8]["spec"u8]);
        row.WriteName();
        row.WriteInteger(status["desiredNumberScheduled"u8]);
        row.WriteInteger(status["currentNumberScheduled"u8]);
        row.WriteInteger(status["numberReady"u8]);
        row.WriteInteger(status["updatedNumberScheduled"u8]);
        row.WriteInteger(status["numberAvailable"u8]);
        row.WriteLabels(podSpec["nodeSelector"u8]);
        row.WriteAge();
        row.WriteContainers(podSpec);
        row.WriteSelector(row.Spec["selector"u8]);
    }

    static void ControllerRevision(TableRow row)
    {
        row.WriteName();
        foreach (var owner in row.Metadata["ownerReferences"u8])
        {
            if (!owner["controller"u8].IsTrue)
                continue;
            // As a resource is named on a command line: kind.group/name, in small letters.
            var start = row.Text.Length;
            row.Text.AddLower(owner["kind"u8]);
            row.AddGroup(owner["apiVersion"u8]);
            if (row.Text.Length > start)
                row.Text.Add("/"u8);
            row.Text.Add(owner["name"u8]);
            break;
        }
        row.WriteText("<none>"u8);
        row.WriteInteger(row.Object["revision"u8]);
        row.WriteAge();
    }

    /// <summary>Adds the group of an <c>apiVersion</c> behind a dot; nothing for the core group.</summary>
    static void AddGroup(this TableRow row, TapeValue apiVersion)
    {
        var start = row.Text.Length;
        row.Text.Add("."u8).AddLower(apiVersion);
        var slash = row.Text.Written[start..].IndexOf((byte)'/');
        row.Text.Truncate(slash < 0 ? start : start + slash);
    }
}
