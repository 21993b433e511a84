using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Server;

/// <summary>Finds a type by what people call it: plural, <c>plural.group</c>, kind or singular, in any case.</summary>
static class TypeNames
{
    public static ResourceType? Find(IReadOnlyList<TypeStatus> types, string name)
    {
        // A core type wins over another group's of the same name, as it does for kubectl.
        var candidates = types.Select(status => status.Type).OrderBy(type => type.Group.Length > 0).ThenBy(type => type.Group, StringComparer.Ordinal).ToList();
        return candidates.Find(type => Is(type.GroupResource.ToString(), name))
            ?? candidates.Find(type => Is(type.Resource, name))
            ?? candidates.Find(type => Is(type.Kind, name))
            ?? candidates.Find(type => type.Group.Length > 0 && Is($"{type.Kind}.{type.Group}", name));
    }

    static bool Is(string left, string right) => string.Equals(left, right, StringComparison.OrdinalIgnoreCase);
}
