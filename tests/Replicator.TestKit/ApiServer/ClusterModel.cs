using System.Globalization;
using System.Threading.Channels;
using Replicator.Core.Kubernetes;

namespace Replicator.TestKit.ApiServer;

/// <summary>What stands behind an API server: types, objects, one revision counter over all of them, a history that can be compacted, and the truth of everything that ever happened. Thread-safe.</summary>
public sealed class ClusterModel
{
    readonly Lock _gate = new();
    readonly Dictionary<GroupResource, TypeModel> _types = [];
    readonly List<ModelChange> _history = [];
    readonly List<long> _restores = [];
    readonly HashSet<Watcher> _watchers = [];
    long _uids;

    /// <summary>How many changes may wait for a watcher before it is cut off for being slow.</summary>
    public int WatcherCapacity { get; set; } = 100_000;

    /// <summary>The last revision.</summary>
    public long Revision { get; private set; } = 1;

    /// <summary>How often the storage was restored from a backup.</summary>
    public int Era { get; private set; }

    /// <summary>The revision that the storage was put back to, for each time that it was.</summary>
    public IReadOnlyList<long> Restores
    {
        get
        {
            lock (_gate)
                return _restores.ToArray();
        }
    }

    /// <summary>Nothing before this revision can be read or watched any more.</summary>
    public long Compacted { get; private set; }

    /// <summary>Everything that happened, of all eras, in the order in which it did.</summary>
    public IReadOnlyList<ModelChange> History
    {
        get
        {
            lock (_gate)
                return _history.ToArray();
        }
    }

    public IReadOnlyList<ServedType> Types
    {
        get
        {
            lock (_gate)
                return _types.Values.Where(type => type.Served).Select(type => type.Type).ToArray();
        }
    }

    /// <summary>How many watches of a type are open.</summary>
    public int Watching(string resource)
    {
        lock (_gate)
            return _watchers.Count(watcher => watcher.Type.Resource == resource);
    }

    public void Serve(ServedType type)
    {
        lock (_gate)
        {
            if (_types.TryGetValue(type.GroupResource, out var known))
                known.Served = true;
            else
                _types.Add(type.GroupResource, new TypeModel(type));
        }
    }

    /// <summary>Ends the watches of a type and answers it with 404 from now on; its objects stay stored.</summary>
    public void Unserve(GroupResource type)
    {
        lock (_gate)
        {
            _types[type].Served = false;
            End(watcher => watcher.Type == type);
        }
    }

    /// <summary>Creates an object, or changes the one that lives under the name.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="namespace">Its namespace; empty for types without.</param>
    /// <param name="name">Its name.</param>
    /// <param name="content">Its members besides kind, apiVersion and metadata: <c>"spec":{...}</c>; empty for none.</param>
    /// <param name="labels">The value of <c>metadata.labels</c> as JSON, or null.</param>
    public ModelChange Put(GroupResource type, string @namespace, string name, string content, string? labels = null)
    {
        lock (_gate)
        {
            var model = _types[type];
            var key = (@namespace, name);
            var known = model.Live.TryGetValue(key, out var live);
            var uid = known ? live!.Object.Uid : string.Create(CultureInfo.InvariantCulture, $"{++_uids:x8}-0000-4000-8000-{Era:x12}");
            return Publish(model, known ? WatchChange.Modified : WatchChange.Added, new ObjectIdentity(@namespace, name, uid), content, labels);
        }
    }

    /// <summary>Deletes an object. The last state is sent with the revision of the deletion.</summary>
    public ModelChange Delete(GroupResource type, string @namespace, string name)
    {
        lock (_gate)
        {
            var model = _types[type];
            var live = model.Live[(@namespace, name)];
            var (content, labels) = model.Contents[(@namespace, name)];
            return Publish(model, WatchChange.Deleted, live.Object, content, labels);
        }
    }

    /// <summary>A revision of something that nobody watches: the counter goes on, no event is sent.</summary>
    public void Tick(long revisions = 1)
    {
        lock (_gate)
            Revision += revisions;
    }

    /// <summary>Sends a bookmark of the current revision to every watch that allows them, or to those of one type.</summary>
    public void SendBookmarks(string? resource = null)
    {
        lock (_gate)
        {
            foreach (var watcher in _watchers.Where(watcher => watcher.Bookmarks && (resource is null || watcher.Type.Resource == resource)).ToList())
                Offer(watcher, new WatchItem(null, Revision, EndsInitialEvents: false));
        }
    }

    /// <summary>Forgets what was before a revision (inclusive): watches from there and pages of lists of it get a 410.</summary>
    public void Compact(long? upTo = null)
    {
        lock (_gate)
            Compacted = Math.Max(Compacted, upTo ?? Revision);
    }

    /// <summary>Puts the storage back to what it was at a revision, as an etcd that is restored from a backup: the counter goes on from there and gives the same numbers to other changes. Watches end.</summary>
    public void Restore(long revision)
    {
        lock (_gate)
        {
            End(_ => true);
            Era++;
            _restores.Add(revision);
            Revision = revision;
            Compacted = Math.Min(Compacted, revision);
            foreach (var model in _types.Values)
            {
                model.Timeline.RemoveAll(change => change.Revision > revision);
                model.Live.Clear();
                foreach (var change in model.Timeline)
                    Fold(model, change);
            }
        }
    }

    /// <summary>The objects of a type now, or as of a revision, in etcd's order.</summary>
    public IReadOnlyList<ModelChange> List(GroupResource type, long? revision = null)
    {
        lock (_gate)
        {
            var model = _types[type];
            if (revision is null || revision == Revision)
                return [.. model.Live.Values];
            var at = new SortedDictionary<(string, string), ModelChange>(KeyOrder.Instance);
            foreach (var change in model.Timeline.TakeWhile(change => change.Revision <= revision))
            {
                if (change.Change == WatchChange.Deleted)
                    at.Remove((change.Object.Namespace, change.Object.Name));
                else
                    at[(change.Object.Namespace, change.Object.Name)] = change;
            }
            return [.. at.Values];
        }
    }

