namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>storage.k8s.io</c>, and storage's migrations. Storage capacities have no printer that the server would use.</summary>
static class StorageTables
{
    public static BuiltInTable[] All =>
    [
        new("storageclasses.storage.k8s.io",
        [
            Column.Name,
            Column.Text("Provisioner", "provisioner indicates the type of the provisioner."),
            Column.Text("ReclaimPolicy", "reclaimPolicy controls the reclaimPolicy for dynamically provisioned PersistentVolumes of this storage class. Defaults to Delete."),
            Column.Text("VolumeBindingMode", "volumeBindingMode indicates how PersistentVolumeClaims should be provisioned and bound.  When unset, VolumeBindingImmediate is used. This field is only honored by servers that enable the VolumeScheduling feature."),
            Column.Text("AllowVolumeExpansion", "allowVolumeExpansion shows whether the storage class allow volume expand."),
            Column.Age,
        ], StorageClass),
        new("volumeattributesclasses.storage.k8s.io",
        [
            Column.Name,
            Column.Text("DriverName", "Name of the CSI driver This field is immutable."),
            Column.Age,
        ], VolumeAttributesClass),
        new("volumeattachments.storage.k8s.io",
        [
            Column.Name,
            Column.Text("Attacher", "attacher indicates the name of the volume driver that MUST handle this request. This is the name returned by GetPluginName().", format: "name"),
            Column.Text("PV", "persistentVolumeName represents the name of the persistent volume to attach."),
            Column.Text("Node", "nodeName represents the node that the volume should be attached to."),
            Column.Boolean("Attached", "attached indicates the volume is successfully attached. This field must only be set by the entity completing the attach operation, i.e. the external-attacher."),
            Column.Age,
        ], VolumeAttachment),
        new("csinodes.storage.k8s.io",
        [
            Column.Name,
            Column.Integer("Drivers", "Drivers indicates the number of CSI drivers registered on the node"),
            Column.Age,
        ], CsiNode),
        new("csidrivers.storage.k8s.io",
        [
            Column.Name,
            Column.Boolean("AttachRequired", "attachRequired indicates this CSI volume driver requires an attach operation (because it implements the CSI ControllerPublishVolume() method), and that the Kubernetes attach detach controller should call the attach volume interface which checks the volumeattachment status and waits until the volume is attached before proceeding to mounting. The CSI external-attacher coordinates with CSI volume driver and updates the volumeattachment status when the attach operation is complete. If the value is specified to false, the attach operation will be skipped. Otherwise the attach operation will be called.\n\nThis field is immutable."),
            Column.Boolean("PodInfoOnMount", "podInfoOnMount indicates this CSI volume driver requires additional pod information (like podName, podUID, etc.) during mount operations, if set to true. If set to false, pod information will not be passed on mount. Default is false.\n\nThe CSI driver specifies podInfoOnMount as part of driver deployment. If true, Kubelet will pass pod information as VolumeContext in the CSI NodePublishVolume() calls. The CSI driver is responsible for parsing and validating the information passed in as VolumeContext.\n\nThe following VolumeContext will be passed if podInfoOnMount is set to true. This list might grow, but the prefix will be used. \"csi.storage.k8s.io/pod.name\": pod.Name \"csi.storage.k8s.io/pod.namespace\": pod.Namespace \"csi.storage.k8s.io/pod.uid\": string(pod.UID) \"csi.storage.k8s.io/ephemeral\": \"true\" if the volume is an ephemeral inline volume\n                                defined by a CSIVolumeSource, otherwise \"false\"\n\n\"csi.storage.k8s.io/ephemeral\" is a new feature in Kubernetes 1.16. It is only required for drivers which support both the \"Persistent\" and \"Ephemeral\" VolumeLifecycleMode. Other drivers can leave pod info disabled and/or ignore this field. As Kubernetes 1.15 doesn't support this field, drivers can only support one mode when deployed on such a cluster and the deployment determines which mode that is, for example via a command line parameter of the driver.\n\nThis field was immutable in Kubernetes < 1.29 and now is mutable."),
            Column.Boolean("StorageCapacity", "storageCapacity indicates that the CSI volume driver wants pod scheduling to consider the storage capacity that the driver deployment will report by creating CSIStorageCapacity objects with capacity information, if set to true.\n\nThe check can be enabled immediately when deploying a driver. In that case, provisioning new volumes with late binding will pause until the driver deployment has published some suitable CSIStorageCapacity object.\n\nAlternatively, the driver can be deployed with the field unset or false and it can be flipped later when storage capacity information has been published.\n\nThis field was immutable in Kubernetes <= 1.22 and now is mutable."),
            Column.Text("TokenRequests", "tokenRequests indicates the CSI driver needs pods' service account tokens it is mounting volume for to do necessary authentication. Kubelet will pass the tokens in VolumeContext in the CSI NodePublishVolume calls. The CSI driver should parse and validate the following VolumeContext: \"csi.storage.k8s.io/serviceAccount.tokens\": {\n  \"<audience>\": {\n    \"token\": <token>,\n    \"expirationTimestamp\": <expiration timestamp in RFC3339>,\n  },\n  ...\n}\n\nNote: Audience in each TokenRequest should be different and at most one token is empty string. To receive a new token after expiry, RequiresRepublish can be used to trigger NodePublishVolume periodically."),
            Column.Boolean("RequiresRepublish", "requiresRepublish indicates the CSI driver wants `NodePublishVolume` being periodically called to reflect any possible change in the mounted volume. This field defaults to false.\n\nNote: After a successful initial NodePublishVolume call, subsequent calls to NodePublishVolume should only update the contents of the volume. New mount points will not be seen by a running container."),
            Column.Text("Modes", "volumeLifecycleModes defines what kind of volumes this CSI volume driver supports. The default if the list is empty is \"Persistent\", which is the usage defined by the CSI specification and implemented in Kubernetes via the usual PV/PVC mechanism.\n\nThe other mode is \"Ephemeral\". In this mode, volumes are defined inline inside the pod spec with CSIVolumeSource and their lifecycle is tied to the lifecycle of that pod. A driver has to be aware of this because it is only going to get a NodePublishVolume call for such a volume.\n\nFor more information about implementing this mode, see https://kubernetes-csi.github.io/docs/ephemeral-local-volumes.html A driver can support one or more of these modes and more modes may be added in the future.\n\nThis field is beta. This field is immutable."),
            Column.Age,
        ], CsiDriver),
        new("storageversionmigrations.storagemigration.k8s.io",
        [
            Column.Name with { Format = "" },
            Column.Text("Resource", "Fully qualified resource to migrate"),
        ], StorageVersionMigration),
    ];

