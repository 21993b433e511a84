using System.Text;

namespace Replicator.Informers.Caching;

/// <summary>The index functions that controllers use.</summary>
public static class IndexFunctions
{
    /// <summary>The namespace; cluster-scoped objects are under the empty string.</summary>
    public static IndexFunction Namespace { get; } = static (scoped in ObjectView item, ICollection<string> values) => values.Add(item.Object.Namespace);

    /// <summary>The uid of every owner.</summary>
    public static IndexFunction Owner { get; } = static (scoped in ObjectView item, ICollection<string> values) => item.GetOwners(controllerOnly: false, values);

    /// <summary>The uid of the owner that controls the object.</summary>
    public static IndexFunction Controller { get; } = static (scoped in ObjectView item, ICollection<string> values) => item.GetOwners(controllerOnly: true, values);

    /// <summary>The value of a label; objects without it are left out.</summary>
    public static IndexFunction Label(string name)
    {
        var utf8 = Encoding.UTF8.GetBytes(name);
        return (scoped in ObjectView item, ICollection<string> values) =>
        {
            if (item.TryGetLabel(utf8, out var value))
                values.Add(value);
        };
    }
}
