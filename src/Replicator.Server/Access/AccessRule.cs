namespace Replicator.Server.Access;

/// <summary>What a caller of an endpoint needs.</summary>
enum AccessRule
{
    /// <summary>Nothing: probes have no token.</summary>
    Public,

    /// <summary>To be known; what is answered is as much as he may see.</summary>
    Known,

    /// <summary>To be known to the cluster in the path; what is answered is as much as he may see there.</summary>
    Cluster,

    /// <summary>The right to the resource that the path of a Kubernetes API names.</summary>
    Kubernetes,

    /// <summary>The right to get the path <c>/metrics</c> of a cluster that is collected, which a Prometheus there has, or to be the operator.</summary>
    Metrics,

    /// <summary>To be the process's operator: a token without limits, or an administrator of every cluster that is collected.</summary>
    Operator,
}
