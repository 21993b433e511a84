namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>coordination.k8s.io</c>.</summary>
static class CoordinationTables
{
    public static BuiltInTable[] All =>
    [
        new("leases.coordination.k8s.io",
        [
            Column.Name,
            Column.Text("Holder", "holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader Election is used, the holder identity must be equal to the elected LeaseCandidate.metadata.name field."),
            Column.Age,
        ], Lease),
        new("leasecandidates.coordination.k8s.io",
        [
            Column.Name,
            Column.Text("LeaseName", "LeaseName is the name of the lease for which this candidate is contending. The limits on this field are the same as on Lease.name. Multiple lease candidates may reference the same Lease.name. This field is immutable."),
            Column.Text("BinaryVersion", ""),
            Column.Text("EmulationVersion", ""),
            Column.Age,
        ], LeaseCandidate),
    ];

    static void Lease(TableRow row)
    {
        row.WriteName();
        row.Write(row.Spec["holderIdentity"u8]);
        row.WriteAge();
    }

    static void LeaseCandidate(TableRow row)
    {
        row.WriteName();
        row.Write(row.Spec["leaseName"u8]);
        row.Write(row.Spec["binaryVersion"u8]);
        row.Write(row.Spec["emulationVersion"u8]);
        row.WriteAge();
    }
}
