namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The table of a resource that Kubernetes itself defines.</summary>
/// <param name="Resource">The resource, as <c>plural[.group]</c>.</param>
/// <param name="Definition">Its table.</param>
readonly record struct BuiltInTable(string Resource, TableDefinition Definition)
{
    public BuiltInTable(string resource, TableColumn[] columns, Action<TableRow> cells)
        : this(resource, new TableDefinition(columns, cells))
    {
    }
}
