using System.Collections.Frozen;
using Replicator.Core.Kubernetes;
using Replicator.KubeApi.Tables.BuiltIn;
using Replicator.KubeApi.Tables.Custom;

namespace Replicator.KubeApi.Tables;

/// <summary>The tables that an API server of Kubernetes 1.36 prints.</summary>
public static class TableDefinitions
{
    static readonly FrozenDictionary<GroupResource, TableDefinition> BuiltInTypes = new[]
    {
        AdmissionTables.All,
        ApiServerTables.All,
        AppsTables.All,
        AutoscalingTables.All,
        BatchTables.All,
        CertificatesTables.All,
        CoordinationTables.All,
        CoreTables.All,
        DiscoveryTables.All,
        EventTables.All,
        FlowControlTables.All,
        NetworkingTables.All,
        NodeTables.All,
        PolicyTables.All,
        RbacTables.All,
        ResourceTables.All,
        SchedulingTables.All,
        StorageTables.All,
    }.SelectMany(tables => tables).ToFrozenDictionary(table => GroupResource.Parse(table.Resource), table => table.Definition);

    /// <summary>
    /// How the objects of a resource are printed: a custom resource by the printer columns of its definition, a built-in type as the server prints it, and any other by name and creation time.
    /// </summary>
    /// <param name="group">The API group, empty for the core group.</param>
    /// <param name="version">The version in which the objects are.</param>
    /// <param name="resource">The resource's plural name.</param>
    /// <param name="customResourceDefinition">The resource's CustomResourceDefinition (apiextensions.k8s.io/v1) as JSON, if it has one (none and empty are the same); columns of a path that the server could not parse end the table, as they do there.</param>
    /// <exception cref="Core.Json.JsonFormatException"><paramref name="customResourceDefinition"/> is not JSON.</exception>
    public static TableDefinition For(string group, string version, string resource, ReadOnlyMemory<byte>? customResourceDefinition)
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentNullException.ThrowIfNull(version);
        ArgumentNullException.ThrowIfNull(resource);
        if (customResourceDefinition is { IsEmpty: false } definition)
            return CustomResourceTable.Create(definition, version);
        // The first version of autoscalers spells its metrics in a way of its own; all other types have one form in all versions.
        if (group == "autoscaling" && resource == "horizontalpodautoscalers" && version == "v1")
            return AutoscalingTables.AutoscalersV1;
        return BuiltInTypes.GetValueOrDefault(new GroupResource(group, resource), DefaultTable.Definition);
    }
}
