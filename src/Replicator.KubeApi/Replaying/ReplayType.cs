using System.Collections.Immutable;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recordings;

namespace Replicator.KubeApi;

/// <summary>One resource in one version while a recording plays: its objects, and the events that a watch or a list may still go back to. Thread-safe.</summary>
/// <remarks>Watchers read the one history by index, so a slow one costs nothing but the wait of a replay at full speed, and is never cut off before the history is full.</remarks>
sealed class ReplayType(ResourceType type, int historyEvents)
{
    static readonly ImmutableSortedDictionary<string, ReplayObject> Nothing = ImmutableSortedDictionary.Create<string, ReplayObject>(StringComparer.Ordinal);

    readonly Lock _lock = new();
    readonly List<ReplayEvent> _history = [];
    readonly List<WatchPosition> _watchers = [];
    ImmutableSortedDictionary<string, ReplayObject> _objects = Nothing;
    // What a list has brought so far: until it ends, what was there before it is served.
    ImmutableSortedDictionary<string, ReplayObject>? _listed = Nothing;
    TaskCompletionSource? _changed, _read;
    string _version = "0", _oldest = "0";
    long _dropped;
    volatile bool _isServed;

    public ResourceType Type { get; } = type;

    /// <summary>Whether its list has been played: before that the server does not serve it.</summary>
    public bool IsServed => _isServed;

    /// <summary>Whether the list is still being played.</summary>
    public bool IsListing
    {
        get
        {
            lock (_lock)
                return _listed is not null;
        }
    }

    /// <summary>The version of the last event.</summary>
    public string Version
    {
        get
        {
            lock (_lock)
                return _version;
        }
    }

    public void Play(RecordedLine line, JsonTape tape)
    {
        lock (_lock)
        {
            if (line.Type == "ERROR")
            {
                // The recorded watch ended here; what follows is a list, and whoever watches has to list too.
                _listed = Nothing;
                _oldest = _version;
                Forget();
            }
            else if (line.Type == "BOOKMARK")
            {
                _version = line.ResourceVersion;
                if (line.EndsList)
                {
                    _objects = _listed ?? _objects;
                    (_listed, _oldest, _isServed) = (null, line.ResourceVersion, true);
                    Forget();
                }
                else
                {
                    Append(new ReplayEvent(line, null, null));
                }
            }
            else
            {
                tape.Parse(line.Object);
                var identity = ObjectHeader.Read(tape, tape.Root).Object;
                var item = new ReplayObject(identity.ToString(), identity, line.ResourceVersion, line.Object);
                if (_listed is not null)
                {
                    _listed = line.Type == "DELETED" ? _listed.Remove(item.Key) : _listed.SetItem(item.Key, item);
                    return;
                }
                var previous = _objects.GetValueOrDefault(item.Key);
                _objects = line.Type == "DELETED" ? _objects.Remove(item.Key) : _objects.SetItem(item.Key, item);
                _version = line.ResourceVersion;
                Append(new ReplayEvent(line, item, previous));
            }
            Raise(ref _changed);
        }
    }

    /// <summary>What the type holds now.</summary>
    public ReplaySnapshot Snapshot()
    {
        lock (_lock)
            return new ReplaySnapshot(_version, _dropped + _history.Count, _objects);
    }

    /// <summary>What it held at a place in its history (<see cref="ReplaySnapshot.Position"/>); null where the history does not go back so far.</summary>
    public ReplaySnapshot? SnapshotAt(long position, string version)
    {
        lock (_lock)
        {
            if (position < _dropped || position > _dropped + _history.Count)
                return null;
        }
        return GoBack(position, version);
    }

    /// <summary>What it held at a version; null where the history does not go back so far.</summary>
    public ReplaySnapshot? SnapshotAt(string version, out string oldest)
    {
        long position;
        lock (_lock)
        {
            oldest = _oldest;
            if (ResourceVersion.Compare(version, _oldest) < 0)
                return null;
            position = FindBehind(version);
        }
        return GoBack(position, version);
    }

    /// <summary>The object as it was before an event of the history; null where it was not there, or the event is kept no more.</summary>
    public ReplayObject? FindBefore(long position)
    {
        lock (_lock)
            return position >= _dropped && position < _dropped + _history.Count ? _history[(int)(position - _dropped)].Previous : null;
    }

    /// <summary>Begins a watch behind a version, or (null) with what the type holds now; null where the history does not go back so far.</summary>
    public WatchPosition? Watch(string? version, out ReplaySnapshot snapshot, out string oldest)
    {
        lock (_lock)
        {
            snapshot = new ReplaySnapshot(_version, _dropped + _history.Count, _objects);
            oldest = _oldest;
            if (version is not null && ResourceVersion.Compare(version, _oldest) < 0)
                return null;
            var position = new WatchPosition { Next = version is null ? snapshot.Position : FindBehind(version) };
            _watchers.Add(position);
            return position;
        }
    }

