using System.Text;
using Replicator.Core.Json;

namespace Replicator.Core.Questions;

/// <summary>Says field by field in what two states of an object differ. The states are canonical JSON.</summary>
/// <remarks>
/// Elements of lists are matched by their keys where they have some; else what is equal at the beginning and at the end of both lists is, and between, one by one where as many went as came. The changes, applied to the one
/// state, give the other: removals by the places of the first list, then additions by those of the second.
/// </remarks>
public sealed class FieldDiff
{
    readonly JsonTape _from, _to;
    readonly bool _noise;
    readonly List<FieldChange> _changes = [];

    FieldDiff(JsonTape from, JsonTape to, bool noise) => (_from, _to, _noise) = (from, to, noise);

    /// <summary>The fields that differ between two objects, in the order of their names.</summary>
    /// <param name="from">The one, canonical JSON.</param>
    /// <param name="to">The other.</param>
    /// <param name="noise">Whether <see cref="Noise"/> is shown too.</param>
    /// <exception cref="JsonFormatException">One of them is not JSON.</exception>
    public static IReadOnlyList<FieldChange> Between(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool noise)
    {
        var (left, right) = (new JsonTape(), new JsonTape());
        left.Parse(from);
        right.Parse(to);
        return Between(left, right, noise);
    }

    /// <inheritdoc cref="Between(ReadOnlySpan{byte}, ReadOnlySpan{byte}, bool)"/>
    public static IReadOnlyList<FieldChange> Between(JsonTape from, JsonTape to, bool noise)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        var diff = new FieldDiff(from, to, noise);
        diff.Compare(FieldAddress.Root, from.Root, to.Root);
        return diff._changes;
    }

    void Compare(FieldAddress address, int from, int to)
    {
        if (CanonicalJson.Equal(_from, from, _to, to) || IsHidden(address))
            return;
        var kind = _from.Kind(from);
        if (kind == JsonKind.Object && _to.Kind(to) == JsonKind.Object)
            CompareObjects(address, from, to);
        else if (kind == JsonKind.Array && _to.Kind(to) == JsonKind.Array)
            CompareLists(address, from, to);
        else
            Add(address, FieldChangeKind.Changed, Text(_from, from), Text(_to, to));
    }

    void CompareObjects(FieldAddress address, int from, int to)
    {
        // Both are sorted by the bytes of their names.
        var (left, leftEnd, right, rightEnd) = (from + 1, _from.Next(from), to + 1, _to.Next(to));
        while (left < leftEnd || right < rightEnd)
        {
            var order = left >= leftEnd ? 1 : right >= rightEnd ? -1 : CompareNames(left, right);
            if (order < 0)
                Gone(address.Member(_from.GetString(left)), left + 1);
            else if (order > 0)
                Come(address.Member(_to.GetString(right)), right + 1);
            else if (!_from.RawText(left + 1).SequenceEqual(_to.RawText(right + 1)))
                Compare(address.Member(_from.GetString(left)), left + 1, right + 1);
            if (order <= 0)
                left = _from.Next(left + 1);
            if (order >= 0)
                right = _to.Next(right + 1);
        }
    }

    int CompareNames(int left, int right)
    {
        var (from, to) = (_from.Token(left), _to.Token(right));
        return JsonText.Compare(_from.StringBody(left), from.IsEscaped, _to.StringBody(right), to.IsEscaped);
    }

    void CompareLists(FieldAddress address, int from, int to)
    {
        var (left, right) = (Elements(_from, from), Elements(_to, to));
        if (ListKeys.Find(_from, from, _to, to) is not var (leftKeys, rightKeys, fields))
        {
            CompareByPlace(address, left, right);
            return;
        }
        var places = new Dictionary<string, int>(rightKeys.Length);
        for (var index = 0; index < right.Count; index++)
            places[rightKeys[index]] = index;
        var kept = new List<string>();
        for (var index = 0; index < left.Count; index++)
        {
            var below = address.Element(ListKeys.KeyOf(_from, left[index], fields));
            if (places.Remove(leftKeys[index], out var place))
            {
                Compare(below, left[index], right[place]);
                kept.Add(leftKeys[index]);
            }
            else
            {
                Gone(below, left[index]);
            }
        }
        for (var index = 0; index < right.Count; index++)
        {
            if (!places.ContainsKey(rightKeys[index]))
                continue;
            Come(address.Element(ListKeys.KeyOf(_to, right[index], fields)), right[index]);
            kept.Add(rightKeys[index]);
        }
        if (!kept.SequenceEqual(rightKeys))
            Add(address, FieldChangeKind.Reordered, Order(_from, left, fields), Order(_to, right, fields));
    }

    void CompareByPlace(FieldAddress address, List<int> left, List<int> right)
    {
        var start = 0;
        while (start < left.Count && start < right.Count && CanonicalJson.Equal(_from, left[start], _to, right[start]))
            start++;
        var (leftEnd, rightEnd) = (left.Count, right.Count);
        while (leftEnd > start && rightEnd > start && CanonicalJson.Equal(_from, left[leftEnd - 1], _to, right[rightEnd - 1]))
            (leftEnd, rightEnd) = (leftEnd - 1, rightEnd - 1);
        if (leftEnd == rightEnd)
        {
            for (var index = start; index < leftEnd; index++)
                Compare(address.Element(index), left[index], right[index]);
            return;
        }
        for (var index = start; index < leftEnd; index++)
            Gone(address.Element(index), left[index]);
        for (var index = start; index < rightEnd; index++)
            Come(address.Element(index), right[index]);
    }

    void Gone(FieldAddress address, int node)
    {
        if (!IsHidden(address))
            Add(address, FieldChangeKind.Removed, Text(_from, node), null);
    }

    void Come(FieldAddress address, int node)
    {
        if (!IsHidden(address))
            Add(address, FieldChangeKind.Added, null, Text(_to, node));
    }

    void Add(FieldAddress address, FieldChangeKind kind, string? from, string? to) => _changes.Add(new FieldChange(address, kind, from, to));

    bool IsHidden(FieldAddress address) => !_noise && Noise.Is(address);

    static List<int> Elements(JsonTape tape, int list)
    {
        var elements = new List<int>(tape.ChildCount(list));
        foreach (var element in tape.Elements(list))
            elements.Add(element);
        return elements;
    }

    static string Order(JsonTape tape, List<int> elements, byte[][] fields) => $"[{string.Join(',', elements.Select(element =>
        fields.Length == 1 ? new JsonView(tape, element)[fields[0]].RawString() : $"[{string.Join(',', fields.Select(field => new JsonView(tape, element)[field].RawString()))}]"))}]";

    static string Text(JsonTape tape, int node) => Encoding.UTF8.GetString(tape.RawText(node));
}
