using Replicator.Informers.Caching;

namespace Replicator.Informers;

/// <summary>
/// The events that wait for one handler: each by itself while there is room, beyond that merged per key into the shortest sequence that leads from what the handler last saw to what is now. Nothing is lost but states
/// in between, and those are counted. Not thread-safe.
/// </summary>
/// <remarks>Bounded by its capacity and one entry per object. Once anything is merged, later events are too until all is taken, or they would overtake.</remarks>
sealed class EventBuffer(int capacity)
{
    readonly Queue<ResourceEvent> _single = [];
    readonly Dictionary<ObjectKey, Merged> _merged = new(ObjectKeyComparer.Instance);
    readonly Queue<ObjectKey> _order = [];

    // How many entries of those that waited when the informer became synced are not handled yet.
    int? _beforeSync;
    bool _inHand;

    /// <summary>How many entries wait.</summary>
    public int Count => _single.Count + _order.Count;

    /// <summary>How many of the events taken so far were merged into others, and so not given out by themselves.</summary>
    public long Coalesced { get; private set; }

    /// <summary>Whether all events from before <see cref="MarkSynced"/> have been taken and settled.</summary>
    public bool HasSynced { get; private set; }

    public void Add(in ResourceEvent change)
    {
        if (_order.Count == 0 && _single.Count < capacity)
        {
            _single.Enqueue(change);
            return;
        }
        if (_merged.TryGetValue(change.Key, out var merged))
        {
            merged.Add(change);
            return;
        }
        _merged.Add(change.Key, new Merged(change));
        _order.Enqueue(change.Key);
    }

    /// <summary>Says that the informer is synced: what waits now is the initial list.</summary>
    public void MarkSynced()
    {
        _beforeSync = Count + (_inHand ? 1 : 0);
        HasSynced = _beforeSync == 0;
    }

    /// <summary>Says that what was taken last has been handled.</summary>
    public void Settle()
    {
        if (_inHand && _beforeSync > 0)
            _beforeSync--;
        _inHand = false;
        HasSynced |= _beforeSync == 0;
    }

    /// <summary>Takes the next entry: one event, or two where an object went away and another came in its place; none where it came and went away again.</summary>
    public bool TryTake(out ResourceEvent? first, out ResourceEvent? second)
    {
        (first, second) = (null, null);
        if (_single.TryDequeue(out var single))
            first = single;
        else if (_order.TryDequeue(out var key) && _merged.Remove(key, out var merged))
            Coalesced += merged.Take(out first, out second);
        else
            return false;
        return _inHand = true;
    }

    /// <summary>What waits of one key, as the way from what the handler saw to what is.</summary>
    sealed class Merged
    {
        readonly Unstructured? _seen;
        Unstructured? _last, _now;
        bool _initial, _unknown, _changed;
        int _count;

        public Merged(in ResourceEvent first)
        {
            _seen = first.Kind == ResourceEventKind.Sync ? first.New : first.Old;
            Add(first);
        }

        public void Add(in ResourceEvent change)
        {
            _count++;
            _changed |= change.Kind != ResourceEventKind.Sync;
            if (change.Kind == ResourceEventKind.Added)
                _initial = change.IsInInitialList;
            // The state in which the object that the handler knows was last seen alive.
            if (change.Kind == ResourceEventKind.Deleted && _seen is not null && change.Old!.Uid == _seen.Uid)
                (_last, _unknown) = (change.Old, change.DeletedFinalStateUnknown);
            _now = change.New;
        }

        /// <summary>Returns how many events it merged away.</summary>
        public int Take(out ResourceEvent? first, out ResourceEvent? second)
        {
            (first, second) = (null, null);
            if (_seen is null)
            {
                if (_now is not null)
                    first = new ResourceEvent(ResourceEventKind.Added, null, _now, _initial);
            }
            else if (_last is null)
            {
                first = new ResourceEvent(_changed ? ResourceEventKind.Updated : ResourceEventKind.Sync, _seen, _now);
            }
            else
            {
                first = new ResourceEvent(ResourceEventKind.Deleted, _last, null, DeletedFinalStateUnknown: _unknown);
                if (_now is not null)
                    second = new ResourceEvent(ResourceEventKind.Added, null, _now, _initial);
            }
            return _count - (first is null ? 0 : 1) - (second is null ? 0 : 1);
        }
    }
}
