using System.Text;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>A field by which the API server lets a resource be selected, and how it is read as text.</summary>
sealed record SelectableField
{
    readonly byte[][] _path;

    /// <param name="name">As it stands in a selector.</param>
    /// <param name="path">Where the value is, with dots.</param>
    public SelectableField(string name, string? path = null) => (Name, _path) = (name, [.. (path ?? name).Split('.').Select(Encoding.UTF8.GetBytes)]);

    /// <summary>As it stands in a selector.</summary>
    public string Name { get; }

    /// <summary>What an object without the field has.</summary>
    public string Default { get; init; } = "";

    /// <summary>Where the value is instead, if it is empty.</summary>
    public SelectableField? Else { get; init; }

    /// <summary>Whether the server accepts the field, and finds it empty in every object.</summary>
    public bool IsAlwaysEmpty { get; init; }

    public bool IsOfIdentity => Name is "metadata.name" or "metadata.namespace";

    public string Read(in ObjectIdentity identity, JsonTape tape)
    {
        switch (Name)
        {
            case "metadata.name":
                return identity.Name;
            case "metadata.namespace":
                return identity.Namespace;
        }
        if (IsAlwaysEmpty)
            return "";
        var node = tape.Root;
        foreach (var name in _path)
        {
            if (!tape.TryGetProperty(node, name, out node))
                return Else?.Read(identity, tape) ?? Default;
        }
        var value = tape.Kind(node) switch
        {
            JsonKind.String => tape.GetString(node),
            JsonKind.Number or JsonKind.True or JsonKind.False => Encoding.UTF8.GetString(tape.RawText(node)),
            _ => "",
        };
        return value.Length > 0 ? value : Else?.Read(identity, tape) ?? Default;
    }
}
