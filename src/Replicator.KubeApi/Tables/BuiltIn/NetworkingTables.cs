namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>networking.k8s.io</c>.</summary>
static class NetworkingTables
{
    public static BuiltInTable[] All =>
    [
        new("ingresses.networking.k8s.io",
        [
            Column.Name,
            Column.Text("Class", "The name of the IngressClass resource that should be used for additional configuration"),
            Column.Text("Hosts", "Hosts that incoming requests are matched against before the ingress rule"),
            Column.Text("Address", "Address is a list containing ingress points for the load-balancer"),
            Column.Text("Ports", "Ports of TLS configurations that open"),
            Column.Age,
        ], Ingress),
        new("ingressclasses.networking.k8s.io",
        [
            Column.Name,
            Column.Text("Controller", "Controller that is responsible for handling this class"),
            Column.Text("Parameters", "A reference to a resource with additional parameters"),
            Column.Age,
        ], IngressClass),
        new("networkpolicies.networking.k8s.io",
        [
            Column.Name,
            Column.Text("Pod-Selector", "podSelector selects the pods to which this NetworkPolicy object applies. The array of rules is applied to any pods selected by this field. An empty selector matches all pods in the policy's namespace. Multiple network policies can select the same set of pods. In this case, the ingress rules for each are combined additively. This field is optional. If it is not specified, it defaults to an empty selector."),
            Column.Age,
        ], NetworkPolicy),
        new("servicecidrs.networking.k8s.io",
        [
            Column.Name,
            Column.Text("CIDRs", "CIDRs defines the IP blocks in CIDR notation (e.g. \"192.168.0.0/24\" or \"2001:db8::/64\") from which to assign service cluster IPs. Max of two CIDRs is allowed, one of each IP family. This field is immutable."),
            Column.Age,
        ], ServiceCidr),
        new("ipaddresses.networking.k8s.io",
        [
            Column.Name,
            Column.Text("ParentRef", "ParentRef references the resource that an IPAddress is attached to. An IPAddress must reference a parent object."),
        ], IPAddress),
    ];

    static void Ingress(TableRow row)
    {
        row.WriteName();
        row.Write(row.Spec["ingressClassName"u8], "<none>"u8);
        WriteHosts(row, row.Spec["rules"u8]);
        ServiceCells.AddLoadBalancer(row, row.Status["loadBalancer"u8]["ingress"u8]);
        row.WriteText();
        row.Write(row.Spec["tls"u8].Count > 0 ? "80, 443"u8 : "80"u8);
        row.WriteAge();
    }

    /// <summary>The first three hosts. Rules for all hosts take no place, but are counted among those that are left out: so does the server.</summary>
    static void WriteHosts(TableRow row, TapeValue rules)
    {
        const int Most = 3;
        var (shown, isMore) = (0, false);
        foreach (var rule in rules)
        {
            isMore |= shown == Most;
            if (isMore || !rule["host"u8].HasText)
                continue;
            if (shown++ > 0)
                row.Text.Add(","u8);
            row.Text.Add(rule["host"u8]);
        }
        if (isMore)
            row.Text.Add(" + "u8).Add(rules.Count - Most).Add(" more..."u8);
        row.WriteText("*"u8);
    }

    static void IngressClass(TableRow row)
    {
        var parameters = row.Spec["parameters"u8];
        row.WriteName();
        row.Write(row.Spec["controller"u8]);
        if (parameters.IsSet)
        {
            row.Text.Add(parameters["kind"u8]);
            if (parameters["apiGroup"u8].IsString)
                row.Text.Add("."u8).Add(parameters["apiGroup"u8]);
            row.Text.Add("/"u8).Add(parameters["name"u8]);
        }
        row.WriteText("<none>"u8);
        row.WriteAge();
    }

    static void NetworkPolicy(TableRow row)
    {
        row.WriteName();
        row.WriteSelector(row.Spec["podSelector"u8]);
        row.WriteAge();
    }

    static void ServiceCidr(TableRow row)
    {
        row.WriteName();
        row.AddJoined(row.Spec["cidrs"u8], ","u8);
        row.WriteText();
        row.WriteAge();
    }

    static void IPAddress(TableRow row)
    {
        var parent = row.Spec["parentRef"u8];
        row.WriteName();
        if (parent.IsSet)
        {
            row.Text.AddLower(parent["resource"u8]);
            if (parent["group"u8].HasText)
                row.Text.Add("."u8).AddLower(parent["group"u8]);
            if (parent["namespace"u8].HasText)
                row.Text.Add("/"u8).Add(parent["namespace"u8]);
            row.Text.Add("/"u8).Add(parent["name"u8]);
        }
        row.WriteText("<none>"u8);
        // The server prints an age for which it declares no column.
        row.WriteAge();
    }
}
