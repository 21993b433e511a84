using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;

namespace Replicator.Core.Json;

/// <summary>Computes one patch at a time with reusable buffers; see <see cref="JsonPatch"/>.</summary>
sealed class JsonPatchDiffer : IDisposable
{
    const long MaxRetainedBytes = 16 << 20;

    /// <summary>Matching elements by key compares each with each; above this many comparisons it is not worth it.</summary>
    const int MaxKeyComparisons = 1 << 16;

    /// <summary>The bytes that an operation needs beside its path and value: <c>,{"op":"replace","path":"","value":}</c>.</summary>
    const int ReplaceOverhead = 37;

    [ThreadStatic]
    static JsonPatchDiffer? _cached;

    readonly JsonTape _ownFrom = new();
    readonly JsonTape _ownTo = new();

    // The path of the values compared, as it stands between the quotes of the patch: a pointer with JSON's escapes.
    readonly PooledBufferWriter _path = new();
    readonly PooledBufferWriter _operations = new();
    readonly PooledBufferWriter _name = new();
    JsonTape _from = null!;
    JsonTape _to = null!;
    SortedMembers _members = null!;

    public static JsonPatchDiffer Take()
    {
        var differ = _cached ?? new JsonPatchDiffer();
        _cached = null;
        return differ;
    }

    /// <summary>Keeps this one for the thread's next diff, unless an unusually large document has swollen it.</summary>
    public void Dispose()
    {
        if (_ownFrom.RetainedBytes + _ownTo.RetainedBytes + _operations.Capacity <= MaxRetainedBytes)
        {
            _cached = this;
            return;
        }
        _path.Dispose();
        _operations.Dispose();
        _name.Dispose();
    }

    public void Diff(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, IBufferWriter<byte> patch)
    {
        _ownFrom.Parse(from);
        _ownTo.Parse(to);
        Diff(_ownFrom, _ownFrom.Root, _ownTo, _ownTo.Root, patch);
    }

    public void Diff(JsonTape from, int fromNode, JsonTape to, int toNode, IBufferWriter<byte> patch)
    {
        _from = from;
        _to = to;
        _members = SortedMembers.OfThisThread;
        _path.Clear();
        _operations.Clear();
        var top = _members.Top;
        try
        {
            Compare(fromNode, toNode);
        }
        finally
        {
            _members.Top = top;
            _from = null!;
            _to = null!;
        }
        _operations.WriteByte((byte)']');
        var operations = _operations.WrittenSpan;
        if (operations.Length == 1)
        {
            patch.Write("[]"u8);
            return;
        }
        var span = patch.GetSpan(operations.Length);
        operations.CopyTo(span);
        span[0] = (byte)'[';
        patch.Advance(operations.Length);
    }

    void Compare(int a, int b)
    {
        if (CanonicalJson.Equal(_from, a, _to, b))
            return;
        var kind = _from.Kind(a);
        if (kind != _to.Kind(b) || kind is not (JsonKind.Object or JsonKind.Array))
        {
            Write("replace"u8, b);
            return;
        }
        var start = _operations.WrittenCount;
        if (kind == JsonKind.Object)
            CompareObjects(a, b);
        else
            CompareArrays(a, b);
        if (_operations.WrittenCount - start > _to.RawText(b).Length + _path.WrittenCount + ReplaceOverhead)
        {
            _operations.Truncate(start);
            Write("replace"u8, b);
        }
    }

    void CompareObjects(int a, int b)
    {
        var path = _path.WrittenCount;
        var i = _members.Top;
        var endA = i + _members.Push(_from, a);
        var j = endA;
        var endB = j + _members.Push(_to, b);
        var top = i;
        while (i < endA || j < endB)
        {
            var order = i == endA ? 1 : j == endB ? -1 : CompareNames(_members[i], _members[j]);
            if (order <= 0)
                Descend(_from, _members[i]);
            else
                Descend(_to, _members[j]);
            if (order < 0)
                Write("remove"u8, -1);
            else if (order > 0)
                Write("add"u8, _members[j] + 1);
            else
                Compare(_members[i] + 1, _members[j] + 1);
            _path.Truncate(path);
            if (order <= 0)
                i++;
            if (order >= 0)
                j++;
        }
        _members.Top = top;
    }

    int CompareNames(int a, int b) => JsonText.Compare(
        _from.StringBody(a), _from.Tokens[a].IsEscaped, _to.StringBody(b), _to.Tokens[b].IsEscaped);