    /// <summary>The list and its revision, read at one moment.</summary>
    public (IReadOnlyList<ModelChange> Objects, long Revision) Snapshot(GroupResource type)
    {
        lock (_gate)
            return ([.. _types[type].Live.Values], Revision);
    }

    /// <summary>Runs under the lock: no change comes between.</summary>
    public void Atomically(Action action)
    {
        lock (_gate)
            action();
    }

    internal bool IsServed(GroupResource type)
    {
        lock (_gate)
            return _types.TryGetValue(type, out var model) && model.Served;
    }

    /// <summary>Opens a watch. Null where the revision is compacted.</summary>
    internal Watcher? Watch(GroupResource type, long? after, bool initialEvents, bool bookmarks)
    {
        lock (_gate)
        {
            if (after < Compacted)
                return null;
            var model = _types[type];
            var watcher = new Watcher(type, bookmarks, WatcherCapacity);
            if (initialEvents)
            {
                foreach (var live in model.Live.Values)
                    watcher.Backlog.Add(new WatchItem(live with { Change = WatchChange.Added }, live.Revision, EndsInitialEvents: false));
                if (bookmarks)
                    watcher.Backlog.Add(new WatchItem(null, Revision, EndsInitialEvents: true));
            }
            else
            {
                foreach (var change in model.Timeline.Where(change => change.Revision > after))
                    watcher.Backlog.Add(new WatchItem(change, change.Revision, EndsInitialEvents: false));
                // A watch from a revision that is still to come says nothing until then, and leaves out what lies between.
                watcher.After = after ?? 0;
            }
            _watchers.Add(watcher);
            return watcher;
        }
    }

    internal void Close(Watcher watcher)
    {
        lock (_gate)
            _watchers.Remove(watcher);
    }

    /// <summary>Ends open watches as a server does that shuts down: without an error.</summary>
    public void EndWatches(string? resource = null)
    {
        lock (_gate)
            End(watcher => resource is null || watcher.Type.Resource == resource);
    }

    ModelChange Publish(TypeModel model, WatchChange change, ObjectIdentity identity, string content, string? labels)
    {
        Revision++;
        var scope = identity.Namespace.Length == 0 ? "" : $"\"namespace\":\"{identity.Namespace}\",";
        var labelled = labels is null ? "" : $",\"labels\":{labels}";
        var body = string.Create(CultureInfo.InvariantCulture,
            $"\"metadata\":{{\"name\":\"{identity.Name}\",{scope}\"uid\":\"{identity.Uid}\",\"resourceVersion\":\"{Revision}\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"{labelled}}}{(content.Length > 0 ? "," : "")}{content}");
        var happened = new ModelChange(Era, Revision, model.Type.GroupResource, change, identity, body);
        model.Contents[(identity.Namespace, identity.Name)] = (content, labels);
        model.Timeline.Add(happened);
        _history.Add(happened);
        Fold(model, happened);
        foreach (var watcher in _watchers.Where(watcher => watcher.Type == happened.Type).ToList())
            Offer(watcher, new WatchItem(happened, Revision, EndsInitialEvents: false));
        return happened;
    }

    static void Fold(TypeModel model, ModelChange change)
    {
        if (change.Change == WatchChange.Deleted)
            model.Live.Remove((change.Object.Namespace, change.Object.Name));
        else
            model.Live[(change.Object.Namespace, change.Object.Name)] = change;
    }

    void Offer(Watcher watcher, in WatchItem item)
    {
        if (item.Revision < watcher.After || item is { Change: not null } && item.Revision == watcher.After)
            return;
        // Who does not keep up is cut off, without a word.
        if (!watcher.Live.Writer.TryWrite(item))
        {
            watcher.Live.Writer.TryComplete();
            _watchers.Remove(watcher);
            watcher.WasSlow = true;
        }
    }

    void End(Func<Watcher, bool> which)
    {
        foreach (var watcher in _watchers.Where(which).ToList())
        {
            watcher.Live.Writer.TryComplete();
            _watchers.Remove(watcher);
        }
    }

    sealed class TypeModel(ServedType type)
    {
        public ServedType Type { get; } = type;
        public bool Served { get; set; } = true;
        public List<ModelChange> Timeline { get; } = [];
        public SortedDictionary<(string Namespace, string Name), ModelChange> Live { get; } = new(KeyOrder.Instance);
        public Dictionary<(string Namespace, string Name), (string Content, string? Labels)> Contents { get; } = [];
    }

    sealed class KeyOrder : IComparer<(string Namespace, string Name)>
    {
        public static KeyOrder Instance { get; } = new();

        public int Compare((string Namespace, string Name) x, (string Namespace, string Name) y) => string.CompareOrdinal($"{x.Namespace}/{x.Name}", $"{y.Namespace}/{y.Name}");
    }

    /// <summary>What a watch sends: a change, or a bookmark where there is none.</summary>
    internal readonly record struct WatchItem(ModelChange? Change, long Revision, bool EndsInitialEvents);

    internal sealed class Watcher(GroupResource type, bool bookmarks, int capacity)
    {
        public GroupResource Type { get; } = type;
        public bool Bookmarks { get; } = bookmarks;
        public List<WatchItem> Backlog { get; } = [];
        public Channel<WatchItem> Live { get; } = Channel.CreateBounded<WatchItem>(capacity);
        public long After { get; set; }
        public bool WasSlow { get; set; }
    }
}
