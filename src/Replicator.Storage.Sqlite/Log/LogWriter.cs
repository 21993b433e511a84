using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>The one writer of <c>log.db</c>: encodes events and puts them into the open transaction. Not thread-safe.</summary>
/// <remarks>
/// A body is a keyframe (the whole object, compressed with the stream's first object as history) or a delta against the object's last state. The chain of deltas behind a keyframe is bounded in number and in bytes, so
/// that reading any version takes a bounded number of decompressions. Against the keyframe instead of the last state, deltas took 2.5 times the bytes on recorded pods, whose lives differ most from their beginnings.
/// </remarks>
sealed class LogWriter : IDisposable
{
    const int MaxSampleLength = 64 * 1024;
    const int DeltasPerKeyframe = 16;
    // A large object's chain is shorter: what must be decompressed to read one state is at most this, or two states.
    const long BytesPerKeyframe = 16L * 1024 * 1024;
    // A larger delta brought something new to the object, such as its first status, which the stream's sample mostly has.
    const int SmallDelta = 200;
    const long StateCacheBytes = 128L * 1024 * 1024;

    readonly Database _database;
    readonly Statement _insertEvent, _insertAppend, _insertStream, _updateStream, _insertType, _insertObject, _findObject, _updateSample;
    readonly PrefixCodec _codec = new();
    readonly PooledBufferWriter _body = new();
    readonly PooledBufferWriter _prefix = new(), _retried = new();
    readonly StateCache _states = new(StateCacheBytes);
    readonly Dictionary<StreamId, StreamState> _streams = [];
    readonly List<StreamState> _touched = [];
    long _head;

