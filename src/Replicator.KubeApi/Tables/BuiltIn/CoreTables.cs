namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The core group.</summary>
static class CoreTables
{
    public static BuiltInTable[] All =>
    [
        new("pods", PodTable.Definition),
        new("podtemplates",
        [
            Column.Name,
            Column.Text("Containers", "Names of each container in the template."),
            Column.Text("Images", "Images referenced by each container in the template."),
            Column.Text("Pod Labels", "The labels for the pod template."),
        ], PodTemplate),
        new("replicationcontrollers",
        [
            Column.Name,
            Column.Integer("Desired", "Replicas is the number of desired replicas. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller"),
            Column.Integer("Current", "Replicas is the most recently observed number of replicas. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller"),
            Column.Integer("Ready", "The number of ready replicas for this replication controller."),
            Column.Age,
            Column.Containers,
            Column.Images,
            Column.Text("Selector", "Selector is a label query over pods that should match the Replicas count. If Selector is empty, it is defaulted to the labels present on the Pod template. Label keys and values that must match in order to be controlled by this replication controller, if empty defaulted to labels on Pod template. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors", priority: 1),
        ], ReplicationController),
        new("services",
        [
            Column.Name,
            Column.Text("Type", "type determines how the Service is exposed. Defaults to ClusterIP. Valid options are ExternalName, ClusterIP, NodePort, and LoadBalancer. \"ClusterIP\" allocates a cluster-internal IP address for load-balancing to endpoints. Endpoints are determined by the selector or if that is not specified, by manual construction of an Endpoints object or EndpointSlice objects. If clusterIP is \"None\", no virtual IP is allocated and the endpoints are published as a set of endpoints rather than a virtual IP. \"NodePort\" builds on ClusterIP and allocates a port on every node which routes to the same endpoints as the clusterIP. \"LoadBalancer\" builds on NodePort and creates an external load-balancer (if supported in the current cloud) which routes to the same endpoints as the clusterIP. \"ExternalName\" aliases this service to the specified externalName. Several other fields do not apply to ExternalName services. More info: https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types"),
            Column.Text("Cluster-IP", "clusterIP is the IP address of the service and is usually assigned randomly. If an address is specified manually, is in-range (as per system configuration), and is not in use, it will be allocated to the service; otherwise creation of the service will fail. This field may not be changed through updates unless the type field is also being changed to ExternalName (which requires this field to be blank) or the type field is being changed from ExternalName (in which case this field may optionally be specified, as describe above).  Valid values are \"None\", empty string (\"\"), or a valid IP address. Setting this to \"None\" makes a \"headless service\" (no virtual IP), which is useful when direct endpoint connections are preferred and proxying is not required.  Only applies to types ClusterIP, NodePort, and LoadBalancer. If this field is specified when creating a Service of type ExternalName, creation will fail. This field will be wiped when updating a Service to type ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies"),
            Column.Text("External-IP", "externalIPs is a list of IP addresses for which nodes in the cluster will also accept traffic for this service.  These IPs are not managed by Kubernetes.  The user is responsible for ensuring that traffic arrives at a node with this IP.  A common example is external load-balancers that are not part of the Kubernetes system."),
            Column.Text("Port(s)", "The list of ports that are exposed by this service. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies"),
            Column.Age,
            Column.Text("Selector", "Route service traffic to pods with label keys and values matching this selector. If empty or not present, the service is assumed to have an external process managing its endpoints, which Kubernetes will not modify. Only applies to types ClusterIP, NodePort, and LoadBalancer. Ignored if type is ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/", priority: 1),
        ], ServiceCells.Write),
        new("endpoints",
        [
            Column.Name,
            Column.Text("Endpoints", "The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to the IPs they share. A single address with multiple ports, some of which are ready and some of which are not (because they come from different containers) will result in the address being displayed in different subsets for the different ports. No address will appear in both Addresses and NotReadyAddresses in the same subset. Sets of addresses and ports that comprise a service."),
            Column.Age,
        ], Endpoints),
        new("nodes",
        [
            Column.Name,
            Column.Text("Status", "The status of the node"),
            Column.Text("Roles", "The roles of the node"),
            Column.Age,
            Column.Text("Version", "Kubelet Version reported by the node."),
            Column.Text("Internal-IP", "List of addresses reachable to the node. Queried from cloud provider, if available. More info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that inherit a Node's address in its own status or consumers of the downward API (status.hostIP).", priority: 1),
            Column.Text("External-IP", "List of addresses reachable to the node. Queried from cloud provider, if available. More info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that inherit a Node's address in its own status or consumers of the downward API (status.hostIP).", priority: 1),
            Column.Text("OS-Image", "OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy)).", priority: 1),
            Column.Text("Kernel-Version", "Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64).", priority: 1),
            Column.Text("Container-Runtime", "ContainerRuntime Version reported by the node through runtime remote API (e.g. containerd://1.4.2).", priority: 1),
        ], Node),
        new("namespaces",
        [
            Column.Name,
            Column.Text("Status", "The status of the namespace"),
            Column.Age,
        ], Namespace),
        new("secrets",
        [
            Column.Name,
            Column.Text("Type", "Used to facilitate programmatic handling of secret data. More info: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types"),
            Column.Text("Data", "Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' or '.'. The serialized form of the secret data is a base64 encoded string, representing the arbitrary (possibly non-string) data value here. Described in https://tools.ietf.org/html/rfc4648#section-4"),
            Column.Age,
        ], Secret),
        new("configmaps",
        [
            Column.Name,
            Column.Text("Data", "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the BinaryData field, this is enforced during validation process."),
            Column.Age,
        ], ConfigMap),
        new("serviceaccounts",
        [
            Column.Name,
            Column.Age,
        ], NameAndAge),
        new("persistentvolumes",
        [
            Column.Name,
            Column.Text("Capacity", "capacity is the description of the persistent volume's resources and capacity. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#capacity"),
            Column.Text("Access Modes", "accessModes contains all ways the volume can be mounted. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#access-modes"),
            Column.Text("Reclaim Policy", "persistentVolumeReclaimPolicy defines what happens to a persistent volume when released from its claim. Valid options are Retain (default for manually created PersistentVolumes), Delete (default for dynamically provisioned PersistentVolumes), and Recycle (deprecated). Recycle must be supported by the volume plugin underlying this PersistentVolume. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#reclaiming"),
            Column.Text("Status", "phase indicates if a volume is available, bound to a claim, or released by a claim. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#phase"),
            Column.Text("Claim", "claimRef is part of a bi-directional binding between PersistentVolume and PersistentVolumeClaim. Expected to be non-nil when bound. claim.VolumeName is the authoritative bind between PV and PVC. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#binding"),
            Column.Text("StorageClass", "StorageClass of the pv"),
            Column.Text("VolumeAttributesClass", "VolumeAttributesClass of the pv"),
            Column.Text("Reason", "reason is a brief CamelCase string that describes any failure and is meant for machine parsing and tidy display in the CLI."),
            Column.Age,
            Column.Text("VolumeMode", "volumeMode defines if a volume is intended to be used with a formatted filesystem or to remain in raw block state. Value of Filesystem is implied when not included in spec.", priority: 1),
        ], PersistentVolume),
        new("persistentvolumeclaims",
        [
            Column.Name,
            Column.Text("Status", "phase represents the current phase of PersistentVolumeClaim."),
            Column.Text("Volume", "volumeName is the binding reference to the PersistentVolume backing this claim."),
            Column.Text("Capacity", "capacity represents the actual resources of the underlying volume."),
            Column.Text("Access Modes", "accessModes contains the actual access modes the volume backing the PVC has. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#access-modes-1"),
            Column.Text("StorageClass", "StorageClass of the pvc"),
            Column.Text("VolumeAttributesClass", "VolumeAttributesClass of the pvc"),
            Column.Age,
            Column.Text("VolumeMode", "volumeMode defines what type of volume is required by the claim. Value of Filesystem is implied when not included in claim spec.", priority: 1),
        ], PersistentVolumeClaim),
        new("resourcequotas",
        [
            Column.Name,
            Column.Text("Request", "Request represents a minimum amount of cpu/memory that a container may consume."),
            Column.Text("Limit", "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node."),
            Column.Age,
        ], ResourceQuota),
        new("componentstatuses",
        [
            Column.Name,
            Column.Text("Status", "Status of the component conditions"),
            Column.Text("Message", "Message of the component conditions"),
            Column.Text("Error", "Error of the component conditions"),
        ], ComponentStatus),
    ];

