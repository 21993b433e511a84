namespace Replicator.Informers.Caching;

/// <summary>What names an object among those of its type: namespace (empty for cluster-scoped types) and name. Written <c>namespace/name</c> or <c>name</c>, as client-go's MetaNamespaceKeyFunc does.</summary>
public readonly record struct ObjectKey(string Namespace, string Name)
{
    /// <summary>Parses <c>namespace/name</c> or <c>name</c>.</summary>
    /// <exception cref="FormatException">A part is empty, or there are more than two.</exception>
    public static ObjectKey Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Split('/') switch
        {
            [{ Length: > 0 } name] => new("", name),
            [{ Length: > 0 } scope, { Length: > 0 } name] => new(scope, name),
            _ => throw new FormatException($"'{text}' names no object: write 'namespace/name', or 'name' where the type has no namespaces."),
        };
    }

    /// <inheritdoc/>
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}
