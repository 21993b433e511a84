namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>scheduling.k8s.io</c>.</summary>
static class SchedulingTables
{
    public static BuiltInTable[] All =>
    [
        new("priorityclasses.scheduling.k8s.io",
        [
            Column.Name,
            Column.Integer("Value", "value represents the integer value of this priority class. This is the actual priority that pods receive when they have the name of this class in their pod spec."),
            Column.Boolean("Global-Default", "globalDefault specifies whether this PriorityClass should be considered as the default priority for pods that do not have any priority class. Only one PriorityClass can be marked as `globalDefault`. However, if more than one PriorityClasses exists with their `globalDefault` field set to true, the smallest value of such global default PriorityClasses will be used as the default priority."),
            Column.Age,
            Column.Text("PreemptionPolicy", "preemptionPolicy is the Policy for preempting pods with lower priority. One of Never, PreemptLowerPriority. Defaults to PreemptLowerPriority if unset."),
        ], PriorityClass),
    ];

    static void PriorityClass(TableRow row)
    {
        row.WriteName();
        row.WriteInteger(row.Object["value"u8]);
        row.Write(row.Object["globalDefault"u8], false);
        row.WriteAge();
        row.Write(row.Object["preemptionPolicy"u8]);
    }
}
