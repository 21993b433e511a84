namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>admissionregistration.k8s.io</c>.</summary>
static class AdmissionTables
{
    public static BuiltInTable[] All =>
    [
        new("mutatingwebhookconfigurations.admissionregistration.k8s.io",
        [
            Column.Name,
            Column.Integer("Webhooks", "Webhooks indicates the number of webhooks registered in this configuration"),
            Column.Age,
        ], Webhooks),
        new("validatingwebhookconfigurations.admissionregistration.k8s.io",
        [
            Column.Name,
            Column.Integer("Webhooks", "Webhooks indicates the number of webhooks registered in this configuration"),
            Column.Age,
        ], Webhooks),
        new("mutatingadmissionpolicies.admissionregistration.k8s.io",
        [
            Column.Name,
            Column.Integer("Mutations", "Mutation indicates the number of mutations rules defined in this configuration"),
            Column.Text("ParamKind", "ParamKind specifies the kind of resources used to parameterize this policy"),
            Column.Age,
        ], static row => Policy(row, row.Spec["mutations"u8])),
        new("validatingadmissionpolicies.admissionregistration.k8s.io",
        [
            Column.Name,
            Column.Integer("Validations", "Validations indicates the number of validation rules defined in this configuration"),
            Column.Text("ParamKind", "ParamKind specifies the kind of resources used to parameterize this policy"),
            Column.Age,
        ], static row => Policy(row, row.Spec["validations"u8])),
        new("mutatingadmissionpolicybindings.admissionregistration.k8s.io",
        [
            Column.Name,
            Column.Text("PolicyName", "PolicyName indicates the policy definition which the policy binding binded to"),
            Column.Text("ParamRef", "ParamRef indicates the param resource which sets the configuration param"),
            Column.Age,
        ], Binding),
        new("validatingadmissionpolicybindings.admissionregistration.k8s.io",
        [
            Column.Name,
            Column.Text("PolicyName", "PolicyName indicates the policy definition which the policy binding binded to"),
            Column.Text("ParamRef", "ParamRef indicates the param resource which sets the configuration param"),
            Column.Age,
        ], Binding),
    ];

    static void Webhooks(TableRow row)
    {
        row.WriteName();
        row.Write(row.Object["webhooks"u8].Count);
        row.WriteAge();
    }

    static void Policy(TableRow row, TapeValue rules)
    {
        var kind = row.Spec["paramKind"u8];
        row.WriteName();
        row.Write(rules.Count);
        if (kind.IsSet)
            row.Text.Add(kind["apiVersion"u8]).Add("/"u8).Add(kind["kind"u8]);
        row.WriteText("<unset>"u8);
        row.WriteAge();
    }

    static void Binding(TableRow row)
    {
        var parameter = row.Spec["paramRef"u8];
        row.WriteName();
        row.Write(row.Spec["policyName"u8]);
        if (parameter["name"u8].HasText)
        {
            // Whether the parameter is in a namespace at all cannot be told from here.
            _ = parameter["namespace"u8].HasText ? row.Text.Add(parameter["namespace"u8]) : row.Text.Add("*"u8);
            row.Text.Add("/"u8).Add(parameter["name"u8]);
        }
        else if (parameter["selector"u8].IsSet)
        {
            AddGoString(row, parameter["selector"u8]);
        }
        row.WriteText("<unset>"u8);
        row.WriteAge();
    }

    /// <summary>Adds a selector as Go prints the structure, which is what the server shows here.</summary>
    static void AddGoString(TableRow row, TapeValue selector)
    {
        row.Text.Add("&LabelSelector{MatchLabels:map[string]string{"u8);
        var pieces = row.StartPieces();
        foreach (var (name, value) in selector["matchLabels"u8].Members)
        {
            pieces.Text.Add(name);
            pieces.EndKey();
            pieces.Text.Add(name).Add(": "u8).Add(value).Add(","u8);
            pieces.EndPiece();
        }
        pieces.Join(row.Text, ""u8);
        row.Text.Add("},MatchExpressions:[]LabelSelectorRequirement{"u8);
        foreach (var requirement in selector["matchExpressions"u8])
        {
            row.Text.Add("LabelSelectorRequirement{Key:"u8).Add(requirement["key"u8]).Add(",Operator:"u8).Add(requirement["operator"u8]).Add(",Values:["u8);
            row.AddJoined(requirement["values"u8], " "u8);
            row.Text.Add("],},"u8);
        }
        row.Text.Add("},}"u8);
    }
}
