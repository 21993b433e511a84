using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Replicator.Server.Access;

/// <summary>The rule of every endpoint, by its route. An endpoint that is not here is closed.</summary>
static class AccessRules
{
    const string Clusters = "/api/v1/clusters";

    static readonly FrozenDictionary<string, AccessRule> ByRoute = new Dictionary<string, AccessRule>
    {
        ["/healthz"] = AccessRule.Public,
        ["/readyz"] = AccessRule.Public,
        ["/metrics"] = AccessRule.Metrics,
        ["/api/v1/verify"] = AccessRule.Operator,
        ["/api/v1/rebuild"] = AccessRule.Operator,
        ["/api/v1/doctor"] = AccessRule.Operator,
        // What the API is called and takes is no secret of a cluster's.
        ["/openapi/{documentName}.json"] = AccessRule.Public,
        [Clusters] = AccessRule.Known,
        [$"{Clusters}/{{cluster}}/status"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/gaps"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/as-of/{{instant}}"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/changes"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/history/{{resource}}/{{name}}"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/history/{{resource}}/{{namespace}}/{{name}}"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/objects/{{resource}}/{{name}}"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/objects/{{resource}}/{{namespace}}/{{name}}"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/blame/{{resource}}/{{name}}"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/blame/{{resource}}/{{namespace}}/{{name}}"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/tree/{{resource}}/{{name}}"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/tree/{{resource}}/{{namespace}}/{{name}}"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/diff"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/images"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/images/runs"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/runtimes"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/apps"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/export"] = AccessRule.Cluster,
        [$"{Clusters}/{{cluster}}/names"] = AccessRule.Cluster,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>Where a Kubernetes API of the past begins.</summary>
    public const string KubernetesRoot = "/clusters/{cluster}/as-of/{instant}";

    /// <summary>The rule of an endpoint; null for one that nobody has thought about.</summary>
    public static AccessRule? Find(Endpoint endpoint)
    {
        if ((endpoint as RouteEndpoint)?.RoutePattern.RawText is not { } route)
            return null;
        route = $"/{route.Trim('/')}";
        return ByRoute.TryGetValue(route, out var rule) ? rule
            : route.StartsWith(KubernetesRoot, StringComparison.OrdinalIgnoreCase) && (route.Length == KubernetesRoot.Length || route[KubernetesRoot.Length] == '/') ? AccessRule.Kubernetes
            : null;
    }
}
