namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>policy</c>.</summary>
static class PolicyTables
{
    public static BuiltInTable[] All =>
    [
        new("poddisruptionbudgets.policy",
        [
            Column.Name,
            Column.Text("Min Available", "The minimum number of pods that must be available."),
            Column.Text("Max Unavailable", "The maximum number of pods that may be unavailable."),
            Column.Integer("Allowed Disruptions", "Calculated number of pods that may be disrupted at this time."),
            Column.Age,
        ], PodDisruptionBudget),
    ];

    static void PodDisruptionBudget(TableRow row)
    {
        row.WriteName();
        WriteNumberOrShare(row, row.Spec["minAvailable"u8]);
        WriteNumberOrShare(row, row.Spec["maxUnavailable"u8]);
        row.WriteInteger(row.Status["disruptionsAllowed"u8]);
        row.WriteAge();
    }

    static void WriteNumberOrShare(TableRow row, TapeValue value)
    {
        if (value.IsSet)
            row.Text.AddQuantity(value);
        row.WriteText("N/A"u8);
    }
}
