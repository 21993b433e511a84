using System.Buffers;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>The decoded states used last, by the position of their event, within a bound of bytes. What is missing is decoded again. Not thread-safe.</summary>
sealed class StateCache(long capacity) : IDisposable
{
    readonly Dictionary<long, LinkedListNode<Entry>> _entries = [];
    readonly LinkedList<Entry> _recent = new();
    long _bytes;

    public bool TryGet(long position, out ReadOnlySpan<byte> state)
    {
        if (!_entries.TryGetValue(position, out var node))
        {
            state = default;
            return false;
        }
        _recent.Remove(node);
        _recent.AddFirst(node);
        state = node.Value.Span;
        return true;
    }

    /// <summary>Keeps a state.</summary>
    public void Add(long position, ReadOnlySpan<byte> state)
    {
        Remove(position);
        Insert(new LinkedListNode<Entry>(new Entry()), position, state);
    }

    /// <summary>Keeps a state in place of its object's former one, which is not asked for again.</summary>
    public void Replace(long former, long position, ReadOnlySpan<byte> state)
    {
        if (!_entries.Remove(former, out var node))
        {
            Add(position, state);
            return;
        }
        _recent.Remove(node);
        _bytes -= node.Value.Buffer.Length;
        Insert(node, position, state);
    }

    public void Remove(long position)
    {
        if (!_entries.Remove(position, out var node))
            return;
        _recent.Remove(node);
        _bytes -= node.Value.Buffer.Length;
        ArrayPool<byte>.Shared.Return(node.Value.Buffer);
    }

    public void Clear()
    {
        foreach (var entry in _recent)
            ArrayPool<byte>.Shared.Return(entry.Buffer);
        _entries.Clear();
        _recent.Clear();
        _bytes = 0;
    }

    public void Dispose() => Clear();

    void Insert(LinkedListNode<Entry> node, long position, ReadOnlySpan<byte> state)
    {
        var entry = node.Value;
        if (entry.Buffer.Length < state.Length)
        {
            if (entry.Buffer.Length > 0)
                ArrayPool<byte>.Shared.Return(entry.Buffer);
            entry.Buffer = ArrayPool<byte>.Shared.Rent(state.Length);
        }
        state.CopyTo(entry.Buffer);
        (entry.Position, entry.Length) = (position, state.Length);
        _bytes += entry.Buffer.Length;
        while (_bytes > capacity && _recent.Last is { } oldest)
            Remove(oldest.Value.Position);
        _recent.AddFirst(node);
        _entries[position] = node;
    }

    sealed class Entry
    {
        public long Position { get; set; }

        public byte[] Buffer { get; set; } = [];

        public int Length { get; set; }

        public ReadOnlySpan<byte> Span => Buffer.AsSpan(0, Length);
    }
}