    /// <summary>Takes the next events of a watch. <paramref name="wait"/> ends when there may be more, and is done where some were taken; null where the watch has to end with 410.</summary>
    public IReadOnlyList<ReplayEvent>? Take(WatchPosition position, int max, out Task wait)
    {
        lock (_lock)
        {
            wait = Task.CompletedTask;
            if (position.Next < _dropped)
                return null;
            var first = (int)(position.Next - _dropped);
            if (first == _history.Count)
            {
                wait = (_changed ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                return [];
            }
            var events = _history.GetRange(first, Math.Min(max, _history.Count - first));
            position.Next += events.Count;
            Raise(ref _read);
            return events;
        }
    }

    public void End(WatchPosition position)
    {
        lock (_lock)
        {
            _watchers.Remove(position);
            Raise(ref _read);
        }
    }

    /// <summary>Waits while a watcher is more than so many events behind.</summary>
    public async ValueTask WaitForWatchersAsync(int lead, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task read;
            lock (_lock)
            {
                if (!IsAnyBehind(lead))
                    return;
                read = (_read ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await read.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    bool IsAnyBehind(int lead)
    {
        var end = _dropped + _history.Count;
        foreach (var watcher in _watchers)
        {
            // One that has to end reads no more.
            if (watcher.Next >= _dropped && end - watcher.Next > lead)
                return true;
        }
        return false;
    }

    long FindBehind(string version)
    {
        var index = _history.FindIndex(one => ResourceVersion.Compare(one.Line.ResourceVersion, version) > 0);
        return _dropped + (index < 0 ? _history.Count : index);
    }

    /// <summary>Takes back what came behind a position.</summary>
    ReplaySnapshot? GoBack(long position, string version)
    {
        ImmutableSortedDictionary<string, ReplayObject> objects;
        List<ReplayEvent> later;
        lock (_lock)
        {
            if (position < _dropped)
                return null;
            var first = (int)(position - _dropped);
            (objects, later) = (_objects, _history.GetRange(first, _history.Count - first));
        }
        if (later.Count == 0)
            return new ReplaySnapshot(version, position, objects);
        var earlier = objects.ToBuilder();
        for (var index = later.Count - 1; index >= 0; index--)
        {
            if (later[index] is not { Object: { } changed } one)
                continue;
            if (one.Previous is { } previous)
                earlier[changed.Key] = previous;
            else
                earlier.Remove(changed.Key);
        }
        return new ReplaySnapshot(version, position, earlier.ToImmutable());
    }

    /// <summary>Ends the history: no position in it, its end neither, can be gone on from.</summary>
    void Forget()
    {
        _dropped += _history.Count + 1;
        _history.Clear();
    }

    void Append(ReplayEvent recorded)
    {
        _history.Add(recorded);
        if (_history.Count <= historyEvents)
            return;
        // A tenth at a time, so that a long replay does not move the list with every event.
        var count = historyEvents / 10 + 1;
        _oldest = _history[count - 1].Line.ResourceVersion;
        _history.RemoveRange(0, count);
        _dropped += count;
    }

    /// <summary>Wakes whoever waits; where nobody does, an event costs nothing.</summary>
    static void Raise(ref TaskCompletionSource? waiting)
    {
        waiting?.SetResult();
        waiting = null;
    }
}

/// <summary>An object as it was recorded.</summary>
/// <param name="Key">By what a type's objects are ordered, as etcd orders them: <c>namespace/name</c>.</param>
/// <param name="Identity">Which object.</param>
/// <param name="Version">Its resource version.</param>
/// <param name="Json">The object, verbatim.</param>
sealed record ReplayObject(string Key, ObjectIdentity Identity, string Version, ReadOnlyMemory<byte> Json);

/// <summary>A recorded event.</summary>
/// <param name="Line">The line.</param>
/// <param name="Object">The object that it concerns; null for a bookmark.</param>
/// <param name="Previous">What the object was before; null where there was none.</param>
sealed record ReplayEvent(RecordedLine Line, ReplayObject? Object, ReplayObject? Previous);

/// <summary>The objects of a type at one version.</summary>
/// <param name="Version">The version.</param>
/// <param name="Position">The place in the type's history behind which they were so.</param>
/// <param name="Objects">The objects by <see cref="ReplayObject.Key"/>.</param>
sealed record ReplaySnapshot(string Version, long Position, ImmutableSortedDictionary<string, ReplayObject> Objects);

/// <summary>How far a watch has come.</summary>
sealed class WatchPosition
{
    public long Next { get; set; }
}
