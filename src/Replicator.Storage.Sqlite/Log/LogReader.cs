using System.Buffers;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>One reading connection to <c>log.db</c>. Every call reads one committed state of the file and leaves no read open. Not thread-safe.</summary>
sealed class LogReader : IDisposable
{
    const int PageEvents = 512;
    const int PageBytes = 4 * 1024 * 1024;
    const int MaxIdentities = 100_000;
    const long StateCacheBytes = 32L * 1024 * 1024;
    // Far more than a writer ever chains: a longer one is a damaged file's.
    const int MaxChain = 256;
    const string Columns = "position, type, revision, event, object, version, observed_at, provenance, epoch, back, length, hash, trace, extra, body";

    readonly Database _database;
    readonly Statement _forward, _backward, _body, _identity, _appendsForward, _appendsBackward, _lastPosition, _stream, _streams;
    readonly PrefixCodec _codec = new();
    readonly StateCache _states = new(StateCacheBytes);
    readonly PooledBufferWriter _frames = new(), _prefix = new();
    readonly List<Link> _chain = [];
    readonly List<Draft> _drafts = [];
    readonly Dictionary<long, TypeRow> _types = [];
    readonly Dictionary<long, byte[]> _samples = [];
    readonly Dictionary<long, ObjectIdentity> _identities = [];

    public LogReader(string path)
    {
        _database = Database.Open(path, DatabaseMode.Read);
        _forward = _database.Prepare($"SELECT {Columns} FROM events WHERE position > ?1 AND position <= ?2 ORDER BY position");
        _backward = _database.Prepare($"SELECT {Columns} FROM events WHERE position >= ?1 AND position < ?2 ORDER BY position DESC");
        _body = _database.Prepare("SELECT type, back, length, body FROM events WHERE position = ?1");
        _identity = _database.Prepare("SELECT namespace, name, uid FROM objects WHERE id = ?1");
        _appendsForward = _database.Prepare("SELECT first_revision, first_position, count FROM appends WHERE stream = ?1 AND first_revision >= (SELECT coalesce(max(first_revision), 0) FROM appends WHERE stream = ?1 AND first_revision <= ?2) ORDER BY first_revision LIMIT 1024");
        _appendsBackward = _database.Prepare("SELECT first_revision, first_position, count FROM appends WHERE stream = ?1 AND first_revision <= ?2 ORDER BY first_revision DESC LIMIT 1024");
        _lastPosition = _database.Prepare("SELECT max(position) FROM events");
        _stream = _database.Prepare("SELECT id FROM streams WHERE name = ?1");
        _streams = _database.Prepare("SELECT name, last_revision, last_position, bytes FROM streams WHERE last_revision >= 0 AND name >= ?1 ORDER BY name");
    }

    public long Head()
    {
        _lastPosition.Step();
        var head = _lastPosition.Integer(0);
        _lastPosition.Reset();
        return head;
    }

    /// <summary>The next events after a position, up to and including <paramref name="last"/>; null at the end.</summary>
    public EventPage? ReadForward(long after, long last, ReadOptions options, long maxCount)
    {
        _forward.Bind(1, after);
        _forward.Bind(2, last);
        return Page(_forward, options, maxCount, backwards: false);
    }

    /// <summary>The events before a position, down to and including <paramref name="first"/>, newest first; null at the end.</summary>
    public EventPage? ReadBackward(long first, long before, ReadOptions options, long maxCount)
    {
        _backward.Bind(1, first);
        _backward.Bind(2, before);
        return Page(_backward, options, maxCount, backwards: true);
    }

    /// <summary>The batches of a stream from the one that holds a revision, in the direction of the read: as many as hold so many events, or the next thousand of them.</summary>
    public List<(long FirstRevision, long FirstPosition, long Count)> ReadAppends(long stream, long revision, bool backwards, long events)
    {
        var appends = backwards ? _appendsBackward : _appendsForward;
        appends.Bind(1, stream);
        appends.Bind(2, revision);
        var rows = new List<(long, long, long)>();
        for (var held = 0L; held < events && appends.Step();)
        {
            var (first, count) = (appends.Integer(0), appends.Integer(2));
            rows.Add((first, appends.Integer(1), count));
            // Of the batch that the read begins in only a part belongs to it.
            held += backwards ? Math.Min(revision, first + count - 1) - first + 1 : first + count - Math.Max(revision, first);
        }
        appends.Reset();
        return rows;
    }

