namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>node.k8s.io</c>.</summary>
static class NodeTables
{
    public static BuiltInTable[] All =>
    [
        new("runtimeclasses.node.k8s.io",
        [
            Column.Name,
            Column.Text("Handler", ""),
            Column.Age,
        ], RuntimeClass),
    ];

    static void RuntimeClass(TableRow row)
    {
        row.WriteName();
        // The first version kept the handler in a spec.
        row.Write(row.Object["handler"u8].IsString ? row.Object["handler"u8] : row.Spec["runtimeHandler"u8]);
        row.WriteAge();
    }
}