    void CompareArrays(int a, int b)
    {
        var countA = _from.ChildCount(a);
        var countB = _to.ChildCount(b);
        var rented = ArrayPool<int>.Shared.Rent(countA + countB);
        try
        {
            var elementsA = rented.AsSpan(0, countA);
            var elementsB = rented.AsSpan(countA, countB);
            Collect(_from, a, elementsA);
            Collect(_to, b, elementsB);

            var prefix = 0;
            var common = Math.Min(countA, countB);
            while (prefix < common && CanonicalJson.Equal(_from, elementsA[prefix], _to, elementsB[prefix]))
                prefix++;
            var suffix = 0;
            while (suffix < common - prefix && CanonicalJson.Equal(_from, elementsA[^(suffix + 1)], _to, elementsB[^(suffix + 1)]))
                suffix++;
            CompareMiddle(elementsA[prefix..^suffix], elementsB[prefix..^suffix], prefix);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }

    static void Collect(JsonTape tape, int array, Span<int> elements)
    {
        var i = 0;
        foreach (var element in tape.Elements(array))
            elements[i++] = element;
    }

    void CompareMiddle(ReadOnlySpan<int> a, ReadOnlySpan<int> b, int offset)
    {
        // partners[i] is the place in b of the element that a[i] becomes, or -1; the places ascend.
        var rented = ArrayPool<int>.Shared.Rent(a.Length);
        var partners = rented.AsSpan(0, a.Length);
        try
        {
            if (!TryMatchByKey(a, b, partners))
                MatchByPlace(b.Length, partners);
            var path = _path.WrittenCount;
            for (var i = a.Length - 1; i >= 0; i--)
            {
                if (partners[i] >= 0)
                    continue;
                Descend(offset + i);
                Write("remove"u8, -1);
                _path.Truncate(path);
            }
            var next = 0;
            for (var j = 0; j < b.Length; j++)
            {
                while (next < a.Length && partners[next] < 0)
                    next++;
                Descend(offset + j);
                if (next < a.Length && partners[next] == j)
                    Compare(a[next++], b[j]);
                else
                    Write("add"u8, b[j]);
                _path.Truncate(path);
            }
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }

    static void MatchByPlace(int countB, Span<int> partners)
    {
        for (var i = 0; i < partners.Length; i++)
            partners[i] = i < countB ? i : -1;
    }

    /// <summary>Matches elements that have the same key, as many as keep their order; <see langword="false"/> where an element has no key.</summary>
    bool TryMatchByKey(ReadOnlySpan<int> a, ReadOnlySpan<int> b, Span<int> partners)
    {
        if (a.IsEmpty || b.IsEmpty || (long)a.Length * b.Length > MaxKeyComparisons)
            return false;
        if (!TryFindKey(_from, a[0], out var key))
            return false;
        foreach (var element in a)
        {
            if (!HasKey(_from, element, key))
                return false;
        }
        foreach (var element in b)
        {
            if (!HasKey(_to, element, key))
                return false;
        }

        for (var i = 0; i < a.Length; i++)
        {
            partners[i] = -1;
            for (var j = 0; j < b.Length; j++)
            {
                if (SameKey(a[i], b[j], key))
                {
                    partners[i] = j;
                    break;
                }
            }
        }
        KeepLongestAscent(partners);
        return true;
    }

    /// <summary>Keeps the longest ascending run of partners, so that what moved is removed and added, and all else stays.</summary>
    static void KeepLongestAscent(Span<int> partners)
    {
        var ascends = true;
        var last = -1;
        foreach (var partner in partners)
        {
            if (partner < 0)
                continue;
            ascends &= partner > last;
            last = partner;
        }
        if (ascends)
            return;

        var lengths = new int[partners.Length];
        var best = -1;
        for (var i = 0; i < partners.Length; i++)
        {
            if (partners[i] < 0)
                continue;
            lengths[i] = 1;
            for (var j = 0; j < i; j++)
            {
                if (partners[j] >= 0 && partners[j] < partners[i])
                    lengths[i] = Math.Max(lengths[i], lengths[j] + 1);
            }
            if (best < 0 || lengths[i] > lengths[best])
                best = i;
        }
        Debug.Assert(best >= 0);
        var wanted = lengths[best];
        var bound = int.MaxValue;
        for (var i = partners.Length - 1; i >= 0; i--)
        {
            if (partners[i] >= 0 && lengths[i] == wanted && partners[i] < bound)
            {
                bound = partners[i];
                wanted--;
            }
            else
            {
                partners[i] = -1;
            }
        }
    }

    static bool TryFindKey(JsonTape tape, int element, out ElementKey key)
    {
        for (key = ElementKey.Manager; key < ElementKey.None; key++)
        {
            if (HasKey(tape, element, key))
                return true;
        }
        return false;
    }

    static bool HasKey(JsonTape tape, int element, ElementKey key) => TryGetKey(tape, element, key, out _);

    static bool TryGetKey(JsonTape tape, int element, ElementKey key, out int value) =>
        tape.TryGetProperty(element, key switch
        {
            ElementKey.Manager => "manager"u8,
            ElementKey.Uid => "uid"u8,
            ElementKey.Name => "name"u8,
            _ => "type"u8,
        }, out value) && tape.Kind(value) == JsonKind.String;

    bool SameKey(int a, int b, ElementKey key) =>
        TryGetKey(_from, a, key, out var keyA) && TryGetKey(_to, b, key, out var keyB) && CanonicalJson.Equal(_from, keyA, _to, keyB)
        && (key != ElementKey.Manager || (SameProperty(a, b, "operation"u8) && SameProperty(a, b, "subresource"u8)));

    bool SameProperty(int a, int b, ReadOnlySpan<byte> name)
    {
        var hasA = _from.TryGetProperty(a, name, out var valueA);
        var hasB = _to.TryGetProperty(b, name, out var valueB);
        return hasA == hasB && (!hasA || CanonicalJson.Equal(_from, valueA, _to, valueB));
    }

    void Descend(JsonTape tape, int name)
    {
        _name.Clear();
        CanonicalJson.Write(tape, name, _name);
        JsonPointer.AppendSegment(_name.WrittenSpan[1..^1], _path);
    }

    void Descend(int index)
    {
        var span = _path.GetSpan(12);
        span[0] = (byte)'/';
        Utf8Formatter.TryFormat(index, span[1..], out var written);
        _path.Advance(written + 1);
    }

    void Write(ReadOnlySpan<byte> operation, int value)
    {
        // The first comma is overwritten by the bracket that opens the patch.
        _operations.Write(",{\"op\":\""u8);
        _operations.Write(operation);
        _operations.Write("\",\"path\":\""u8);
        _operations.Write(_path.WrittenSpan);
        if (value < 0)
        {
            _operations.Write("\"}"u8);
            return;
        }
        _operations.Write("\",\"value\":"u8);
        CanonicalJson.Write(_to, value, _operations);
        _operations.WriteByte((byte)'}');
    }

    enum ElementKey
    {
        Manager,
        Uid,
        Name,
        Type,
        None,
    }
}
