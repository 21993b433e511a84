namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>rbac.authorization.k8s.io</c>. Roles have no printer.</summary>
static class RbacTables
{
    public static BuiltInTable[] All =>
    [
        new("rolebindings.rbac.authorization.k8s.io",
        [
            Column.Name,
            Column.Text("Role", "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error."),
            Column.Age,
            Column.Text("Users", "Users in the roleBinding", priority: 1),
            Column.Text("Groups", "Groups in the roleBinding", priority: 1),
            Column.Text("ServiceAccounts", "ServiceAccounts in the roleBinding", priority: 1),
        ], Binding),
        new("clusterrolebindings.rbac.authorization.k8s.io",
        [
            Column.Name,
            Column.Text("Role", "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error."),
            Column.Age,
            Column.Text("Users", "Users in the clusterRoleBinding", priority: 1),
            Column.Text("Groups", "Groups in the clusterRoleBinding", priority: 1),
            Column.Text("ServiceAccounts", "ServiceAccounts in the clusterRoleBinding", priority: 1),
        ], Binding),
    ];

    static void Binding(TableRow row)
    {
        var role = row.Object["roleRef"u8];
        row.WriteName();
        row.Text.Add(role["kind"u8]).Add("/"u8).Add(role["name"u8]);
        row.WriteText();
        row.WriteAge();
        WriteSubjects(row, "User"u8);
        WriteSubjects(row, "Group"u8);
        WriteSubjects(row, "ServiceAccount"u8);
    }

    static void WriteSubjects(TableRow row, ReadOnlySpan<byte> kind)
    {
        var isFirst = true;
        foreach (var subject in row.Object["subjects"u8])
        {
            if (!subject["kind"u8].Is(kind))
                continue;
            if (!isFirst)
                row.Text.Add(", "u8);
            isFirst = false;
            if (kind.SequenceEqual("ServiceAccount"u8))
                row.Text.Add(subject["namespace"u8]).Add("/"u8);
            row.Text.Add(subject["name"u8]);
        }
        row.WriteText();
    }
}
