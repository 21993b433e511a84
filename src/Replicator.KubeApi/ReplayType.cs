using System.Collections.Immutable;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recordings;

namespace Replicator.KubeApi;

/// <summary>One resource in one version while a recording plays: its objects, and the events that a watch may still go back to. Thread-safe.</summary>
/// <remarks>Watchers read the one history by index, so a slow one costs nothing but the wait of a replay at full speed, and is never cut off before the history is full.</remarks>
sealed class ReplayType(ResourceType type, int historyEvents)
{
    const int KeptSnapshots = 8;

    readonly Lock _lock = new();
    readonly Queue<ReplaySnapshot> _snapshots = new();
    readonly List<ReplayEvent> _history = [];
    readonly List<WatchPosition> _watchers = [];
    ImmutableSortedDictionary<string, ReplayObject> _objects = ImmutableSortedDictionary.Create<string, ReplayObject>(StringComparer.Ordinal);
    TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    TaskCompletionSource _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
    string _version = "0", _oldest = "0";
    long _dropped;
    int _life;
    bool _listing = true;

    public ResourceType Type { get; } = type;

    /// <summary>Whether its list has been played: before that the server does not serve it.</summary>
    public bool IsServed { get; private set; }

    /// <summary>Whether the list is still being played.</summary>
    public bool IsListing
    {
        get
        {
            lock (_lock)
                return _listing;
        }
    }

    public void Play(RecordedLine line, JsonTape tape)
    {
        lock (_lock)
        {
            if (line.Type == "ERROR")
            {
                // The recorded watch ended here; what follows is a list, and whoever watches has to list too.
                _life++;
                _listing = true;
                _objects = _objects.Clear();
            }
            else if (line.Type == "BOOKMARK")
            {
                _version = line.ResourceVersion;
                if (_listing && line.EndsList)
                    (_listing, IsServed, _oldest, _dropped) = (false, true, line.ResourceVersion, 0);
                else
                    Append(line, key: null, previous: default);
                if (line.EndsList)
                    _history.Clear();
            }
            else
            {
                tape.Parse(line.Object);
                var key = ObjectHeader.Read(tape, tape.Root).Object.ToString();
                var previous = _objects.GetValueOrDefault(key)?.Json ?? default;
                _objects = line.Type == "DELETED" ? _objects.Remove(key) : _objects.SetItem(key, new ReplayObject(line.ResourceVersion, line.Object));
                if (!_listing)
                {
                    _version = line.ResourceVersion;
                    Append(line, key, previous);
                }
            }
            _changed.SetResult();
            _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>What the type holds now, kept for the pages of a list that is taken in several.</summary>
    public ReplaySnapshot Snapshot()
    {
        lock (_lock)
        {
            var snapshot = new ReplaySnapshot(_version, _objects);
            if (_snapshots.Count == 0 || !ReferenceEquals(_snapshots.Last().Objects, _objects))
            {
                _snapshots.Enqueue(snapshot);
                if (_snapshots.Count > KeptSnapshots)
                    _snapshots.Dequeue();
            }
            return snapshot;
        }
    }

    /// <summary>A snapshot that a continue token names; null where it is kept no more.</summary>
    public ReplaySnapshot? FindSnapshot(string version)
    {
        lock (_lock)
            return _snapshots.LastOrDefault(snapshot => snapshot.Version == version);
    }

    /// <summary>Begins a watch behind a version, or (null) with what the type holds now; null where the history does not go back so far.</summary>
    public WatchPosition? Watch(string? version, out ReplaySnapshot snapshot, out string oldest)
    {
        lock (_lock)
        {
            snapshot = new ReplaySnapshot(_version, _objects);
            oldest = _oldest;
            var index = _history.Count;
            if (version is not null)
            {
                if (ResourceVersion.Compare(version, _oldest) < 0)
                    return null;
                index = _history.FindIndex(one => ResourceVersion.Compare(one.Line.ResourceVersion, version) > 0);
                if (index < 0)
                    index = _history.Count;
            }
            var position = new WatchPosition { Next = _dropped + index, Life = _life };
            _watchers.Add(position);
            return position;
        }
    }

    /// <summary>Takes the next events of a watch. <paramref name="wait"/> ends when there may be more; null where the watch has to end with 410.</summary>
    public IReadOnlyList<ReplayEvent>? Take(WatchPosition position, int max, out Task wait)
    {
        lock (_lock)
        {
            wait = _changed.Task;
            if (position.Life != _life || position.Next < _dropped)
                return null;
            var first = (int)(position.Next - _dropped);
            var events = _history.GetRange(first, Math.Min(max, _history.Count - first));
            position.Next += events.Count;
            if (events.Count > 0)
            {
                _read.SetResult();
                _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }
            return events;
        }
    }

    public void End(WatchPosition position)
    {
        lock (_lock)
        {
            _watchers.Remove(position);
            _read.SetResult();
            _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
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
                var end = _dropped + _history.Count;
                if (!_watchers.Exists(watcher => watcher.Life == _life && end - watcher.Next > lead))
                    return;
                read = _read.Task;
            }
            await read.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public string Version
    {
        get
        {
            lock (_lock)
                return _version;
        }
    }

    void Append(RecordedLine line, string? key, ReadOnlyMemory<byte> previous)
    {
        _history.Add(new ReplayEvent(line, key, previous));
        if (_history.Count <= historyEvents)
            return;
        // A tenth at a time, so that a long replay does not move the list with every event.
        var count = historyEvents / 10 + 1;
        _oldest = _history[count - 1].Line.ResourceVersion;
        _history.RemoveRange(0, count);
        _dropped += count;
    }
}

/// <summary>An object as it was recorded.</summary>
sealed record ReplayObject(string Version, ReadOnlyMemory<byte> Json);

/// <summary>A recorded event.</summary>
/// <param name="Line">The line.</param>
/// <param name="Key">The object that it concerns; null for a bookmark.</param>
/// <param name="Previous">What the object was before, by which a watch with a selector knows whether it showed it; empty where there was none.</param>
sealed record ReplayEvent(RecordedLine Line, string? Key, ReadOnlyMemory<byte> Previous);

/// <summary>The objects of a type at one version, by <c>namespace/name</c>.</summary>
sealed record ReplaySnapshot(string Version, ImmutableSortedDictionary<string, ReplayObject> Objects);

/// <summary>How far a watch has come.</summary>
sealed class WatchPosition
{
    public long Next { get; set; }
    public int Life { get; init; }
}
