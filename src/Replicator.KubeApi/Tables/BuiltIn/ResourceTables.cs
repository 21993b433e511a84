namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>resource.k8s.io</c>.</summary>
static class ResourceTables
{
    public static BuiltInTable[] All =>
    [
        new("deviceclasses.resource.k8s.io",
        [
            Column.Name,
            Column.Age,
        ], CoreTables.NameAndAge),
        new("resourceclaims.resource.k8s.io",
        [
            Column.Name,
            Column.Text("State", "A summary of the current state (allocated, pending, reserved, etc.)."),
            Column.Age,
        ], ResourceClaim),
        new("resourceclaimtemplates.resource.k8s.io",
        [
            Column.Name,
            Column.Age,
        ], CoreTables.NameAndAge),
        new("resourceslices.resource.k8s.io",
        [
            Column.Name,
            Column.Text("Node", "NodeName identifies the node which provides the resources in this pool. A field selector can be used to list only ResourceSlice objects belonging to a certain node.\n\nThis field can be used to limit access from nodes to ResourceSlices with the same node name. It also indicates to autoscalers that adding new nodes of the same type as some old node might also make new resources available.\n\nExactly one of NodeName, NodeSelector, AllNodes, and PerDeviceNodeSelection must be set. This field is immutable."),
            Column.Text("Driver", "Driver identifies the DRA driver providing the capacity information. A field selector can be used to list only ResourceSlice objects with a certain driver name.\n\nMust be a DNS subdomain and should end with a DNS domain owned by the vendor of the driver. It should use only lower case characters. This field is immutable."),
            Column.Text("Pool", "Name is used to identify the pool. For node-local devices, this is often the node name, but this is not required.\n\nIt must not be longer than 253 characters and must consist of one or more DNS sub-domains separated by slashes. This field is immutable."),
            Column.Age,
        ], ResourceSlice),
        new("devicetaintrules.resource.k8s.io",
        [
            Column.Name,
            Column.Text("Key", "The taint key to be applied to a device. Must be a label name."),
            Column.Text("Value", "The taint value corresponding to the taint key. Must be a label value."),
            Column.Text("Effect", "The effect of the taint on claims that do not tolerate the taint and through such claims on the pods using them.\n\nValid effects are None, NoSchedule and NoExecute. PreferNoSchedule as used for nodes is not valid here. More effects may get added in the future. Consumers must treat unknown effects like None."),
            Column.Text("TimeAdded", "TimeAdded represents the time at which the taint was added. Added automatically during create or update if not set."),
            Column.Age,
        ], DeviceTaintRule),
    ];

    static void ResourceClaim(TableRow row)
    {
        row.WriteName();
        if (row.IsBeingDeleted)
            row.Text.Add("deleted"u8);
        if (row.Status["allocation"u8].IsSet)
        {
            row.Text.Add(row.IsBeingDeleted ? ",allocated"u8 : "allocated"u8);
            if (row.Status["reservedFor"u8].Count > 0)
                row.Text.Add(",reserved"u8);
        }
        else if (!row.IsBeingDeleted)
        {
            row.Text.Add("pending"u8);
        }
        row.WriteText();
        row.WriteAge();
    }

    static void ResourceSlice(TableRow row)
    {
        row.WriteName();
        row.Write(row.Spec["nodeName"u8]);
        row.Write(row.Spec["driver"u8]);
        row.Write(row.Spec["pool"u8]["name"u8]);
        row.WriteAge();
    }

    static void DeviceTaintRule(TableRow row)
    {
        var taint = row.Spec["taint"u8];
        row.WriteName();
        row.Write(taint["key"u8]);
        row.Write(taint["value"u8]);
        row.Write(taint["effect"u8]);
        if (taint["timeAdded"u8].IsSet)
            row.AddSince(taint["timeAdded"u8]);
        row.WriteText();
        row.WriteAge();
    }
}