    /// <summary>The stream's number, or null when there is none of that name.</summary>
    public long? FindStream(StreamId stream)
    {
        _stream.Bind(1, stream.Name);
        long? id = _stream.Step() ? _stream.Integer(0) : null;
        _stream.Reset();
        return id;
    }

    public List<StreamInfo> ListStreams(string prefix)
    {
        var infos = new List<StreamInfo>();
        _streams.Bind(1, prefix);
        // In the order of their names those with the prefix stand together.
        while (_streams.Step() && _streams.Text(0) is var name && name.StartsWith(prefix, StringComparison.Ordinal))
            infos.Add(new StreamInfo(StreamId.FromName(name), _streams.Integer(1), _streams.Integer(2), _streams.Integer(3)));
        _streams.Reset();
        return infos;
    }

    /// <summary>Appends the states that events brought to <paramref name="output"/>, until it holds <paramref name="enough"/>; where each ends is put into <paramref name="ends"/>. Position 0 is no event, and brings nothing.</summary>
    /// <param name="positions">The events.</param>
    /// <param name="output">Gets the states.</param>
    /// <param name="ends">Gets the ends.</param>
    /// <param name="keeps">Whether they may soon be asked for again.</param>
    /// <param name="enough">The bytes after which no further state is read; the first is read in any case.</param>
    /// <returns>How many of the events were read.</returns>
    /// <exception cref="StoreCorruptException">There is no such event.</exception>
    public int ReadStates(ReadOnlySpan<long> positions, PooledBufferWriter output, Span<int> ends, bool keeps, int enough)
    {
        // In one read: each that SQLite begins and ends takes and gives back a lock of the file, which costs more than what is read.
        _database.Execute("BEGIN");
        try
        {
            var count = 0;
            while (count < positions.Length && (count == 0 || output.WrittenCount < enough))
            {
                if (positions[count] != 0)
                    ReadState(positions[count], output, keeps);
                ends[count++] = output.WrittenCount;
            }
            return count;
        }
        finally
        {
            _database.Rollback();
        }
    }

    /// <summary>Forgets the states that were decoded.</summary>
    public void Trim() => _states.Clear();

    public void Dispose()
    {
        _codec.Dispose();
        _frames.Dispose();
        _prefix.Dispose();
        _database.Dispose();
    }

    void ReadState(long position, PooledBufferWriter output, bool keeps)
    {
        if (_states.TryGet(position, out var state))
        {
            output.Write(state);
            return;
        }
        if (!ReadChain(position, out state))
            return;
        if (_chain.Count == 0)
            throw new StoreCorruptException($"'{_database.Path}' holds no event at position {position}, which the snapshots name: delete the snapshots files and start again; they are rebuilt from the log.");
        var target = output.GetSpan(_chain[0].Length)[.._chain[0].Length];
        Decode(state, target, keepAll: false);
        output.Advance(target.Length);
        if (keeps)
            _states.Add(position, target);
    }

    EventPage? Page(Statement rows, ReadOptions options, long maxCount, bool backwards)
    {
        var drafts = _drafts;
        drafts.Clear();
        var states = new PooledBufferWriter();
        long position = 0;
        var read = 0;
        try
        {
            // Rows that the filter leaves out are read too, so a page ends by what was read, not by what it holds.
            while (read < PageEvents && states.WrittenCount < PageBytes && drafts.Count < maxCount && rows.Step())
            {
                read++;
                position = rows.Integer(0);
                var type = Type(rows.Integer(1));
                if (!type.StreamName.Name.StartsWith(options.StreamPrefix, StringComparison.Ordinal))
                    continue;
                drafts.Add(Event(rows, type, position, options.States, backwards, states));
            }
        }
        catch
        {
            states.Dispose();
            throw;
        }
        finally
        {
            rows.Reset();
        }
        if (read == 0)
        {
            states.Dispose();
            return null;
        }

        var events = new RecordedEvent[drafts.Count];
        var bytes = states.WrittenMemory;
        for (var index = 0; index < events.Length; index++)
            events[index] = drafts[index].Build(bytes);
        return new EventPage(events, position, states);
    }

