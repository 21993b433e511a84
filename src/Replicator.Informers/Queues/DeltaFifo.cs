using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Informers.Caching;

namespace Replicator.Informers.Queues;

/// <summary>
/// A queue of objects to which something happened, for a controller without a <see cref="SharedInformer"/> (client-go's DeltaFIFO): an object waits once, with all that happened to it since it was last taken. A list is
/// marked <see cref="ObjectDeltaKind.Replaced"/>, a resync <see cref="ObjectDeltaKind.Sync"/>, and what a list no longer holds is deleted with its last known state.
/// </summary>
/// <remarks>
/// <para>Objects come in the order in which the first of what waits of them happened. Bounded by the number of objects and <see cref="MaxDeltasPerObject"/>: beyond that the oldest states in between are dropped and
/// counted, never the newest and never the last deletion. Give a <see cref="Reflector"/> <see cref="Sinks"/> to feed it.</para>
/// <para>Safe for concurrent use; several may take at a time, and then have different objects in hand.</para>
/// </remarks>
/// <param name="known">What the consumer knows: what is there and is in no list was deleted, and is what a resync goes through. Null where missed deletions of objects that do not wait do not matter.</param>
public sealed class DeltaFifo(IIndexer? known = null)
{
    /// <summary>How many deltas of one object may wait.</summary>
    public const int MaxDeltasPerObject = 64;

    readonly Lock _gate = new();
    readonly Dictionary<ObjectKey, List<ObjectDelta>> _items = [];
    readonly Queue<ObjectKey> _order = [];
    TaskCompletionSource? _added;
    bool _populated, _closed;
    int _initial;
    long _dropped;