    public static void NameAndAge(TableRow row)
    {
        row.WriteName();
        row.WriteAge();
    }

    static void PodTemplate(TableRow row)
    {
        var template = row.Object["template"u8];
        row.WriteName();
        row.WriteContainers(template["spec"u8]);
        row.WriteLabels(template["metadata"u8]["labels"u8]);
    }

    static void ReplicationController(TableRow row)
    {
        row.WriteName();
        row.WriteInteger(row.Spec["replicas"u8]);
        row.WriteInteger(row.Status["replicas"u8]);
        row.WriteInteger(row.Status["readyReplicas"u8]);
        row.WriteAge();
        row.WriteContainers(row.Spec["template"u8]["spec"u8]);
        row.WriteLabels(row.Spec["selector"u8]);
    }

    static void Endpoints(TableRow row)
    {
        row.WriteName();
        var list = new CellList(row.Text, most: 3);
        foreach (var subset in row.Object["subsets"u8])
        {
            var (addresses, ports) = (subset["addresses"u8], subset["ports"u8]);
            // Headless services may have no ports.
            if (ports.Count == 0)
            {
                foreach (var address in addresses)
                {
                    if (list.Next())
                        row.Text.Add(address["ip"u8]);
                }
            }
            foreach (var port in ports)
            {
                foreach (var address in addresses)
                {
                    if (list.Next())
                        AddHostAndPort(row.Text, address["ip"u8], port["port"u8]);
                }
            }
        }
        list.End();
        if (row.Object["subsets"u8].Count == 0)
            row.Text.Add("<none>"u8);
        row.WriteText();
        row.WriteAge();
    }

