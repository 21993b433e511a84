using System.IO.Compression;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>
/// Encodes one batch: metadata as JSON, an object's first state and every so often another whole, the states in between as RFC 6902 patches from the one before. What comes of it refers to the proposed states and to
/// this encoder's buffer. Not thread-safe; reuse it after <see cref="Clear"/>.
/// </summary>
sealed class BatchEncoder(EventStoreDbOptions options, WriterStates states) : IDisposable
{
    readonly MetadataWriter _metadata = new();
    readonly PooledBufferWriter _buffer = new();
    readonly PooledBufferWriter _canonical = new();
    readonly JsonTape _from = new(), _to = new();
    readonly List<Encoded> _events = [];
    readonly Dictionary<ObjectIdentity, int> _last = [];
    IReadOnlyList<ProposedEvent> _proposed = [];
    StreamId _stream;

    /// <summary>How many events the batch has.</summary>
    public int Count => _events.Count;

    /// <summary>Encodes a batch.</summary>
    /// <param name="stream">Its stream.</param>
    /// <param name="expected">Where it goes. Only at an exact place are the revisions known that patches refer to; elsewhere every state is written whole.</param>
    /// <param name="proposed">Its events.</param>
    /// <param name="maxBody">A body longer than this is compressed.</param>
    public void Encode(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> proposed, int maxBody)
    {
        Clear();
        (_stream, _proposed) = (stream, proposed);
        for (var index = 0; index < proposed.Count; index++)
        {
            var one = proposed[index];
            var encoded = new Encoded { Revision = expected.IsExact ? expected.Value + 1 + index : -1 };
            if (!one.State.IsEmpty)
            {
                EncodeBody(one, expected, maxBody, ref encoded);
                if (IsObject(one.Metadata.Object))
                    _last[one.Metadata.Object] = index;
            }
            WriteMetadata(one, ref encoded);
            _events.Add(encoded);
        }
    }

    /// <summary>The event as it is to be appended.</summary>
    public EventData this[int index]
    {
        get
        {
            var (encoded, proposed) = (_events[index], _proposed[index]);
            return new EventData(
                StoredId.From(proposed.Id, proposed.Hash.Span), proposed.Type.ToString(), encoded.Body.Size == 0, encoded.Body.At is null ? Data(index) : default, _buffer.WrittenMemory.Slice(encoded.MetadataStart, encoded.MetadataLength));
        }
    }

    /// <summary>How many bytes the event takes of an append, and how many it would take with its body put apart.</summary>
    public (int Size, int WithoutBody) Sizes(int index)
    {
        var size = this[index].Size;
        return (size, size - _events[index].DataLength + BodyPlaceLength);
    }

    /// <summary>The event's body, wherever it is to be.</summary>
    public ReadOnlyMemory<byte> Data(int index)
    {
        var encoded = _events[index];
        return encoded.DataStart < 0 ? _proposed[index].State : _buffer.WrittenMemory.Slice(encoded.DataStart, encoded.DataLength);
    }

    /// <summary>Whether the body is text that a person can read.</summary>
    public bool IsJson(int index) => _events[index].Body.Size == 0;

    /// <summary>The body is put apart: the event says where.</summary>
    public void Place(int index, BodyPlace place)
    {
        var encoded = _events[index];
        encoded.Body = encoded.Body with { At = place };
        WriteMetadata(_proposed[index], ref encoded);
        _events[index] = encoded;
    }

    /// <summary>The batch is durable: what later patches can refer to.</summary>
    public void Commit(long lastRevision)
    {
        foreach (var (identity, index) in _last)
        {
            var proposed = _proposed[index];
            if (proposed.Type == EventType.ObjectDeleted)
                states.Remove(_stream, identity);
            else
                states.Set(_stream, identity, proposed.State.Span, lastRevision - (_events.Count - 1 - index), _events[index].Body.Depth);
        }
    }

