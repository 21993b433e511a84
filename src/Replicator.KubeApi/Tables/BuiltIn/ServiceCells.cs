namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>Services: where they can be reached, by type.</summary>
static class ServiceCells
{
    public static void Write(TableRow row)
    {
        var spec = row.Spec;
        row.WriteName();
        row.Write(spec["type"u8]);
        // Servers before 1.20 knew one address only.
        row.WriteUnlessEmpty(spec["clusterIPs"u8].Count > 0 ? spec["clusterIPs"u8].First : spec["clusterIP"u8], "<none>"u8);
        WriteExternalAddress(row, spec);
        WritePorts(row, spec["ports"u8]);
        row.WriteAge();
        row.WriteLabels(spec["selector"u8]);
    }

    /// <summary>Adds the addresses, or else names, that a load balancer gave out, sorted and each once.</summary>
    public static void AddLoadBalancer(TableRow row, TapeValue ingress)
    {
        var pieces = row.StartPieces();
        foreach (var point in ingress)
        {
            var address = point["ip"u8].HasText ? point["ip"u8] : point["hostname"u8];
            if (!address.HasText)
                continue;
            pieces.Text.Add(address);
            pieces.EndPiece();
        }
        pieces.Join(row.Text, ","u8, distinct: true);
    }

    static void WriteExternalAddress(TableRow row, TapeValue spec)
    {
        var type = spec["type"u8];
        if (type.Is("ClusterIP"u8) || type.Is("NodePort"u8))
        {
            row.AddJoined(spec["externalIPs"u8], ","u8);
            row.WriteText("<none>"u8);
        }
        else if (type.Is("LoadBalancer"u8))
        {
            AddLoadBalancer(row, row.Status["loadBalancer"u8]["ingress"u8]);
            if (row.Text.Length > 0 && spec["externalIPs"u8].Count > 0)
                row.Text.Add(","u8);
            row.AddJoined(spec["externalIPs"u8], ","u8);
            row.WriteText("<pending>"u8);
        }
        else if (type.Is("ExternalName"u8))
        {
            row.Write(spec["externalName"u8]);
        }
        else
        {
            row.Write("<unknown>"u8);
        }
    }

    static void WritePorts(TableRow row, TapeValue ports)
    {
        foreach (var port in ports)
        {
            if (row.Text.Length > 0)
                row.Text.Add(","u8);
            row.Text.AddInteger(port["port"u8]);
            if (port["nodePort"u8].Integer > 0)
                row.Text.Add(":"u8).AddInteger(port["nodePort"u8]);
            row.Text.Add("/"u8).Add(port["protocol"u8]);
        }
        row.WriteText("<none>"u8);
    }
}
