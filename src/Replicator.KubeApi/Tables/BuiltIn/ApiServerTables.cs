namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The groups <c>apiregistration.k8s.io</c> and <c>internal.apiserver.k8s.io</c>. Definitions of custom resources have no printer.</summary>
static class ApiServerTables
{
    public static BuiltInTable[] All =>
    [
        new("apiservices.apiregistration.k8s.io",
        [
            Column.Name,
            Column.Text("Service", "The reference to the service that hosts this API endpoint."),
            Column.Text("Available", "Whether this service is available."),
            Column.Age,
        ], ApiService),
        new("storageversions.internal.apiserver.k8s.io",
        [
            Column.Name,
            Column.Text("CommonEncodingVersion", "If all API server instances agree on the same encoding storage version, then this field is set to that version. Otherwise this field is left empty. API servers should finish updating its storageVersionStatus entry before serving write operations, so that this field will be in sync with the reality."),
            Column.Text("StorageVersions", "The reported versions per API server instance."),
            Column.Age,
        ], StorageVersion),
    ];

    static void ApiService(TableRow row)
    {
        var service = row.Spec["service"u8];
        row.WriteName();
        if (service.IsSet)
            row.Text.Add(service["namespace"u8]).Add("/"u8).Add(service["name"u8]);
        row.WriteText("Local"u8);

        TapeValue available = default;
        foreach (var condition in row.Status["conditions"u8])
        {
            if (!condition["type"u8].Is("Available"u8))
                continue;
            available = condition;
            break;
        }
        if (available.Tape is null)
        {
            row.Write("Unknown"u8);
        }
        else
        {
            row.Text.Add(available["status"u8]);
            if (!available["status"u8].Is("True"u8) && available["reason"u8].HasText)
                row.Text.Add(" ("u8).Add(available["reason"u8]).Add(")"u8);
            row.WriteText();
        }
        row.WriteAge();
    }

    static void StorageVersion(TableRow row)
    {
        row.WriteName();
        row.Write(row.Status["commonEncodingVersion"u8], "<unset>"u8);
        var list = new CellList(row.Text, most: 3);
        foreach (var server in row.Status["storageVersions"u8])
        {
            if (list.Next())
                row.Text.Add(server["apiServerID"u8]).Add("="u8).Add(server["encodingVersion"u8]);
        }
        list.End();
        row.WriteText("<unset>"u8);
        row.WriteAge();
    }
}
