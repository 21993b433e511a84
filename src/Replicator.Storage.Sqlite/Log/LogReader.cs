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
    const long KeyframeCacheBytes = 32L * 1024 * 1024;
    const string Columns = "position, type, revision, event, object, version, observed_at, provenance, epoch, back, length, hash, trace, extra, body";

    readonly Database _database;
    readonly Statement _forward, _backward, _body, _identity, _appendsForward, _appendsBackward, _lastPosition;
    readonly PrefixCodec _codec = new();
    readonly KeyframeCache _keyframes = new(KeyframeCacheBytes);
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
    }

    /// <summary>The id that an event has unless its writer chose another.</summary>
    public static Guid DeriveId(StreamId stream, long revision, EventType type, EventMetadata metadata) =>
        metadata.Object.Uid.Length > 0
            ? EventId.ForObject(metadata.Cluster, metadata.Object.Uid, metadata.ResourceVersion, metadata.Epoch, type)
            : EventId.ForPlace(stream, revision, type);

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
        return Page(_forward, options, maxCount);
    }

    /// <summary>The events before a position, down to and including <paramref name="first"/>, newest first; null at the end.</summary>
    public EventPage? ReadBackward(long first, long before, ReadOptions options, long maxCount)
    {
        _backward.Bind(1, first);
        _backward.Bind(2, before);
        return Page(_backward, options, maxCount);
    }

    /// <summary>The batches of a stream from the one that holds a revision, in the direction of the read.</summary>
    public List<(long FirstRevision, long FirstPosition, long Count)> ReadAppends(long stream, long revision, bool backwards)
    {
        var appends = backwards ? _appendsBackward : _appendsForward;
        appends.Bind(1, stream);
        appends.Bind(2, revision);
        var rows = new List<(long, long, long)>();
        while (appends.Step())
            rows.Add((appends.Integer(0), appends.Integer(1), appends.Integer(2)));
        appends.Reset();
        return rows;
    }

    /// <summary>The stream's number, or null when there is none of that name.</summary>
    public long? FindStream(StreamId stream)
    {
        using var find = _database.PrepareOnce("SELECT id FROM streams WHERE name = ?1");
        find.Bind(1, stream.Name);
        return find.Step() ? find.Integer(0) : null;
    }

    public List<StreamInfo> ListStreams(string prefix)
    {
        var infos = new List<StreamInfo>();
        using var streams = _database.PrepareOnce("SELECT name, last_revision, last_position, bytes FROM streams WHERE last_revision >= 0 ORDER BY name");
        while (streams.Step())
        {
            var name = streams.Text(0);
            if (name.StartsWith(prefix, StringComparison.Ordinal))
                infos.Add(new StreamInfo(StreamId.FromName(name), streams.Integer(1), streams.Integer(2), streams.Integer(3)));
        }
        return infos;
    }

    /// <summary>Appends the state that an event brought to <paramref name="output"/>.</summary>
    /// <exception cref="StoreCorruptException">There is no such event.</exception>
    public void ReadState(long position, PooledBufferWriter output)
    {
        _body.Bind(1, position);
        if (!_body.Step())
        {
            _body.Reset();
            throw new StoreCorruptException($"'{_database.Path}' holds no event at position {position}, which the snapshots name: delete the snapshots files and start again; they are rebuilt from the log.");
        }
        try
        {
            if (_body.IsNull(1))
                return;
            var (type, back, length) = (Type(_body.Integer(0)), _body.Integer(1), (int)_body.Integer(2));
            var target = output.GetSpan(length)[..length];
            if (back == 0)
            {
                if (_keyframes.TryGet(position, out var known))
                    known.CopyTo(target);
                else
                    _codec.Decompress(Sample(type.Stream), _body.Blob(3), target);
            }
            else
            {
                // The keyframe's row comes through the same statement, so this row's body has to be set aside.
                var frame = ArrayPool<byte>.Shared.Rent(_body.Blob(3).Length);
                var body = frame.AsSpan(0, _body.Blob(3).Length);
                _body.Blob(3).CopyTo(body);
                _body.Reset();
                _codec.Decompress(Keyframe(position - back), body, target);
                ArrayPool<byte>.Shared.Return(frame);
            }
            output.Advance(length);
        }
        finally
        {
            _body.Reset();
        }
    }

    public void Dispose()
    {
        _codec.Dispose();
        _keyframes.Dispose();
        _database.Dispose();
    }

    EventPage? Page(Statement rows, ReadOptions options, long maxCount)
    {
        var drafts = new List<Draft>();
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
                drafts.Add(Event(rows, type, position, options.States, states));
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

    Draft Event(Statement row, TypeRow type, long position, bool withState, PooledBufferWriter states)
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
            if (back == 0)
            {
                _codec.Decompress(Sample(type.Stream), row.Blob(14), target);
                if (!_keyframes.TryGet(position, out _))
                    target.CopyTo(_keyframes.Add(position, length));
            }
            else
            {
                _codec.Decompress(Keyframe(position - back), row.Blob(14), target);
            }
            states.Advance(length);
        }
        return new Draft(position, type.StreamName, revision, extra?.Id, eventType, metadata, hashStart, start, states.WrittenCount - start);
    }

    ReadOnlySpan<byte> Keyframe(long position)
    {
        if (_keyframes.TryGet(position, out var keyframe))
            return keyframe;
        _body.Bind(1, position);
        try
        {
            if (!_body.Step() || _body.IsNull(1) || _body.Integer(1) != 0)
                throw new StoreCorruptException($"'{_database.Path}' lacks the keyframe at position {position}: restore it from a backup.");
            var target = _keyframes.Add(position, (int)_body.Integer(2));
            try
            {
                _codec.Decompress(Sample(Type(_body.Integer(0)).Stream), _body.Blob(3), target);
            }
            catch
            {
                _keyframes.Remove(position);
                throw;
            }
            return target;
        }
        finally
        {
            _body.Reset();
        }
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

    sealed record TypeRow(long Stream, StreamId StreamName, string Cluster, ResourceType Type);

    /// <summary>An event whose bytes lie in a buffer that may still move.</summary>
    readonly record struct Draft(long Position, StreamId Stream, long Revision, Guid? Id, EventType Type, EventMetadata Metadata, int HashStart, int StateStart, int StateLength)
    {
        public RecordedEvent Build(ReadOnlyMemory<byte> bytes) => new()
        {
            Position = Position,
            Stream = Stream,
            Revision = Revision,
            Id = Id ?? DeriveId(Stream, Revision, Type, Metadata),
            Type = Type,
            Metadata = Metadata,
            State = bytes.Slice(StateStart, StateLength),
            Hash = bytes.Slice(HashStart, HashChain.HashLength),
        };
    }
}
