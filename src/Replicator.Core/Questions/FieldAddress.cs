using System.Buffers;
using System.Globalization;
using System.Text;

namespace Replicator.Core.Questions;

/// <summary>
/// Where a value lies in an object, as people write it: <c>spec.template.spec.containers[name=web].image</c>, <c>metadata.annotations['example.com/owner']</c>, <c>spec.args[2]</c>.
/// </summary>
/// <remarks>An element of a list is named by its key where its list has one, as Kubernetes merges such lists (x-kubernetes-list-map-keys); else by its place.</remarks>
public sealed class FieldAddress : IEquatable<FieldAddress>
{
    static readonly SearchValues<char> Ambiguous = SearchValues.Create("\"\\[]=, '");

    FieldAddress(FieldAddress? parent, string? name, IReadOnlyList<KeyValuePair<string, string>>? key, int index) => (Parent, Name, Key, Index) = (parent, name, key, index);

    /// <summary>The whole object.</summary>
    public static FieldAddress Root { get; } = new(null, null, null, -1);

    /// <summary>What it lies in; null for the whole object.</summary>
    public FieldAddress? Parent { get; }

    /// <summary>The member's name; null where it is an element.</summary>
    public string? Name { get; }

    /// <summary>The names of the element's key fields with their values as JSON; null where it is no keyed element.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Key { get; }

    /// <summary>The element's place from 0, or −1.</summary>
    public int Index { get; }

    /// <summary>A member below this.</summary>
    public FieldAddress Member(string name) => new(this, name, null, -1);

    /// <summary>An element below this, by its key.</summary>
    public FieldAddress Element(IReadOnlyList<KeyValuePair<string, string>> key) => new(this, null, key, -1);

    /// <summary>An element below this, by its place.</summary>
    public FieldAddress Element(int index) => new(this, null, null, index);

    /// <inheritdoc/>
    public bool Equals(FieldAddress? other) => other is not null && (ReferenceEquals(this, other) || ToString() == other.ToString());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FieldAddress);

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <summary>The address as text; empty for the whole object.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Append(text);
        return text.ToString();
    }

    void Append(StringBuilder text)
    {
        if (Parent is null)
            return;
        Parent.Append(text);
        if (Name is not null)
        {
            if (IsWord(Name))
                text.Append(text.Length > 0 ? "." : "").Append(Name);
            else
                text.Append("['").Append(Name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)).Append("']");
        }
        else if (Key is not null)
        {
            text.Append('[');
            for (var index = 0; index < Key.Count; index++)
                text.Append(index == 0 ? "" : ",").Append(Key[index].Key).Append('=').Append(Plain(Key[index].Value));
            text.Append(']');
        }
        else
        {
            text.Append(CultureInfo.InvariantCulture, $"[{Index}]");
        }
    }

    static bool IsWord(string name)
    {
        if (name.Length == 0)
            return false;
        foreach (var character in name)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('_' or '-'))
                return false;
        }
        return true;
    }

    // Quotes only where the value could be read as something else.
    static string Plain(string json) =>
        json.Length > 2 && json[0] == '"' && json.AsSpan(1, json.Length - 2).IndexOfAny(Ambiguous) < 0 ? json[1..^1] : json;
}