    static void StorageClass(TableRow row)
    {
        var annotations = row.Metadata["annotations"u8];
        row.Text.Add(row.Metadata["name"u8]);
        if (annotations["storageclass.kubernetes.io/is-default-class"u8].Is("true"u8) || annotations["storageclass.beta.kubernetes.io/is-default-class"u8].Is("true"u8))
            row.Text.Add(" (default)"u8);
        row.WriteText();
        row.Write(row.Object["provisioner"u8]);
        row.Write(row.Object["reclaimPolicy"u8], "Delete"u8);
        row.Write(row.Object["volumeBindingMode"u8], "Immediate"u8);
        row.Write(row.Object["allowVolumeExpansion"u8], false);
        row.WriteAge();
    }

    static void VolumeAttributesClass(TableRow row)
    {
        row.WriteName();
        row.Write(row.Object["driverName"u8]);
        row.WriteAge();
    }

    static void VolumeAttachment(TableRow row)
    {
        row.WriteName();
        row.Write(row.Spec["attacher"u8]);
        row.Write(row.Spec["source"u8]["persistentVolumeName"u8]);
        row.Write(row.Spec["nodeName"u8]);
        row.Write(row.Status["attached"u8], false);
        row.WriteAge();
    }

    static void CsiNode(TableRow row)
    {
        row.WriteName();
        row.Write(row.Spec["drivers"u8].Count);
        row.WriteAge();
    }

    static void CsiDriver(TableRow row)
    {
        var (spec, tokens) = (row.Spec, row.Spec["tokenRequests"u8]);
        row.WriteName();
        row.Write(spec["attachRequired"u8], true);
        row.Write(spec["podInfoOnMount"u8], false);
        row.Write(spec["storageCapacity"u8], false);
        if (tokens.IsSet)
        {
            var isFirst = true;
            foreach (var token in tokens)
            {
                if (!isFirst)
                    row.Text.Add(","u8);
                isFirst = false;
                row.Text.Add(token["audience"u8]);
            }
            row.WriteText();
        }
        else
        {
            row.Write("<unset>"u8);
        }
        row.Write(spec["requiresRepublish"u8], false);
        row.AddJoined(spec["volumeLifecycleModes"u8], ","u8);
        row.WriteText("<none>"u8);
        row.WriteAge();
    }

    static void StorageVersionMigration(TableRow row)
    {
        var resource = row.Spec["resource"u8];
        row.WriteName();
        row.Text.Add(resource["resource"u8]).Add("."u8).Add(resource["group"u8]);
        row.WriteText();
    }
}