    Draft Event(Statement row, TypeRow type, long position, bool withState, bool backwards, PooledBufferWriter states)
    {
        var extra = row.IsNull(13) ? null : EventExtra.FromJson(row.Text(13));
        var metadata = new EventMetadata
        {
            Cluster = type.Cluster,
            Type = type.Type,
            Object = row.IsNull(4) ? new ObjectIdentity("", "", "") : Identity(row.Integer(4)),
            ResourceVersion = row.Version(5),
            ObservedAt = HashChain.FromMicroseconds(row.Integer(6)),
            Provenance = (Provenance)row.Integer(7),
            Epoch = (int)row.Integer(8),
            GapFrom = extra?.GapFrom,
            GapFromTime = extra?.GapFromTime is { } time ? HashChain.FromMicroseconds(time) : null,
            Reason = extra?.Reason,
            TraceParent = PackedText.ReadTraceParent(row, 12),
        };
        var (revision, eventType) = (row.Integer(2), (EventType)row.Integer(3));
        var hashStart = states.WrittenCount;
        states.Write(row.Blob(11));
        var start = states.WrittenCount;
        if (withState && !row.IsNull(9))
        {
            var length = (int)row.Integer(10);
            var target = states.GetSpan(length)[..length];
            var back = row.Integer(9);
            var former = position - Math.Abs(back);
            // On the way back the state may be known already, as what a later one was made from.
            if (backwards && _states.TryGet(position, out var known))
                known.CopyTo(target);
            else
                _codec.Decompress(Prefix(type.Stream, back, back == 0 ? default : Reconstruct(former, keepAll: backwards)), row.Blob(14), target);
            states.Advance(length);
            // On the way forward nothing but the object's next state is made from this one, and nothing from the one before.
            if (backwards)
                _states.Remove(position);
            else if (eventType == EventType.ObjectDeleted)
                _states.Remove(former);
            else if (back == 0)
                _states.Add(position, target);
            else
                _states.Replace(former, position, target);
        }
        return new Draft(position, type.StreamName, revision, extra?.Id, eventType, metadata, hashStart, start, states.WrittenCount - start);
    }

