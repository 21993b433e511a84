using System.Text;
using Replicator.Core.Json;

namespace Replicator.Core.Questions;

/// <summary>Who manages which field of an object: <c>metadata.managedFields</c> with its FieldsV1 (structured-merge-diff's <c>f:</c> members, <c>k:</c> keyed elements, <c>v:</c> values of a set, <c>i:</c> places).</summary>
/// <remarks>https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management</remarks>
sealed class ManagedFields
{
    readonly List<Entry> _entries = [];

    public ManagedFields(JsonView @object)
    {
        foreach (var entry in @object["metadata"u8]["managedFields"u8].Items)
        {
            if (entry["manager"u8].Text is { } manager)
                _entries.Add(new Entry(new FieldManager(manager, entry["operation"u8].Text ?? "Update", entry["subresource"u8].Text, entry["time"u8].Time), entry["fieldsV1"u8]));
        }
    }

    public IEnumerable<FieldManager> Managers => _entries.Select(entry => entry.Manager);

    /// <summary>The entries of another state that this one does not have in the same form: whoever wrote between the two.</summary>
    public IEnumerable<FieldManager> ChangedIn(ManagedFields later) => later._entries
        .Where(entry => !_entries.Exists(other => other.Manager == entry.Manager && CanonicalJson.Equal(other.Fields.Tape, other.Fields.Node, entry.Fields.Tape, entry.Fields.Node)))
        .Select(entry => entry.Manager);

    /// <summary>Begins a walk down the object, with every entry that has something to say.</summary>
    public IReadOnlyList<Claim> Claims() => [.. _entries.Where(entry => entry.Fields.Exists).Select(entry => new Claim(entry.Manager, entry.Fields, IsWhole: false))];

    /// <summary>The claims on a member of what others are claims on.</summary>
    public static IReadOnlyList<Claim> Member(IReadOnlyList<Claim> claims, string name) => Descend(claims, fields => fields[$"f:{name}"]);

    /// <summary>The claims on an element of a list.</summary>
    public static IReadOnlyList<Claim> Element(IReadOnlyList<Claim> claims, JsonView element, int index) => Descend(claims, fields =>
    {
        foreach (var (name, below) in fields.Members)
        {
            var isIt = name switch
            {
                ['k', ':', .. var key] => HasKey(element, key),
                ['v', ':', .. var value] => IsValue(element, value),
                ['i', ':', .. var place] => place == index.ToString(System.Globalization.CultureInfo.InvariantCulture),
                _ => false,
            };
            if (isIt)
                return below;
        }
        return default;
    });

    static List<Claim> Descend(IReadOnlyList<Claim> claims, Func<JsonView, JsonView> find)
    {
        var below = new List<Claim>();
        foreach (var claim in claims)
        {
            if (claim.IsWhole)
                below.Add(claim);
            else if (find(claim.Fields) is { Exists: true } fields)
                // An empty set stands for the field with everything in it: a scalar, or what is replaced as a whole.
                below.Add(new Claim(claim.Manager, fields, IsWhole: fields.Count == 0));
        }
        return below;
    }

    static bool HasKey(JsonView element, string key)
    {
        if (element.Kind != JsonKind.Object)
            return false;
        foreach (var (name, value) in JsonView.Parse(Encoding.UTF8.GetBytes(key)).Members)
        {
            var field = element[name];
            // Where a field of the key is absent, its default stands in the set.
            if (field.Exists && !CanonicalJson.Equal(field.Tape, field.Node, value.Tape, value.Node))
                return false;
        }
        return true;
    }

    static bool IsValue(JsonView element, string value)
    {
        var parsed = JsonView.Parse(Encoding.UTF8.GetBytes(value));
        return CanonicalJson.Equal(element.Tape, element.Node, parsed.Tape, parsed.Node);
    }

    sealed record Entry(FieldManager Manager, JsonView Fields);

    /// <summary>What an entry says of a place in the object.</summary>
    public readonly record struct Claim(FieldManager Manager, JsonView Fields, bool IsWhole);
}

/// <summary>Who manages fields.</summary>
/// <param name="Name">The manager's name, as the client or its user agent gave it.</param>
/// <param name="Operation"><c>Apply</c> or <c>Update</c>.</param>
/// <param name="Subresource">Through which subresource, such as <c>status</c>; null for none.</param>
/// <param name="Time">When its entry was last written, to the second.</param>
public sealed record FieldManager(string Name, string Operation, string? Subresource, DateTimeOffset? Time)
{
    /// <summary>The name, with what tells two entries of one name apart: <c>kubectl (apply)</c>, <c>kubelet (status)</c>.</summary>
    public override string ToString() => (Operation, Subresource) switch
    {
        ("Apply", null) => $"{Name} (apply)",
        ("Apply", var subresource) => $"{Name} (apply {subresource})",
        (_, null) => Name,
        (_, var subresource) => $"{Name} ({subresource})",
    };
}
