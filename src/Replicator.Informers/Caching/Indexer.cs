using System.Diagnostics.CodeAnalysis;
using Replicator.Core.Kubernetes;

namespace Replicator.Informers.Caching;

/// <summary>A store of objects with indexes (client-go's Indexer). Safe for concurrent use.</summary>
/// <remarks>What an index function said of an object is kept with it, so that a function which changes its mind corrupts nothing.</remarks>
public sealed class Indexer : IIndexer
{
    readonly Lock _gate = new();
    readonly Dictionary<ObjectKey, Entry> _entries = new(ObjectKeyComparer.Instance);
    readonly List<Index> _indexes = [];
    readonly List<string> _values = [];

    /// <summary>Creates an empty store.</summary>
    /// <param name="indexes">Its indexes by name.</param>
    public Indexer(IReadOnlyDictionary<string, IndexFunction>? indexes = null)
    {
        foreach (var (name, function) in indexes ?? new Dictionary<string, IndexFunction>())
            AddIndex(name, function);
    }

    /// <inheritdoc/>
    public int Count
    {
        get
        {
            lock (_gate)
                return _entries.Count;
        }
    }

    /// <inheritdoc/>
    public bool TryGet(ObjectKey key, [NotNullWhen(true)] out Unstructured? found)
    {
        lock (_gate)
        {
            found = _entries.TryGetValue(key, out var entry) ? entry.Object : null;
            return found is not null;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<Unstructured> List()
    {
        lock (_gate)
        {
            var all = new Unstructured[_entries.Count];
            var at = 0;
            foreach (var entry in _entries.Values)
                all[at++] = entry.Object;
            return all;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<Unstructured> List(LabelSelector selector, string? scope = null)
    {
        ArgumentNullException.ThrowIfNull(selector);
        var matching = new List<Unstructured>();
        foreach (var item in List())
        {
            if (scope is not null && item.Namespace != scope)
                continue;
            if (selector.Requirements.Count > 0)
            {
                using var json = item.OpenJson();
                if (!new ObjectView(item, json.Span).Matches(selector))
                    continue;
            }
            matching.Add(item);
        }
        return matching;
    }

    /// <inheritdoc/>
    public IReadOnlyList<ObjectKey> ListKeys()
    {
        lock (_gate)
            return [.. _entries.Keys];
    }

    /// <inheritdoc/>
    public IReadOnlyList<Unstructured> ByIndex(string index, string value)
    {
        lock (_gate)
            return Find(index).Buckets.TryGetValue(value, out var bucket) ? [.. bucket.Entries.Select(entry => entry.Object)] : [];
    }

    /// <inheritdoc/>
    public IReadOnlyList<ObjectKey> IndexKeys(string index, string value)
    {
        lock (_gate)
            return Find(index).Buckets.TryGetValue(value, out var bucket) ? [.. bucket.Entries.Select(entry => entry.Object.Key)] : [];
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> IndexValues(string index)
    {
        lock (_gate)
            return [.. Find(index).Buckets.Keys];
    }

    /// <inheritdoc/>
    public void AddIndex(string name, IndexFunction function)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(function);
        lock (_gate)
        {
            if (_indexes.Exists(index => index.Name == name))
                throw new ArgumentException($"There is an index '{name}' already.", nameof(name));
            var number = _indexes.Count;
            _indexes.Add(new Index(name, function));
            foreach (var entry in _entries.Values)
            {
                Array.Resize(ref entry.Values, _indexes.Count);
                using var json = entry.Object.OpenJson();
                File(entry, number, new ObjectView(entry.Object, json.Span));
            }
        }
    }

    /// <summary>Stores an object in place of what its key had before.</summary>
    public void Put(Unstructured item)
    {
        ArgumentNullException.ThrowIfNull(item);
        lock (_gate)
        {
            using var json = _indexes.Count > 0 ? item.OpenJson() : default;
            Put(item, json.Span);
        }
    }

    /// <summary>Removes the object of a key; false where there is none.</summary>
    public bool Remove(ObjectKey key)
    {
        lock (_gate)
        {
            if (!_entries.Remove(key, out var entry))
                return false;
            Unfile(entry);
            return true;
        }
    }

    /// <summary>Makes the given objects all that there are.</summary>
    public void Replace(IEnumerable<Unstructured> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        lock (_gate)
        {
            _entries.Clear();
            foreach (var index in _indexes)
                index.Buckets.Clear();
            foreach (var item in items)
                Put(item);
        }
    }

    /// <summary>Stores an object whose JSON is at hand.</summary>
    internal void Put(Unstructured item, ReadOnlySpan<byte> json, int generation = 0)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(item.Key, out var entry))
                entry.Object = item;
            else
                _entries.Add(item.Key, entry = new Entry(item, _indexes.Count));
            entry.Generation = generation;
            for (var number = 0; number < _indexes.Count; number++)
                File(entry, number, new ObjectView(item, json));
        }
    }

    /// <summary>Finds an object by the key that a server sent, and marks it as of a generation.</summary>
    internal bool TryGet(Utf8ObjectKey key, int generation, [NotNullWhen(true)] out Unstructured? found)
    {
        lock (_gate)
        {
            if (!_entries.GetAlternateLookup<Utf8ObjectKey>().TryGetValue(key, out var entry))
            {
                found = null;
                return false;
            }
            entry.Generation = generation;
            found = entry.Object;
            return true;
        }
    }

    /// <summary>The objects of other generations than this one: a list did not hold them.</summary>
    internal List<Unstructured> ListOthers(int generation)
    {
        lock (_gate)
            return [.. _entries.Values.Where(entry => entry.Generation != generation).Select(entry => entry.Object)];
    }

    Index Find(string name) => _indexes.Find(index => index.Name == name)
        ?? throw new KeyNotFoundException($"There is no index '{name}'; there are: {string.Join(", ", _indexes.Select(index => $"'{index.Name}'"))}. Add it with AddIndex.");

    void File(Entry entry, int number, in ObjectView view)
    {
        var index = _indexes[number];
        _values.Clear();
        index.Function(view, _values);
        ref var filed = ref entry.Values![number];
        if (Same(filed, _values))
            return;
        Unfile(entry, index, filed);
        // Most indexes have one value per object, and the value of many objects is one string.
        filed = _values.Count switch
        {
            0 => null,
            1 => index.Add(_values[0], entry),
            _ => _values.Distinct().Select(value => index.Add(value, entry)).ToArray(),
        };
    }

    void Unfile(Entry entry)
    {
        for (var number = 0; number < _indexes.Count; number++)
            Unfile(entry, _indexes[number], entry.Values![number]);
    }

    static void Unfile(Entry entry, Index index, object? filed)
    {
        if (filed is string one)
            index.Remove(one, entry);
        foreach (var value in filed as string[] ?? [])
            index.Remove(value, entry);
    }

    static bool Same(object? filed, List<string> values) => filed switch
    {
        null => values.Count == 0,
        string one => values.Count == 1 && values[0] == one,
        string[] many => values.SequenceEqual(many),
        _ => false,
    };

    sealed class Entry(Unstructured item, int indexes)
    {
        public Unstructured Object = item;
        public object?[]? Values = indexes == 0 ? null : new object?[indexes];
        public int Generation;
    }

    sealed class Index(string name, IndexFunction function)
    {
        public string Name => name;

        public IndexFunction Function => function;

        public Dictionary<string, Bucket> Buckets { get; } = [];

        public string Add(string value, Entry entry)
        {
            if (!Buckets.TryGetValue(value, out var bucket))
                Buckets.Add(value, bucket = new Bucket(value));
            bucket.Entries.Add(entry);
            return bucket.Value;
        }

        // An empty bucket stays in no index: values may be unique per object and never come again.
        public void Remove(string value, Entry entry)
        {
            if (Buckets.TryGetValue(value, out var bucket) && bucket.Entries.Remove(entry) && bucket.Entries.Count == 0)
                Buckets.Remove(value);
        }
    }

    sealed record Bucket(string Value)
    {
        public HashSet<Entry> Entries { get; } = [];
    }
}
