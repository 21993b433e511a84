using System.Numerics;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>The decoded states used last, by the position of their event, within a bound of bytes. What is missing is decoded again. Not thread-safe.</summary>
/// <remarks>Its buffers are its own and used again: objects that come and go by the thousand would find a shared pool empty each time, and the collector busy.</remarks>
sealed class StateCache(long capacity)
{
    // Sizes are powers of two and three steps between each, so that a buffer is at least four fifths full.
    const int StepsPerDoubling = 4;
    const int SmallestBits = 6;

    readonly Dictionary<long, LinkedListNode<Entry>> _entries = [];
    readonly LinkedList<Entry> _recent = new();
    readonly Stack<byte[]>?[] _free = new Stack<byte[]>?[(32 - SmallestBits) * StepsPerDoubling];
    // Of all buffers, the free ones included.
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
        // Whoever reads the log again has kept it before.
        Remove(position);
        if (!_entries.Remove(former, out var node))
        {
            Add(position, state);
            return;
        }
        _recent.Remove(node);
        Insert(node, position, state);
    }

    public void Remove(long position)
    {
        if (!_entries.Remove(position, out var node))
            return;
        _recent.Remove(node);
        Free(node.Value.Buffer);
    }

    /// <summary>Forgets everything, and gives the memory back.</summary>
    public void Clear()
    {
        _entries.Clear();
        _recent.Clear();
        Array.Clear(_free);
        _bytes = 0;
    }

    void Insert(LinkedListNode<Entry> node, long position, ReadOnlySpan<byte> state)
    {
        var entry = node.Value;
        if (entry.Buffer.Length < state.Length)
        {
            Free(entry.Buffer);
            entry.Buffer = Rent(state.Length);
        }
        state.CopyTo(entry.Buffer);
        (entry.Position, entry.Length) = (position, state.Length);
        _recent.AddFirst(node);
        _entries[position] = node;
    }

    byte[] Rent(int length)
    {
        var (number, size) = SizeOf(length);
        while (true)
        {
            if (_free[number] is { Count: > 0 } free)
                return free.Pop();
            if (_bytes + size <= capacity || !(DropFree() || DropOldest()))
                break;
        }
        _bytes += size;
        return GC.AllocateUninitializedArray<byte>(size);
    }

    void Free(byte[] buffer)
    {
        if (buffer.Length > 0)
            (_free[SizeOf(buffer.Length).Number] ??= new()).Push(buffer);
    }

    /// <summary>Gives up a free buffer, of the largest size that there is.</summary>
    bool DropFree()
    {
        for (var number = _free.Length - 1; number >= 0; number--)
        {
            if (_free[number] is not { Count: > 0 } free)
                continue;
            _bytes -= free.Pop().Length;
            return true;
        }
        return false;
    }

    bool DropOldest()
    {
        if (_recent.Last is not { } oldest)
            return false;
        Remove(oldest.Value.Position);
        return true;
    }

    /// <summary>The number and the bytes of the smallest size that holds so many.</summary>
    static (int Number, int Size) SizeOf(int length)
    {
        var bits = Math.Max(SmallestBits, 31 - BitOperations.LeadingZeroCount((uint)Math.Max(1, length - 1)));
        var step = 1 << (bits - 2);
        var steps = Math.Clamp((length - (1 << bits) + step - 1) / step, 0, StepsPerDoubling);
        return ((bits - SmallestBits) * StepsPerDoubling + steps, (1 << bits) + steps * step);
    }

    sealed class Entry
    {
        public long Position { get; set; }

        public byte[] Buffer { get; set; } = [];

        public int Length { get; set; }

        public ReadOnlySpan<byte> Span => Buffer.AsSpan(0, Length);
    }
}
