using Replicator.Core.Events;
using Replicator.Core.Kubernetes;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>The last state of each object that this process recorded, within a bound of bytes over all streams: what patches are written against. What is missing is written whole.</summary>
/// <remarks>
/// A stream's entries are read and overwritten by whoever holds the stream only; another stream's writer may merely drop them. So a buffer is never changed under a reader, and an object that changes often keeps its
/// buffer.
/// </remarks>
sealed class WriterStates(long capacity)
{
    readonly Lock _lock = new();
    readonly Dictionary<(StreamId, ObjectIdentity), LinkedListNode<Entry>> _entries = [];
    readonly LinkedList<Entry> _recent = new();
    long _bytes;

    public bool TryGet(StreamId stream, ObjectIdentity identity, out WriterState state)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue((stream, identity), out var node))
            {
                var entry = node.Value;
                state = new WriterState(entry.Buffer.AsMemory(0, entry.Length), entry.Revision, entry.Depth);
                return true;
            }
        }
        state = default;
        return false;
    }

    public void Set(StreamId stream, ObjectIdentity identity, ReadOnlySpan<byte> state, long revision, int depth)
    {
        var key = (stream, identity);
        if (state.Length > capacity / 4)
        {
            Remove(stream, identity);
            return;
        }
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var node))
                _entries[key] = node = new LinkedListNode<Entry>(new Entry(key));
            else
                _recent.Remove(node);
            _recent.AddFirst(node);
            var entry = node.Value;
            if (entry.Buffer.Length < state.Length)
            {
                // States grow by a condition or a managed field at a time.
                var buffer = GC.AllocateUninitializedArray<byte>(state.Length + state.Length / 8);
                _bytes += buffer.Length - entry.Buffer.Length;
                entry.Buffer = buffer;
            }
            state.CopyTo(entry.Buffer);
            (entry.Length, entry.Revision, entry.Depth) = (state.Length, revision, depth);
            while (_bytes > capacity && _recent.Last is { } oldest && oldest != node)
                Remove(oldest);
        }
    }

    public void Remove(StreamId stream, ObjectIdentity identity)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue((stream, identity), out var node))
                Remove(node);
        }
    }

    void Remove(LinkedListNode<Entry> node)
    {
        _entries.Remove(node.Value.Key);
        _recent.Remove(node);
        _bytes -= node.Value.Buffer.Length;
    }

    sealed class Entry((StreamId Stream, ObjectIdentity Identity) key)
    {
        public (StreamId Stream, ObjectIdentity Identity) Key { get; } = key;
        public byte[] Buffer { get; set; } = [];
        public int Length { get; set; }
        public long Revision { get; set; }
        public int Depth { get; set; }
    }
}

/// <summary>A state that an event of the stream recorded, and how many patches it is away from a whole one.</summary>
readonly record struct WriterState(ReadOnlyMemory<byte> State, long Revision, int Depth);
