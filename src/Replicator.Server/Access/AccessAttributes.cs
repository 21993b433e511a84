namespace Replicator.Server.Access;

/// <summary>What somebody wants to do: the attributes of a SubjectAccessReview (authorization.k8s.io/v1), of a resource or, with <see cref="Path"/>, of a path.</summary>
/// <param name="Verb"><c>get</c>, <c>list</c> or <c>watch</c>; <c>*</c> for all.</param>
/// <param name="Group">The API group, empty for the core group; <c>*</c> for all.</param>
/// <param name="Resource">The plural; <c>*</c> for all.</param>
/// <param name="Namespace">The namespace; empty for all of them and for what is in none.</param>
/// <param name="Name">The object; empty for a collection.</param>
public readonly record struct AccessAttributes(string Verb, string Group, string Resource, string Namespace = "", string Name = "")
{
    /// <summary>Everything in a cluster: what an administrator may do.</summary>
    public static AccessAttributes Everything { get; } = new("*", "*", "*");

    /// <summary>The subresource; empty for the object itself.</summary>
    public string Subresource { get; init; } = "";

    /// <summary>The version asked for, which rules may not tell apart but reviews carry.</summary>
    public string Version { get; init; } = "";

    /// <summary>A path that is no resource, such as <c>/version</c>; empty for a resource.</summary>
    public string Path { get; init; } = "";

    /// <summary>A path that is no resource.</summary>
    public static AccessAttributes OfPath(string verb, string path) => new(verb, "", "") { Path = path };

    /// <summary>The refusal as the API server words it.</summary>
    public string Refusal(string user, string? reason)
    {
        string message;
        if (Path.Length > 0)
        {
            message = $"forbidden: User \"{user}\" cannot {Verb} path \"{Path}\"";
        }
        else
        {
            var resource = Subresource.Length == 0 ? Resource : $"{Resource}/{Subresource}";
            var where = Namespace.Length == 0 ? "at the cluster scope" : $"in the namespace \"{Namespace}\"";
            var qualified = Group.Length == 0 ? Resource : $"{Resource}.{Group}";
            message = $"{qualified}{(Name.Length == 0 ? "" : $" \"{Name}\"")} is forbidden: User \"{user}\" cannot {Verb} resource \"{resource}\" in API group \"{Group}\" {where}";
        }
        return string.IsNullOrEmpty(reason) ? message : $"{message}: {reason}";
    }
}