    static void AddHostAndPort(CellText text, TapeValue ip, TapeValue port)
    {
        var start = text.Length;
        var isIPv6 = text.Add(ip).Written[start..].ContainsAny(":%"u8);
        if (isIPv6)
        {
            text.Truncate(start);
            text.Add("["u8).Add(ip).Add("]"u8);
        }
        text.Add(":"u8).AddInteger(port);
    }

    static void Node(TableRow row)
    {
        row.WriteName();
        TapeValue ready = default;
        foreach (var condition in row.Status["conditions"u8])
        {
            if (condition["type"u8].Is("Ready"u8))
                ready = condition;
        }
        row.Text.Add(ready.Tape is null ? "Unknown"u8 : ready["status"u8].Is("True"u8) ? "Ready"u8 : "NotReady"u8);
        if (row.Spec["unschedulable"u8].IsTrue)
            row.Text.Add(",SchedulingDisabled"u8);
        row.WriteText();
        WriteRoles(row);
        row.WriteAge();

        var info = row.Status["nodeInfo"u8];
        row.Write(info["kubeletVersion"u8]);
        WriteAddress(row, "InternalIP"u8);
        WriteAddress(row, "ExternalIP"u8);
        row.WriteUnlessEmpty(info["osImage"u8], "<unknown>"u8);
        // Since 1.36 with the architecture, if the kubelet tells it.
        _ = info["kernelVersion"u8].HasText ? row.Text.Add(info["kernelVersion"u8]) : row.Text.Add("<unknown>"u8);
        if (info["architecture"u8].HasText)
            row.Text.Add(" ("u8).Add(info["architecture"u8]).Add(")"u8);
        row.WriteText();
        row.WriteUnlessEmpty(info["containerRuntimeVersion"u8], "<unknown>"u8);
    }

    /// <summary>Roles are labels <c>node-role.kubernetes.io/ROLE</c>, and the value of <c>kubernetes.io/role</c>.</summary>
    static void WriteRoles(TableRow row)
    {
        var pieces = row.StartPieces();
        foreach (var (name, value) in row.Metadata["labels"u8].Members)
        {
            if (name.Is("kubernetes.io/role"u8))
            {
                if (!value.HasText)
                    continue;
                pieces.Text.Add(value);
                pieces.EndPiece();
                continue;
            }
            var prefix = "node-role.kubernetes.io/"u8;
            var start = row.Text.Length;
            var label = row.Text.Add(name).Written[start..];
            if (label.Length > prefix.Length && label.StartsWith(prefix))
            {
                pieces.Text.Add(label[prefix.Length..]);
                pieces.EndPiece();
            }
            row.Text.Truncate(start);
        }
        pieces.Join(row.Text, ","u8, distinct: true);
        row.WriteText("<none>"u8);
    }

    static void WriteAddress(TableRow row, ReadOnlySpan<byte> type)
    {
        foreach (var address in row.Status["addresses"u8])
        {
            if (address["type"u8].Is(type))
            {
                row.Write(address["address"u8]);
                return;
            }
        }
        row.Write("<none>"u8);
    }

    static void Namespace(TableRow row)
    {
        row.WriteName();
        row.Write(row.Status["phase"u8]);
        row.WriteAge();
    }

    static void Secret(TableRow row)
    {
        row.WriteName();
        row.Write(row.Object["type"u8]);
        row.Write(row.Object["data"u8].Count);
        row.WriteAge();
    }

    static void ConfigMap(TableRow row)
    {
        row.WriteName();
        row.Write(row.Object["data"u8].Count + row.Object["binaryData"u8].Count);
        row.WriteAge();
    }