    /// <summary>The state that an event brought, made from the nearest one behind it that is known; valid until the next call.</summary>
    /// <param name="position">The event.</param>
    /// <param name="keepAll">Whether the states in between will be asked for too.</param>
    ReadOnlySpan<byte> Reconstruct(long position, bool keepAll)
    {
        if (_states.TryGet(position, out var state))
            return state;
        if (!ReadChain(position, out state) || _chain.Count == 0)
            throw Lacks(position, position);
        var length = _chain[0].Length;
        var target = ArrayPool<byte>.Shared.Rent(length);
        Decode(state, target.AsSpan(0, length), keepAll);
        _states.Add(position, target.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(target);
        _ = _states.TryGet(position, out state);
        return state;
    }

    /// <summary>Reads the frames from which the state of an event is made, the last first, down to a keyframe or to a state that is known; none where there is no such event.</summary>
    /// <returns>False where the event brought no state.</returns>
    bool ReadChain(long position, out ReadOnlySpan<byte> known)
    {
        known = default;
        _chain.Clear();
        _frames.Clear();
        var at = position;
        do
        {
            _body.Bind(1, at);
            try
            {
                var found = _chain.Count < MaxChain && _body.Step();
                if (_chain.Count == 0 && !found)
                    return true;
                if (_chain.Count == 0 && _body.IsNull(1))
                    return false;
                if (!found || _body.IsNull(1))
                    throw Lacks(at, position);
                _chain.Add(new Link(at, Type(_body.Integer(0)).Stream, _body.Integer(1), (int)_body.Integer(2), _frames.WrittenCount));
                _frames.Write(_body.Blob(3));
            }
            finally
            {
                _body.Reset();
            }
            at -= Math.Abs(_chain[^1].Back);
        }
        while (_chain[^1].Back != 0 && !_states.TryGet(at, out known));
        return true;
    }

    /// <summary>Decompresses what <see cref="ReadChain"/> has read, each state from the one before it.</summary>
    void Decode(ReadOnlySpan<byte> known, Span<byte> last, bool keepAll)
    {
        var state = known;
        var end = _frames.WrittenCount;
        byte[]? held = null;
        for (var index = _chain.Count - 1; index >= 0; index--)
        {
            var link = _chain[index];
            var rented = index == 0 ? null : ArrayPool<byte>.Shared.Rent(link.Length);
            var target = rented is null ? last : rented.AsSpan(0, link.Length);
            _codec.Decompress(Prefix(link.Stream, link.Back, state), _frames.WrittenSpan[link.Start..end], target);
            if (held is not null)
                ArrayPool<byte>.Shared.Return(held);
            (held, end) = (rented, link.Start);
            state = target;
            if (keepAll && index > 0)
                _states.Add(link.Position, state);
        }
    }

    StoreCorruptException Lacks(long at, long position) => new($"'{_database.Path}' lacks the state at position {at}, from which that at {position} is made: restore it from a backup.");

    /// <summary>What a body was compressed against.</summary>
    ReadOnlySpan<byte> Prefix(long stream, long back, ReadOnlySpan<byte> former)
    {
        if (back > 0)
            return former;
        var sample = Sample(stream);
        if (back == 0)
            return sample;
        _prefix.Clear();
        _prefix.Write(sample);
        _prefix.Write(former);
        return _prefix.WrittenSpan;
    }

    TypeRow Type(long id)
    {
        if (_types.TryGetValue(id, out var type))
            return type;
        using var find = _database.PrepareOnce("SELECT t.stream, s.name, t.cluster, t.grp, t.version, t.resource, t.kind, t.namespaced FROM types t JOIN streams s ON s.id = t.stream WHERE t.id = ?1");
        find.Bind(1, id);
        if (!find.Step())
            throw new StoreCorruptException($"'{_database.Path}' names type {id} and does not hold it: restore it from a backup.");
        type = new TypeRow(find.Integer(0), StreamId.FromName(find.Text(1)), find.Text(2), new ResourceType(find.Text(3), find.Text(4), find.Text(5), find.Text(6), find.Integer(7) != 0));
        _types.Add(id, type);
        return type;
    }

    byte[] Sample(long stream)
    {
        if (_samples.TryGetValue(stream, out var sample))
            return sample;
        using var find = _database.PrepareOnce("SELECT sample_length, sample FROM streams WHERE id = ?1");
        find.Bind(1, stream);
        if (!find.Step() || find.IsNull(1))
            throw new StoreCorruptException($"'{_database.Path}' lacks the sample of stream {stream}: restore it from a backup.");
        sample = new byte[find.Integer(0)];
        _codec.Decompress([], find.Blob(1), sample);
        _samples.Add(stream, sample);
        return sample;
    }

    ObjectIdentity Identity(long id)
    {
        if (_identities.TryGetValue(id, out var identity))
            return identity;
        if (_identities.Count >= MaxIdentities)
            _identities.Clear();
        _identity.Bind(1, id);
        try
        {
            if (!_identity.Step())
                throw new StoreCorruptException($"'{_database.Path}' names object {id} and does not hold it: restore it from a backup.");
            identity = new ObjectIdentity(_identity.Text(0), _identity.Text(1), PackedText.ReadUid(_identity, 2));
        }
        finally
        {
            _identity.Reset();
        }
        _identities.Add(id, identity);
        return identity;
    }

    /// <summary>A frame of a chain: where its event is and in which stream, what it was compressed against, how long its state is, and where it begins among the frames.</summary>
    readonly record struct Link(long Position, long Stream, long Back, int Length, int Start);

    sealed record TypeRow(long Stream, StreamId StreamName, string Cluster, ResourceType Type);

    /// <summary>An event whose bytes lie in a buffer that may still move.</summary>
    readonly record struct Draft(long Position, StreamId Stream, long Revision, Guid? Id, EventType Type, EventMetadata Metadata, int HashStart, int StateStart, int StateLength)
    {
        public RecordedEvent Build(ReadOnlyMemory<byte> bytes) => new()
        {
            Position = Position,
            Stream = Stream,
            Revision = Revision,
            KeptId = Id,
            Type = Type,
            Metadata = Metadata,
            State = bytes.Slice(StateStart, StateLength),
            Hash = bytes.Slice(HashStart, HashChain.HashLength),
        };
    }
}
