using Replicator.Core.Kubernetes;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>The states that a reader has seen last, by the event that recorded them, within a bound of bytes: what patches are applied to. Not thread-safe.</summary>
sealed class ReaderStates(long capacity)
{
    readonly Dictionary<(string Stream, long Revision), LinkedListNode<Entry>> _entries = [];
    readonly Dictionary<(string Stream, ObjectIdentity Identity), LinkedListNode<Entry>> _latest = [];
    readonly LinkedList<Entry> _recent = new();
    long _bytes;

    public bool TryGet(string stream, long revision, out ReadOnlyMemory<byte> state)
    {
        if (_entries.TryGetValue((stream, revision), out var node))
        {
            state = node.Value.State;
            return true;
        }
        state = default;
        return false;
    }

    /// <summary>Keeps a state. One that goes forwards needs only the latest of each object.</summary>
    public void Add(string stream, long revision, in ObjectIdentity identity, ReadOnlyMemory<byte> state, bool forwards)
    {
        if (_entries.ContainsKey((stream, revision)))
            return;
        if (forwards)
            Remove(stream, identity);
        var node = _recent.AddFirst(new Entry((stream, revision), (stream, identity), state));
        _entries[node.Value.Key] = node;
        if (forwards)
            _latest[node.Value.Object] = node;
        _bytes += state.Length;
        while (_bytes > capacity && _recent.Last is { } oldest)
            Remove(oldest);
    }

    /// <summary>Forgets an object: it was deleted.</summary>
    public void Remove(string stream, in ObjectIdentity identity)
    {
        if (_latest.TryGetValue((stream, identity), out var node))
            Remove(node);
    }

    void Remove(LinkedListNode<Entry> node)
    {
        _entries.Remove(node.Value.Key);
        if (_latest.TryGetValue(node.Value.Object, out var latest) && latest == node)
            _latest.Remove(node.Value.Object);
        _recent.Remove(node);
        _bytes -= node.Value.State.Length;
    }

    readonly record struct Entry((string Stream, long Revision) Key, (string Stream, ObjectIdentity Identity) Object, ReadOnlyMemory<byte> State);
}