    /// <summary>Forgets the batch.</summary>
    public void Clear()
    {
        _events.Clear();
        _last.Clear();
        _buffer.Clear();
        _proposed = [];
    }

    public void Dispose()
    {
        _metadata.Dispose();
        _buffer.Dispose();
        _canonical.Dispose();
    }

    // What "at" adds to the metadata, at most but for a long stream name.
    const int BodyPlaceLength = 320;

    static bool IsObject(in ObjectIdentity identity) => identity.Uid.Length + identity.Name.Length > 0;

    void EncodeBody(ProposedEvent proposed, ExpectedRevision expected, int maxBody, ref Encoded encoded)
    {
        (encoded.Body, encoded.DataStart, encoded.DataLength) = (Body.Whole, -1, proposed.State.Length);
        if (proposed.Type != EventType.ObjectAdded && expected.IsExact && IsObject(proposed.Metadata.Object) && TryFindBase(proposed.Metadata.Object, expected, out var known) && known.Depth < options.PatchesPerKeyframe)
            EncodePatch(proposed.State, known, ref encoded);
        if (encoded.DataLength > maxBody)
            Compress(proposed.State, ref encoded);
    }

    bool TryFindBase(ObjectIdentity identity, ExpectedRevision expected, out WriterState known)
    {
        if (_last.TryGetValue(identity, out var index))
        {
            known = new WriterState(_proposed[index].State, _events[index].Revision, _events[index].Body.Depth);
            return _proposed[index].Type != EventType.ObjectDeleted;
        }
        // A zombie's batch comes before what is known; it is refused, or is a repetition, and its encoding does not matter.
        return states.TryGet(_stream, identity, out known) && known.Revision <= expected.Value;
    }

    void EncodePatch(ReadOnlyMemory<byte> state, in WriterState known, ref Encoded encoded)
    {
        _to.Parse(state);
        _canonical.Clear();
        CanonicalJson.Write(_to, _to.Root, _canonical);
        // A patch leads to the canonical form, and what is read back must be what was given.
        if (!_canonical.WrittenSpan.SequenceEqual(state.Span))
            return;
        _from.Parse(known.State);
        var start = _buffer.WrittenCount;
        JsonPatch.Diff(_from, _from.Root, _to, _to.Root, _buffer);
        var length = _buffer.WrittenCount - start;
        if (length < state.Length)
            (encoded.Body, encoded.DataStart, encoded.DataLength) = (new Body(BodyForm.Patch, known.Revision, known.Depth + 1, 0, null), start, length);
    }

    void Compress(ReadOnlyMemory<byte> state, ref Encoded encoded)
    {
        var data = encoded.DataStart < 0 ? state : _buffer.WrittenMemory.Slice(encoded.DataStart, encoded.DataLength).ToArray();
        var start = _buffer.WrittenCount;
        using (var stream = new BufferStream(_buffer))
        using (var gzip = new GZipStream(stream, CompressionLevel.Optimal))
            gzip.Write(data.Span);
        encoded.Body = encoded.Body with { Size = encoded.DataLength };
        (encoded.DataStart, encoded.DataLength) = (start, _buffer.WrittenCount - start);
    }

    void WriteMetadata(ProposedEvent proposed, ref Encoded encoded)
    {
        encoded.MetadataStart = _buffer.WrittenCount;
        _metadata.Write(proposed, encoded.Body, _buffer);
        encoded.MetadataLength = _buffer.WrittenCount - encoded.MetadataStart;
    }

    struct Encoded
    {
        public required long Revision;
        public Body Body;
        /// <summary>Where in the buffer; −1 for the proposed state itself.</summary>
        public int DataStart;
        public int DataLength;
        public int MetadataStart, MetadataLength;
    }

    sealed class BufferStream(PooledBufferWriter buffer) : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] bytes, int offset, int count) => buffer.Write(bytes.AsSpan(offset, count));
        public override void Write(ReadOnlySpan<byte> bytes) => buffer.Write(bytes);
    }
}
