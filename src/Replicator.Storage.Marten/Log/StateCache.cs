using System.Buffers;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;

namespace Replicator.Storage.Marten.Log;

/// <summary>The last states of objects, those used last within a bound of bytes. Not thread-safe.</summary>
sealed class StateCache(long capacity) : IDisposable
{
    readonly Dictionary<(StreamId Stream, ObjectIdentity Object), LinkedListNode<Entry>> _entries = [];
    readonly LinkedList<Entry> _recent = new();
    long _bytes;

    /// <summary>The entry of an object; valid until the next call.</summary>
    public Entry? Find(StreamId stream, in ObjectIdentity identity)
    {
        if (!_entries.TryGetValue((stream, identity), out var node))
            return null;
        _recent.Remove(node);
        _recent.AddFirst(node);
        return node.Value;
    }

    /// <summary>Keeps a state, unless it is larger than the whole cache.</summary>
    public void Set(StreamId stream, in ObjectIdentity identity, long revision, int patches, ReadOnlySpan<byte> state)
    {
        Remove(stream, identity);
        if (state.Length > capacity)
            return;
        while (_bytes + state.Length > capacity && _recent.Last is { } oldest)
            Remove(oldest.Value.Stream, oldest.Value.Object);
        var buffer = ArrayPool<byte>.Shared.Rent(state.Length);
        state.CopyTo(buffer);
        _entries[(stream, identity)] = _recent.AddFirst(new Entry(stream, identity, revision, patches, buffer, state.Length));
        _bytes += state.Length;
    }

    public void Remove(StreamId stream, in ObjectIdentity identity)
    {
        if (!_entries.Remove((stream, identity), out var node))
            return;
        _recent.Remove(node);
        _bytes -= node.Value.State.Length;
        node.Value.Return();
    }

    public void Clear()
    {
        foreach (var entry in _recent)
            entry.Return();
        _entries.Clear();
        _recent.Clear();
        _bytes = 0;
    }

    public void Dispose() => Clear();

    /// <param name="Stream">The object's stream.</param>
    /// <param name="Object">The object.</param>
    /// <param name="Revision">Of the event that brought the state.</param>
    /// <param name="Patches">How many patches lie between it and its keyframe.</param>
    /// <param name="Buffer">Holds the state.</param>
    /// <param name="Length">The state's length.</param>
    public sealed record Entry(StreamId Stream, ObjectIdentity Object, long Revision, int Patches, byte[] Buffer, int Length)
    {
        public ReadOnlyMemory<byte> State => Buffer.AsMemory(0, Length);

        public void Return() => ArrayPool<byte>.Shared.Return(Buffer);
    }
}