    static void PersistentVolume(TableRow row)
    {
        var (spec, claim) = (row.Spec, row.Spec["claimRef"u8]);
        row.WriteName();
        row.Text.AddQuantity(spec["capacity"u8]["storage"u8]);
        row.WriteText();
        WriteAccessModes(row, spec["accessModes"u8]);
        row.Write(spec["persistentVolumeReclaimPolicy"u8]);
        WritePhase(row);
        if (claim.IsSet)
            row.Text.Add(claim["namespace"u8]).Add("/"u8).Add(claim["name"u8]);
        row.WriteText();
        WriteStorageClass(row);
        row.Write(spec["volumeAttributesClassName"u8], "<unset>"u8);
        row.Write(row.Status["reason"u8]);
        row.WriteAge();
        row.Write(spec["volumeMode"u8], "<unset>"u8);
    }

    static void PersistentVolumeClaim(TableRow row)
    {
        var (spec, status) = (row.Spec, row.Status);
        row.WriteName();
        WritePhase(row);
        row.Write(spec["volumeName"u8]);
        // Until a volume is bound there is nothing that it could be said to have.
        if (spec["volumeName"u8].HasText)
        {
            row.Text.AddQuantity(status["capacity"u8]["storage"u8]);
            row.WriteText();
            WriteAccessModes(row, status["accessModes"u8]);
        }
        else
        {
            row.Write(""u8);
            row.Write(""u8);
        }
        WriteStorageClass(row);
        row.Write(spec["volumeAttributesClassName"u8], "<unset>"u8);
        row.WriteAge();
        row.Write(spec["volumeMode"u8], "<unset>"u8);
    }

    static void WritePhase(TableRow row)
    {
        if (row.IsBeingDeleted)
            row.Write("Terminating"u8);
        else
            row.Write(row.Status["phase"u8]);
    }

    /// <summary>The class that an annotation names goes before the field that took its place.</summary>
    static void WriteStorageClass(TableRow row)
    {
        var annotation = row.Metadata["annotations"u8]["volume.beta.kubernetes.io/storage-class"u8];
        row.Write(annotation.IsString ? annotation : row.Spec["storageClassName"u8]);
    }

    static void WriteAccessModes(TableRow row, TapeValue modes)
    {
        AddAccessMode(row, modes, "ReadWriteOnce"u8, "RWO"u8);
        AddAccessMode(row, modes, "ReadOnlyMany"u8, "ROX"u8);
        AddAccessMode(row, modes, "ReadWriteMany"u8, "RWX"u8);
        AddAccessMode(row, modes, "ReadWriteOncePod"u8, "RWOP"u8);
        row.WriteText();
    }

    static void AddAccessMode(TableRow row, TapeValue modes, ReadOnlySpan<byte> name, ReadOnlySpan<byte> abbreviation)
    {
        foreach (var mode in modes)
        {
            if (!mode.Is(name))
                continue;
            if (row.Text.Length > 0)
                row.Text.Add(","u8);
            row.Text.Add(abbreviation);
            return;
        }
    }

    static void ResourceQuota(TableRow row)
    {
        row.WriteName();
        WriteQuota(row, isLimit: false);
        WriteQuota(row, isLimit: true);
        row.WriteAge();
    }

    static void WriteQuota(TableRow row, bool isLimit)
    {
        var pieces = row.StartPieces();
        foreach (var (name, hard) in row.Status["hard"u8].Members)
        {
            var start = pieces.Text.Length;
            pieces.Text.Add(name);
            var resource = pieces.Text.Written[start..];
            if (resource.StartsWith("limits."u8) != isLimit)
            {
                pieces.Text.Truncate(start);
                continue;
            }
            pieces.EndKey();
            var used = default(TapeValue);
            foreach (var (usedName, usedValue) in row.Status["used"u8].Members)
            {
                if (usedName.IsSameText(name))
                    used = usedValue;
            }
            pieces.Text.Add(name).Add(": "u8);
            _ = used.Tape is null ? pieces.Text.Add("0"u8) : pieces.Text.AddQuantity(used);
            pieces.Text.Add("/"u8).AddQuantity(hard);
            pieces.EndPiece();
        }
        pieces.Join(row.Text, ", "u8);
        row.WriteText();
    }

    static void ComponentStatus(TableRow row)
    {
        row.WriteName();
        foreach (var condition in row.Object["conditions"u8])
        {
            if (!condition["type"u8].Is("Healthy"u8))
                continue;
            row.Write(condition["status"u8].Is("True"u8) ? "Healthy"u8 : "Unhealthy"u8);
            row.Write(condition["message"u8]);
            row.Write(condition["error"u8]);
            return;
        }
        row.Write("Unknown"u8);
        row.Write(""u8);
        row.Write(""u8);
    }
}
