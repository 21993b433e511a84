using System.Runtime.InteropServices;

namespace Replicator.Core.Json;

/// <summary>
/// Changes that <see cref="CanonicalJson"/> makes to a document while it writes it: values replaced or removed, members added. The tape stays as it is.
/// Reusable after <see cref="Clear"/>; keeps its buffers.
/// </summary>
/// <remarks>
/// A node is the node of a value (never of a name) on the tape that is written. An edit inside a value that is itself replaced or removed has no effect.
/// Of several edits to one value, or members added under one name, the last wins; an added member wins over a member of the object.
/// </remarks>
public sealed class JsonEdits : IDisposable
{
    readonly List<Edit> _edits = [];
    readonly JsonTape _tape = new();
    readonly PooledBufferWriter _bytes = new();

    /// <summary>How many edits there are.</summary>
    public int Count => _edits.Count;

    /// <summary>Writes <paramref name="rawJson"/> instead of the value at <paramref name="node"/>.</summary>
    /// <param name="node">The node of the value.</param>
    /// <param name="rawJson">One JSON value in any form; it is copied in canonical form.</param>
    /// <exception cref="JsonFormatException"><paramref name="rawJson"/> is not JSON.</exception>
    public void Replace(int node, ReadOnlyMemory<byte> rawJson)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(node);
        var (offset, length) = Keep(rawJson.Span);
        Put(new Edit(node, EditKind.Replace, offset, length, 0, 0));
    }

    /// <summary>Leaves out the member or element whose value is at <paramref name="node"/>.</summary>
    /// <remarks>Removing the root makes the write throw <see cref="InvalidOperationException"/>.</remarks>
    public void Remove(int node)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(node);
        Put(new Edit(node, EditKind.Remove, 0, 0, 0, 0));
    }

    /// <summary>Adds a member to the object at <paramref name="objectNode"/>, or replaces the one of that name.</summary>
    /// <param name="objectNode">The node of the object; where it is another kind the write throws <see cref="InvalidOperationException"/>.</param>
    /// <param name="name">The name, unescaped UTF-8.</param>
    /// <param name="rawJson">One JSON value in any form; it is copied in canonical form.</param>
    /// <exception cref="JsonFormatException"><paramref name="rawJson"/> is not JSON.</exception>
    public void AddMember(int objectNode, ReadOnlySpan<byte> name, ReadOnlyMemory<byte> rawJson)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(objectNode);
        var nameOffset = _bytes.WrittenCount;
        _bytes.Write(name);
        var (offset, length) = Keep(rawJson.Span);
        _edits.Insert(UpperBound(objectNode), new Edit(objectNode, EditKind.Add, offset, length, nameOffset, name.Length));
    }

    /// <summary>Forgets all edits.</summary>
    public void Clear()
    {
        _edits.Clear();
        _bytes.Clear();
    }

    /// <summary>Gives pooled memory back.</summary>
    public void Dispose()
    {
        _edits.Clear();
        _bytes.Dispose();
    }

    /// <summary>The most bytes by which the edited text may be longer than the original.</summary>
    internal int MaxGrowth => checked(JsonText.MaxEscapedLength * _bytes.WrittenCount + _edits.Count * "\"\":,".Length);

    /// <summary>The edits, ascending by node and, within a node, in the order they were made.</summary>
    internal ReadOnlySpan<Edit> All => CollectionsMarshal.AsSpan(_edits);

    internal ReadOnlySpan<byte> Value(Edit edit) => _bytes.WrittenSpan.Slice(edit.Offset, edit.Length);

    internal ReadOnlySpan<byte> Name(Edit edit) => _bytes.WrittenSpan.Slice(edit.NameOffset, edit.NameLength);

    /// <summary>Whether a node from <paramref name="node"/> up to, not including, <paramref name="end"/> has an edit.</summary>
    internal bool Touches(int node, int end)
    {
        var first = LowerBound(node);
        return first < _edits.Count && _edits[first].Node < end;
    }

    /// <summary>The index of the first edit at <paramref name="node"/> or behind it.</summary>
    internal int LowerBound(int node)
    {
        int low = 0, high = _edits.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_edits[middle].Node < node)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    /// <summary>The edit that replaces or removes the value at <paramref name="node"/>, if there is one.</summary>
    internal bool TryGet(int node, out Edit edit)
    {
        for (var i = LowerBound(node); i < _edits.Count && _edits[i].Node == node; i++)
        {
            if (_edits[i].Kind != EditKind.Add)
            {
                edit = _edits[i];
                return true;
            }
        }
        edit = default;
        return false;
    }

    int UpperBound(int node)
    {
        var index = LowerBound(node);
        while (index < _edits.Count && _edits[index].Node == node)
            index++;
        return index;
    }

    void Put(Edit edit)
    {
        var index = LowerBound(edit.Node);
        for (; index < _edits.Count && _edits[index].Node == edit.Node; index++)
        {
            if (_edits[index].Kind != EditKind.Add)
            {
                _edits[index] = edit;
                return;
            }
        }
        _edits.Insert(index, edit);
    }

    (int Offset, int Length) Keep(ReadOnlySpan<byte> rawJson)
    {
        _tape.Parse(rawJson);
        var offset = _bytes.WrittenCount;
        CanonicalJson.Write(_tape, _tape.Root, _bytes);
        return (offset, _bytes.WrittenCount - offset);
    }

    internal enum EditKind : byte
    {
        Replace,
        Remove,
        Add,
    }

    internal readonly record struct Edit(int Node, EditKind Kind, int Offset, int Length, int NameOffset, int NameLength);
}
