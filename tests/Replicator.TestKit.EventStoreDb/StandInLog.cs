namespace Replicator.TestKit.EventStoreDb;

/// <summary>
/// The log of a server, with the server's rules of expected versions and repeated appends (its <c>CheckCommit</c>). It outlives the servers that stand on it, and several of a cluster share one.
/// </summary>
public sealed class StandInLog
{
    // The first record of a real log is an epoch's, so that no event is at position 0.
    const long FirstPosition = 153;
    const long RecordOverhead = 64;

    readonly Lock _lock = new();
    readonly List<StandInRecord> _all = [];
    readonly Dictionary<string, List<StandInRecord>> _streams = [];
    readonly HashSet<string> _deleted = [];
    readonly Dictionary<Guid, StandInRecord> _recent = [];
    TaskCompletionSource _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    long _end = FirstPosition;

    /// <summary>How the server remembers the ids of an append to any place: in memory, so that a restart forgets them.</summary>
    public void ForgetRecentIds()
    {
        lock (_lock)
            _recent.Clear();
    }

    /// <summary>Everything that was appended, in order.</summary>
    public IReadOnlyList<StandInRecord> Records
    {
        get
        {
            lock (_lock)
                return _all.ToArray();
        }
    }

    /// <summary>Completed by the next append.</summary>
    public Task Appended
    {
        get
        {
            lock (_lock)
                return _appended.Task;
        }
    }

    /// <summary>The number of records, and the <paramref name="index"/>th and those after it, at most <paramref name="count"/>.</summary>
    internal IReadOnlyList<StandInRecord> Slice(int index, int count)
    {
        lock (_lock)
            return index >= _all.Count ? [] : _all.GetRange(index, Math.Min(count, _all.Count - index));
    }

    /// <summary>The index of the first record at or after a position (by commit and prepare), of which only records' own places are valid unless a record ends there.</summary>
    internal int IndexOf(ulong commit, ulong prepare, bool inclusive)
    {
        lock (_lock)
        {
            if (commit > long.MaxValue)
                return _all.Count;
            var (low, high) = (0, _all.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                var order = _all[middle].Position.CompareTo((long)commit);
                if (order == 0)
                    order = _all[middle].Position.CompareTo((long)Math.Min(prepare, long.MaxValue));
                if (order < 0 || (order == 0 && !inclusive))
                    low = middle + 1;
                else
                    high = middle;
            }
            return low;
        }
    }

    /// <summary>Whether a record begins or the log ends at a position: any other is none that the server ever gave out.</summary>
    internal bool IsValid(ulong commit)
    {
        lock (_lock)
            return commit == 0 || commit >= (ulong)_end || _all.Exists(record => (ulong)record.Position == commit);
    }

    internal int Count
    {
        get
        {
            lock (_lock)
                return _all.Count;
        }
    }

    internal StandInAppend ReadStream(string stream, out IReadOnlyList<StandInRecord> records)
    {
        lock (_lock)
        {
            records = _streams.TryGetValue(stream, out var found) ? found.ToArray() : [];
            return _deleted.Contains(stream) ? StandInAppend.Deleted : records.Count == 0 ? StandInAppend.WrongVersion : StandInAppend.Ok;
        }
    }

    /// <summary>Deletes a stream for ever.</summary>
    public void Tombstone(string stream)
    {
        lock (_lock)
            _deleted.Add(stream);
    }

    /// <summary>Appends an event that is not Replicator's.</summary>
    public void AppendForeign(string stream, string type, ReadOnlyMemory<byte> data, ReadOnlyMemory<byte> metadata = default) =>
        Append(stream, AnyVersion, [(Guid.NewGuid(), type, "application/json", data, metadata)], out _, out _);

    internal const long AnyVersion = -2, StreamExists = -4;

    internal StandInAppend Append(
        string stream, long expected, IReadOnlyList<(Guid Id, string Type, string ContentType, ReadOnlyMemory<byte> Data, ReadOnlyMemory<byte> Metadata)> events, out long current, out StandInRecord? last)
    {
        lock (_lock)
        {
            var records = _streams.TryGetValue(stream, out var known) ? known : [];
            (current, last) = (records.Count - 1, null);
            if (_deleted.Contains(stream))
                return StandInAppend.Deleted;
            if (expected == StreamExists && current < 0)
                return StandInAppend.WrongVersion;
            if (expected is AnyVersion or StreamExists)
            {
                for (var index = 0; index < events.Count; index++)
                {
                    if (_recent.TryGetValue(events[index].Id, out var recent) && recent.Stream == stream)
                        last = recent;
                    else if (index > 0 && last is not null)
                        return StandInAppend.WrongVersion;
                    else
                        break;
                }
                if (last is not null)
                    return StandInAppend.Repeated;
            }
            else if (expected < current)
            {
                for (var index = 0; index < events.Count; index++)
                {
                    var number = expected + 1 + index;
                    if (number > current || records[(int)number].Id != events[index].Id)
                        return StandInAppend.WrongVersion;
                    last = records[(int)number];
                }
                return StandInAppend.Repeated;
            }
            else if (expected > current)
            {
                return StandInAppend.WrongVersion;
            }
            foreach (var (id, type, contentType, data, metadata) in events)
            {
                var record = new StandInRecord
                {
                    Id = id,
                    Stream = stream,
                    Revision = records.Count,
                    Position = _end,
                    End = _end + RecordOverhead + data.Length + metadata.Length + type.Length + stream.Length,
                    Type = type,
                    ContentType = contentType,
                    Data = data,
                    Metadata = metadata,
                };
                _end = record.End;
                records.Add(record);
                _all.Add(record);
                _recent[id] = last = record;
            }
            _streams[stream] = records;
            current = records.Count - 1;
            _appended.SetResult();
            _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return StandInAppend.Ok;
        }
    }
}

/// <summary>What became of an append.</summary>
public enum StandInAppend
{
    Ok,
    /// <summary>It was there already.</summary>
    Repeated,
    WrongVersion,
    Deleted,
}
