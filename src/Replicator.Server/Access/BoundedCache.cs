using System.Diagnostics.CodeAnalysis;

namespace Replicator.Server.Access;

/// <summary>Answers that hold for a while. Full, it forgets the oldest. Thread-safe.</summary>
/// <param name="capacity">How many at most.</param>
/// <param name="time">The clock.</param>
sealed class BoundedCache<TKey, TValue>(int capacity, TimeProvider time)
    where TKey : notnull
{
    readonly Dictionary<TKey, LinkedListNode<Entry>> _entries = [];
    readonly LinkedList<Entry> _oldestFirst = [];
    readonly Lock _gate = new();

    public int Count
    {
        get
        {
            lock (_gate)
                return _entries.Count;
        }
    }

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(key, out var node))
            {
                if (time.GetTimestamp() < node.Value.Expires)
                {
                    value = node.Value.Value;
                    return true;
                }
                Remove(node);
            }
        }
        value = default;
        return false;
    }

    public void Set(TKey key, TValue value, TimeSpan lifetime)
    {
        var expires = time.GetTimestamp() + (long)(lifetime.TotalSeconds * time.TimestampFrequency);
        lock (_gate)
        {
            if (_entries.TryGetValue(key, out var previous))
                Remove(previous);
            else if (_entries.Count == capacity)
                Remove(_oldestFirst.First!);
            _entries[key] = _oldestFirst.AddLast(new Entry(key, value, expires));
        }
    }

    void Remove(LinkedListNode<Entry> node)
    {
        _oldestFirst.Remove(node);
        _entries.Remove(node.Value.Key);
    }

    readonly record struct Entry(TKey Key, TValue Value, long Expires);
}
