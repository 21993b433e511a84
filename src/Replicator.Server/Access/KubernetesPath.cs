using Microsoft.AspNetCore.Http;

namespace Replicator.Server.Access;

/// <summary>What a request to a Kubernetes API asks for, as the API server's authorisers see it (k8s.io/apiserver/pkg/endpoints/request, RequestInfo).</summary>
static class KubernetesPath
{
    /// <summary>The attributes to authorise.</summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="path">The path below the root of the API, with or without slashes at its ends.</param>
    /// <param name="query">The query.</param>
    public static AccessAttributes Read(string method, string path, IQueryCollection query)
    {
        var parts = path.Trim('/').Split('/');
        var (group, version, rest) = parts switch
        {
            ["api", var core, .. var below] when below.Length > 0 => ("", core, below),
            ["apis", var named, var served, .. var below] when below.Length > 0 => (named, served, below),
            _ => ("", "", []),
        };
        if (rest.Length == 0)
            return AccessAttributes.OfPath(VerbOfPath(method), $"/{string.Join('/', parts)}");

        var isOldWatch = rest[0] == "watch" && rest.Length > 1;
        if (isOldWatch)
            rest = rest[1..];
        var (@namespace, resource, name, subresource) = rest switch
        {
            // A namespace is an object of its own and in itself.
            ["namespaces", var only] => (only, "namespaces", only, ""),
            ["namespaces", var only, "status" or "finalize"] => (only, "namespaces", only, rest[2]),
            ["namespaces", var scope, var collection] => (scope, collection, "", ""),
            ["namespaces", var scope, var collection, var one] => (scope, collection, one, ""),
            ["namespaces", var scope, var collection, var one, .. var below] => (scope, collection, one, string.Join('/', below)),
            [var collection] => ("", collection, "", ""),
            [var collection, var one] => ("", collection, one, ""),
            [var collection, var one, .. var below] => ("", collection, one, string.Join('/', below)),
            _ => ("", "", "", ""),
        };
        var isWatch = isOldWatch || query["watch"].ToString() is { Length: > 0 } watch && watch is not ("0" or "false" or "False" or "f" or "F" or "FALSE");
        var verb = method.ToUpperInvariant() switch
        {
            "GET" or "HEAD" when name.Length > 0 && !isOldWatch => "get",
            "GET" or "HEAD" when isWatch => "watch",
            "GET" or "HEAD" => "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => name.Length > 0 ? "delete" : "deletecollection",
            var other => other.ToLowerInvariant(),
        };
        if (name.Length == 0 && verb is "list" or "watch" && SelectedName(query["fieldSelector"].ToString()) is { } selected)
            name = selected;
        return new AccessAttributes(verb, group, resource, @namespace, name) { Version = version, Subresource = subresource };
    }

    static string VerbOfPath(string method) => method.ToUpperInvariant() switch
    {
        "GET" or "HEAD" => "get",
        "POST" => "post",
        var other => other.ToLowerInvariant(),
    };

    /// <summary>Who may read one object by its name may list and watch it by its name, too.</summary>
    static string? SelectedName(string fieldSelector)
    {
        foreach (var term in fieldSelector.Split(','))
        {
            foreach (var prefix in (string[])["metadata.name==", "metadata.name="])
            {
                if (term.Trim().StartsWith(prefix, StringComparison.Ordinal))
                    return term.Trim()[prefix.Length..];
            }
        }
        return null;
    }
}
