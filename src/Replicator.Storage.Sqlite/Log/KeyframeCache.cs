using System.Buffers;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>The decoded keyframes used last, by position, within a bound of bytes. What is missing is decoded again. Not thread-safe.</summary>
sealed class KeyframeCache(long capacity) : IDisposable
{
    readonly Dictionary<long, LinkedListNode<Entry>> _entries = [];
    readonly LinkedList<Entry> _recent = new();
    long _bytes;

    public bool TryGet(long position, out ReadOnlySpan<byte> keyframe)
    {
        if (!_entries.TryGetValue(position, out var node))
        {
            keyframe = default;
            return false;
        }
        _recent.Remove(node);
        _recent.AddFirst(node);
        keyframe = node.Value.Span;
        return true;
    }

    /// <summary>Makes room for a keyframe that the caller fills.</summary>
    public Span<byte> Add(long position, int length)
    {
        Remove(position);
        while (_bytes + length > capacity && _recent.Last is { } oldest)
            Remove(oldest.Value.Position);
        var entry = new Entry(position, ArrayPool<byte>.Shared.Rent(length), length);
        _entries[position] = _recent.AddFirst(entry);
        _bytes += length;
        return entry.Span;
    }

    public void Remove(long position)
    {
        if (!_entries.Remove(position, out var node))
            return;
        _recent.Remove(node);
        _bytes -= node.Value.Length;
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

    readonly record struct Entry(long Position, byte[] Buffer, int Length)
    {
        public Span<byte> Span => Buffer.AsSpan(0, Length);
    }
}