    /// <summary>How many objects wait.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _order.Count;
        }
    }

    /// <summary>How many states in between were dropped.</summary>
    public long Dropped
    {
        get
        {
            lock (_gate)
                return _dropped;
        }
    }

    /// <summary>Whether all of the first list was taken, or something else came first.</summary>
    public bool HasSynced
    {
        get
        {
            lock (_gate)
                return HasSyncedLocked;
        }
    }

    bool HasSyncedLocked => _populated && _initial == 0;

    /// <summary>What feeds the queue from a reflector.</summary>
    /// <param name="resumeVersion">The resource version to go on from; null for a list.</param>
    public IDeltaSinkFactory Sinks(string? resumeVersion = null) => new SinkFactory(this, resumeVersion);

    /// <summary>An object came.</summary>
    public void Add(Unstructured item) => Put(item.Key, new ObjectDelta(ObjectDeltaKind.Added, item));

    /// <summary>An object changed.</summary>
    public void Update(Unstructured item) => Put(item.Key, new ObjectDelta(ObjectDeltaKind.Updated, item));

    /// <summary>An object went away. One that neither waits nor is known was deleted by a list already and is not told again.</summary>
    public void Delete(Unstructured item)
    {
        lock (_gate)
        {
            _populated = true;
            if (_items.ContainsKey(item.Key) || known is not null && known.TryGet(item.Key, out _))
                PutLocked(item.Key, new ObjectDelta(ObjectDeltaKind.Deleted, item));
        }
    }

    /// <summary>Takes a list as all that there is.</summary>
    public void Replace(IReadOnlyCollection<Unstructured> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        lock (_gate)
        {
            var keys = new HashSet<ObjectKey>();
            foreach (var item in items)
            {
                keys.Add(item.Key);
                PutLocked(item.Key, new ObjectDelta(ObjectDeltaKind.Replaced, item));
            }
            var gone = _items.Where(pair => !keys.Contains(pair.Key)).Select(pair => (pair.Key, pair.Value[^1].Object)).ToList();
            foreach (var item in known?.List() ?? [])
            {
                if (!keys.Contains(item.Key) && !_items.ContainsKey(item.Key))
                    gone.Add((item.Key, item));
            }
            foreach (var (key, last) in gone)
                PutLocked(key, new ObjectDelta(ObjectDeltaKind.Deleted, last, DeletedFinalStateUnknown: true));
            if (!_populated)
                (_populated, _initial) = (true, _order.Count);
        }
    }

    /// <summary>Marks every known object that does not wait, to be looked at once more. What waits may be newer than what is known, so it is left alone.</summary>
    public void Resync()
    {
        lock (_gate)
        {
            foreach (var item in known?.List() ?? [])
            {
                if (!_items.ContainsKey(item.Key))
                    PutLocked(item.Key, new ObjectDelta(ObjectDeltaKind.Sync, item));
            }
        }
    }

    /// <summary>Waits for an object and takes it. Null when the queue is closed and empty.</summary>
    /// <param name="process">
    /// Called with what is taken before anything else can happen to the queue: the place to update what is known, so that a list or a resync never sees an object neither waiting nor known. It must be quick.
    /// </param>
    /// <param name="cancellationToken">Ends the wait; nothing is taken.</param>
    public async ValueTask<ObjectDeltas?> PopAsync(Action<ObjectDeltas>? process, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task added;
            lock (_gate)
            {
                if (_order.TryDequeue(out var key))
                {
                    var taken = new ObjectDeltas(key, _items[key], IsInInitialList: !HasSyncedLocked);
                    _items.Remove(key);
                    if (_initial > 0)
                        _initial--;
                    process?.Invoke(taken);
                    return taken;
                }
                if (_closed)
                    return null;
                _added ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                added = _added.Task;
            }
            await added.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the wait of those who take, once all that waits is taken.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Signal();
        }
    }

    void Put(ObjectKey key, ObjectDelta delta)
    {
        lock (_gate)
        {
            _populated = true;
            PutLocked(key, delta);
        }
    }

    void PutLocked(ObjectKey key, ObjectDelta delta)
    {
        if (!_items.TryGetValue(key, out var deltas))
        {
            _items.Add(key, deltas = []);
            _order.Enqueue(key);
        }
        if (delta.Kind == ObjectDeltaKind.Deleted && deltas is [.., { Kind: ObjectDeltaKind.Deleted } last])
        {
            // Of two deletions in a row the one that was seen says more.
            if (last.DeletedFinalStateUnknown && !delta.DeletedFinalStateUnknown)
                deltas[^1] = delta;
            return;
        }
        deltas.Add(delta);
        if (deltas.Count > MaxDeltasPerObject)
        {
            // A deletion means more than a state in between: it may have been another life of the name.
            // Two deletions in a row are one already, so that the first or second is a state.
            var dropped = deltas[0].Kind == ObjectDeltaKind.Deleted ? 1 : 0;
            deltas.RemoveAt(dropped);
            _dropped++;
            if (dropped == 1 && deltas[1].Kind == ObjectDeltaKind.Deleted)
            {
                // Between two deletions nothing is left: the later one holds for both.
                deltas.RemoveAt(0);
                _dropped++;
            }
        }
        Signal();
    }

    void Signal()
    {
        _added?.TrySetResult();
        _added = null;
    }

    sealed class SinkFactory(DeltaFifo queue, string? resumeVersion) : IDeltaSinkFactory
    {
        string? _version = resumeVersion;

        public ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken) => new(new Sink(this, type));

        public ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        sealed class Sink(SinkFactory factory, ResourceType type) : IDeltaSink
        {
            readonly ObjectCompressor _compressor = new();
            List<Unstructured>? _list;

            public string? ResumeVersion => factory._version;

            public ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
            {
                foreach (var delta in deltas)
                    Handle(delta);
                return ValueTask.CompletedTask;
            }

            public ValueTask DisposeAsync()
            {
                _compressor.Dispose();
                return ValueTask.CompletedTask;
            }

            void Handle(in Delta delta)
            {
                switch (delta.Kind)
                {
                    case DeltaKind.ListStarted:
                        (_list, factory._version) = ([], null);
                        return;
                    case DeltaKind.Listed:
                        _list!.Add(Hold(delta));
                        return;
                    case DeltaKind.ListAborted or DeltaKind.Gap:
                        (_list, factory._version) = (null, null);
                        return;
                    case DeltaKind.ListCompleted:
                        factory.Queue.Replace(_list!);
                        _list = null;
                        break;
                    case DeltaKind.Added or DeltaKind.Modified or DeltaKind.Deleted when _list is not null:
                        // A change that overtook the end of a streaming list is part of what the list says.
                        var changed = Hold(delta);
                        _list.RemoveAll(item => item.Key == changed.Key);
                        if (delta.Kind != DeltaKind.Deleted)
                            _list.Add(changed);
                        return;
                    case DeltaKind.Added:
                        factory.Queue.Add(Hold(delta));
                        break;
                    case DeltaKind.Modified:
                        factory.Queue.Update(Hold(delta));
                        break;
                    case DeltaKind.Deleted:
                        factory.Queue.Delete(Hold(delta));
                        break;
                    default:
                        break;
                }
                factory._version = delta.ResourceVersion;
            }

            Unstructured Hold(in Delta delta)
            {
                var whole = Unstructured.Create(type, delta.Object.Span);
                var data = _compressor.Compress(delta.Object.Span, out var dictionary);
                return new Unstructured(type, whole.Key, whole.Uid, whole.ResourceVersion, data, dictionary, whole.JsonLength);
            }
        }

        DeltaFifo Queue => queue;
    }
}
