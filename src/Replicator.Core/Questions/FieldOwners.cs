using Replicator.Core.Json;

namespace Replicator.Core.Questions;

/// <summary>The managers of each leaf of an object.</summary>
sealed class FieldOwners
{
    readonly Dictionary<int, IReadOnlyList<FieldManager>> _leaves = [];
    readonly Dictionary<string, List<FieldManager>> _below = [];

    FieldOwners(JsonView root)
    {
        var managed = new ManagedFields(root);
        Walk(root, managed.Claims(), FieldAddress.Root);
    }

    public static FieldOwners Of(JsonView root) => new(root);

    /// <summary>The managers of a leaf; the one that wrote last comes first.</summary>
    public IReadOnlyList<FieldManager> At(int leaf) => _leaves.GetValueOrDefault(leaf) ?? [];

    /// <summary>The managers of anything at or below an address.</summary>
    public IEnumerable<FieldManager> At(FieldAddress address) => _below.GetValueOrDefault(address.ToString()) ?? [];

    IReadOnlyList<FieldManager> Walk(JsonView value, IReadOnlyList<ManagedFields.Claim> claims, FieldAddress address)
    {
        var managers = new HashSet<FieldManager>();
        switch (value.Kind)
        {
            case JsonKind.Object when value.Count > 0:
                foreach (var (name, member) in value.Members)
                    managers.UnionWith(Walk(member, ManagedFields.Member(claims, name), address.Member(name)));
                break;
            case JsonKind.Array when value.Count > 0:
                var fields = ListKeys.Find(value.Tape, value.Node, value.Tape, value.Node)?.Fields;
                foreach (var (index, element) in value.Items.Index())
                    managers.UnionWith(Walk(element, ManagedFields.Element(claims, element, index), fields is null ? address.Element(index) : address.Element(ListKeys.KeyOf(value.Tape, element.Node, fields))));
                break;
            default:
                List<FieldManager> leaf = [.. claims.Select(claim => claim.Manager).OrderByDescending(manager => manager.Time)];
                _leaves[value.Node] = leaf;
                managers.UnionWith(leaf);
                break;
        }
        if (managers.Count > 0)
            _below[address.ToString()] = [.. managers.OrderByDescending(manager => manager.Time)];
        return [.. managers];
    }
}