    public LogWriter(Database database)
    {
        _database = database;
        _insertEvent = database.Prepare("INSERT INTO events (position, type, revision, event, object, version, observed_at, provenance, epoch, back, length, hash, body, trace, extra) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
        _insertAppend = database.Prepare("INSERT INTO appends (stream, first_revision, first_position, count) VALUES (?1, ?2, ?3, ?4)");
        _insertStream = database.Prepare("INSERT INTO streams (id, name, last_revision, last_position, bytes, sample_length, sample) VALUES (?1, ?2, -1, 0, 0, 0, NULL)");
        _updateStream = database.Prepare("UPDATE streams SET last_revision = ?2, last_position = ?3, bytes = ?4 WHERE id = ?1");
        _updateSample = database.Prepare("UPDATE streams SET sample_length = ?2, sample = ?3 WHERE id = ?1");
        _insertType = database.Prepare("INSERT INTO types (id, stream, cluster, grp, version, resource, kind, namespaced) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
        _insertObject = database.Prepare("INSERT INTO objects (stream, uid, namespace, name) VALUES (?1, ?2, ?3, ?4)");
        _findObject = database.Prepare("SELECT id, namespace, name FROM objects WHERE uid = ?1 AND stream = ?2");
        Load();
    }

    /// <summary>The position of the last event, those of the open transaction included.</summary>
    public long Head => _head;

    /// <summary>Forgets what the transaction that was rolled back had changed.</summary>
    public void Load()
    {
        _streams.Clear();
        _touched.Clear();
        _states.Clear();
        _head = _database.ReadInteger("SELECT max(position) FROM events");
        using var streams = _database.PrepareOnce("SELECT id, name, last_revision, last_position, bytes, sample_length, sample FROM streams");
        while (streams.Step())
        {
            var state = new StreamState
            {
                Id = streams.Integer(0),
                Name = StreamId.FromName(streams.Text(1)),
                LastRevision = streams.Integer(2),
                LastPosition = streams.Integer(3),
                Bytes = streams.Integer(4),
            };
            if (!streams.IsNull(6))
            {
                state.Sample = new byte[streams.Integer(5)];
                _codec.Decompress([], streams.Blob(6), state.Sample);
            }
            _streams.Add(state.Name, state);
        }
        var byId = _streams.Values.ToDictionary(stream => stream.Id);
        using var types = _database.PrepareOnce("SELECT id, stream, cluster, grp, version, resource, kind, namespaced FROM types");
        while (types.Step())
            byId[types.Integer(1)].Types.Add((types.Text(2), new ResourceType(types.Text(3), types.Text(4), types.Text(5), types.Text(6), types.Integer(7) != 0)), types.Integer(0));
    }

    /// <summary>The last revision of a stream, −1 for one that does not exist.</summary>
    public long LastRevision(StreamId stream) => _streams.TryGetValue(stream, out var state) ? state.LastRevision : -1;

    /// <summary>Puts a batch, whose expectation was checked, at the end of its stream.</summary>
    public AppendResult Append(StreamId stream, IReadOnlyList<ProposedEvent> events)
    {
        var state = Stream(stream);
        var (firstRevision, firstPosition) = (state.LastRevision + 1, _head + 1);
        foreach (var proposed in events)
            Insert(state, proposed);
        _insertAppend.Bind(1, state.Id);
        _insertAppend.Bind(2, firstRevision);
        _insertAppend.Bind(3, firstPosition);
        _insertAppend.Bind(4, events.Count);
        _insertAppend.Run();
        if (!state.Touched)
        {
            state.Touched = true;
            _touched.Add(state);
        }
        return new AppendResult(state.LastRevision, state.LastPosition);
    }

    /// <summary>Writes what changed of the streams; the last act before the commit.</summary>
    public void Flush()
    {
        foreach (var state in _touched)
        {
            state.Touched = false;
            _updateStream.Bind(1, state.Id);
            _updateStream.Bind(2, state.LastRevision);
            _updateStream.Bind(3, state.LastPosition);
            _updateStream.Bind(4, state.Bytes);
            _updateStream.Run();
        }
        _touched.Clear();
    }

    public void Dispose()
    {
        _codec.Dispose();
        _body.Dispose();
        _prefix.Dispose();
        _retried.Dispose();
    }

    void Insert(StreamState stream, ProposedEvent proposed)
    {
        var metadata = proposed.Metadata;
        var position = _head + 1;
        var revision = stream.LastRevision + 1;
        var hasObject = metadata.Object != default && metadata.Object.Uid.Length + metadata.Object.Name.Length > 0;
        var live = hasObject ? Object(stream, metadata.Object) : null;

        _insertEvent.Bind(1, position);
        _insertEvent.Bind(2, Type(stream, metadata));
        _insertEvent.Bind(3, revision);
        _insertEvent.Bind(4, (long)proposed.Type);
        if (live is null)
            _insertEvent.BindNull(5);
        else
            _insertEvent.Bind(5, live.Id);
        _insertEvent.Bind(6, SqliteVersion.From(metadata.ResourceVersion));
        _insertEvent.Bind(7, HashChain.Microseconds(metadata.ObservedAt));
        _insertEvent.Bind(8, (long)metadata.Provenance);
        _insertEvent.Bind(9, metadata.Epoch);

        _body.Clear();
        var state = proposed.State.Span;
        if (state.IsEmpty)
        {
            _insertEvent.BindNull(10);
            _insertEvent.BindNull(13);
        }
        else
        {
            _insertEvent.Bind(10, Encode(stream, live, position, state));
            _insertEvent.Bind(13, _body.WrittenSpan);
        }
        _insertEvent.Bind(11, state.Length);
        _insertEvent.Bind(12, proposed.Hash.Span);
        PackedText.BindTraceParent(_insertEvent, 14, metadata.TraceParent);
        if (Extra(stream, proposed, revision) is { } extra)
            _insertEvent.Bind(15, extra.ToJson());
        else
            _insertEvent.BindNull(15);
        _insertEvent.Run();

        _head = position;
        stream.LastRevision = revision;
        stream.LastPosition = position;
        stream.Bytes += _body.WrittenCount;
        if (proposed.Type == EventType.ObjectDeleted && live is not null)
        {
            stream.Objects.Remove(metadata.Object);
            _states.Remove(live.Position);
        }
    }

    /// <summary>Compresses a state into <see cref="_body"/> and returns the column <c>back</c>.</summary>
    long Encode(StreamState stream, LiveObject? live, long position, ReadOnlySpan<byte> state)
    {
        if (live is null)
        {
            _codec.Compress(Sample(stream, state), state, _body);
            return 0;
        }
        var former = live.Position;
        var back = 0L;
        if (live.Deltas < DeltasPerKeyframe && (live.Deltas == 0 || (live.Deltas + 1L) * state.Length <= BytesPerKeyframe) && _states.TryGet(former, out var last))
        {
            live.Deltas++;
            back = position - former;
            if (_codec.Compress(last, state, _body) > SmallDelta && state.Length <= MaxSampleLength && CompressWithSample(stream.Sample!, last, state))
                back = -back;
        }
        else
        {
            live.Deltas = 0;
            _codec.Compress(Sample(stream, state), state, _body);
        }
        live.Position = position;
        _states.Replace(former, position, state);
        return back;
    }

    /// <summary>Compresses once more, with the stream's sample before the last state; keeps that where it is smaller.</summary>
    bool CompressWithSample(ReadOnlySpan<byte> sample, ReadOnlySpan<byte> last, ReadOnlySpan<byte> state)
    {
        _prefix.Clear();
        _prefix.Write(sample);
        _prefix.Write(last);
        _retried.Clear();
        if (_codec.Compress(_prefix.WrittenSpan, state, _retried) >= _body.WrittenCount)
            return false;
        _body.Clear();
        _body.Write(_retried.WrittenSpan);
        return true;
    }

    /// <summary>The stream's sample, which its first state becomes.</summary>
    byte[] Sample(StreamState stream, ReadOnlySpan<byte> state)
    {
        if (stream.Sample is { } known)
            return known;
        var sample = stream.Sample = state[..Math.Min(state.Length, MaxSampleLength)].ToArray();
        _codec.Compress([], sample, _body);
        _updateSample.Bind(1, stream.Id);
        _updateSample.Bind(2, sample.Length);
        _updateSample.Bind(3, _body.WrittenSpan);
        _updateSample.Run();
        stream.Bytes += _body.WrittenCount;
        _body.Clear();
        return sample;
    }

    static EventExtra? Extra(StreamState stream, ProposedEvent proposed, long revision)
    {
        var metadata = proposed.Metadata;
        Guid? id = proposed.HasDerivedId || proposed.Id == EventId.Derive(stream.Name, revision, proposed.Type, metadata) ? null : proposed.Id;
        return id is null && metadata.GapFrom is null && metadata.GapFromTime is null && metadata.Reason is null
            ? null
            : new EventExtra { GapFrom = metadata.GapFrom, GapFromTime = metadata.GapFromTime is { } time ? HashChain.Microseconds(time) : null, Reason = metadata.Reason, Id = id };
    }

    StreamState Stream(StreamId stream)
    {
        if (_streams.TryGetValue(stream, out var state))
            return state;
        state = new StreamState { Id = _streams.Count + 1, Name = stream };
        _insertStream.Bind(1, state.Id);
        _insertStream.Bind(2, stream.Name);
        _insertStream.Run();
        _streams.Add(stream, state);
        return state;
    }

    long Type(StreamState stream, EventMetadata metadata)
    {
        var key = (metadata.Cluster, metadata.Type);
        if (stream.Types.TryGetValue(key, out var id))
            return id;
        id = _streams.Values.Sum(other => other.Types.Count) + 1;
        _insertType.Bind(1, id);
        _insertType.Bind(2, stream.Id);
        _insertType.Bind(3, metadata.Cluster);
        _insertType.Bind(4, metadata.Type.Group);
        _insertType.Bind(5, metadata.Type.Version);
        _insertType.Bind(6, metadata.Type.Resource);
        _insertType.Bind(7, metadata.Type.Kind);
        _insertType.Bind(8, metadata.Type.Namespaced ? 1 : 0);
        _insertType.Run();
        stream.Types.Add(key, id);
        return id;
    }

    LiveObject Object(StreamState stream, ObjectIdentity identity)
    {
        if (stream.Objects.TryGetValue(identity, out var live))
            return live;
        live = new LiveObject();
        PackedText.BindUid(_findObject, 1, identity.Uid);
        _findObject.Bind(2, stream.Id);
        while (_findObject.Step())
        {
            if (_findObject.Text(1) == identity.Namespace && _findObject.Text(2) == identity.Name)
                live.Id = _findObject.Integer(0);
        }
        _findObject.Reset();
        if (live.Id == 0)
        {
            _insertObject.Bind(1, stream.Id);
            PackedText.BindUid(_insertObject, 2, identity.Uid);
            _insertObject.Bind(3, identity.Namespace);
            _insertObject.Bind(4, identity.Name);
            _insertObject.Run();
            live.Id = _database.LastInsertedRow;
        }
        stream.Objects.Add(identity, live);
        return live;
    }

    sealed class StreamState
    {
        public required long Id { get; init; }
        public required StreamId Name { get; init; }
        public long LastRevision { get; set; } = -1;
        public long LastPosition { get; set; }
        public long Bytes { get; set; }
        public byte[]? Sample { get; set; }
        public bool Touched { get; set; }
        public Dictionary<(string Cluster, ResourceType Type), long> Types { get; } = [];
        /// <summary>The live objects that this process has written; what an earlier one wrote is looked up.</summary>
        public Dictionary<ObjectIdentity, LiveObject> Objects { get; } = new(ByUid.Instance);
    }

    /// <summary>A uid tells an object from nearly all others: the rest need not be hashed.</summary>
    sealed class ByUid : IEqualityComparer<ObjectIdentity>
    {
        public static ByUid Instance { get; } = new();

        public bool Equals(ObjectIdentity x, ObjectIdentity y) => x == y;

        public int GetHashCode(ObjectIdentity identity) => string.GetHashCode(identity.Uid, StringComparison.Ordinal);
    }

    sealed class LiveObject
    {
        public long Id { get; set; }
        /// <summary>Where its last state is; 0 where this process has not written it.</summary>
        public long Position { get; set; }
        /// <summary>How many deltas lie between that and the keyframe.</summary>
        public int Deltas { get; set; }
    }
}
