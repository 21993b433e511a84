using System.Buffers.Binary;
using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Json;

namespace Replicator.Storage.Marten.Log;

/// <summary>
/// Rows of <c>mt_events</c> as <c>COPY</c> takes them (PostgreSQL manual, COPY, binary format), whole but for their positions, which are known only once the appenders' lock is held. Reusable after <see cref="Clear"/>. Not thread-safe.
/// </summary>
sealed class EventRows : IDisposable
{
    /// <summary>The columns, in their order.</summary>
    public const string Columns = "seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, headers";

    /// <summary>Marten's own tenant, where there is one.</summary>
    public const string Tenant = "*DEFAULT*";

    const short ColumnCount = 10;
    const byte JsonbVersion = 1;
    // A timestamptz counts from 2000-01-01.
    const long EpochMicroseconds = 946_684_800_000_000;

    static readonly byte[] Signature = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8];

    readonly PooledBufferWriter _bytes = new();
    readonly List<int> _positions = [];

    public EventRows() => Clear();

    /// <summary>How many rows there are.</summary>
    public int Count => _positions.Count;

    /// <summary>How many bytes they take.</summary>
    public int ByteCount => _bytes.WrittenCount;

    /// <summary>Adds a row.</summary>
    /// <param name="stream">Its stream.</param>
    /// <param name="revision">Its revision in the stream.</param>
    /// <param name="proposed">The event.</param>
    /// <param name="bodies">Encodes its state.</param>
    /// <param name="headers">Encodes its metadata.</param>
    public void Add(StreamId stream, long revision, ProposedEvent proposed, BodyEncoder bodies, EventHeaders headers)
    {
        var @class = EventBody.Of(proposed.Type);
        WriteInt16(ColumnCount);
        var position = _bytes.WrittenCount + sizeof(int);
        WriteInt64(0);
        WriteInt32(16);
        proposed.Id.TryWriteBytes(_bytes.GetSpan(16), bigEndian: true, out var length);
        _bytes.Advance(length);
        WriteText(stream.Name);
        WriteInt64(revision + 1);
        var data = BeginJson();
        var previous = bodies.Encode(stream, revision, proposed, _bytes);
        End(data);
        WriteText(@class.Name);
        WriteInt64(HashChain.Microseconds(proposed.Metadata.ObservedAt) - EpochMicroseconds);
        WriteText(Tenant);
        WriteText(@class.DotNetType);
        var metadata = BeginJson();
        headers.Encode(proposed, previous, _bytes);
        End(metadata);
        _positions.Add(position);
    }

    /// <summary>Forgets the rows from <paramref name="count"/> on, and what was begun of the next; they began at <paramref name="bytes"/>.</summary>
    public void Truncate(int count, int bytes)
    {
        _positions.RemoveRange(count, _positions.Count - count);
        _bytes.Truncate(bytes);
    }

    /// <summary>Gives the rows their positions, ends them and returns them.</summary>
    public ReadOnlyMemory<byte> Complete(long first)
    {
        foreach (var position in _positions)
            BinaryPrimitives.WriteInt64BigEndian(_bytes.GetWritten(position, sizeof(long)), first++);
        WriteInt16(-1);
        return _bytes.WrittenMemory;
    }

    public void Clear()
    {
        _positions.Clear();
        _bytes.Clear();
        _bytes.Write(Signature);
        // No flags, and no extension of the header.
        WriteInt32(0);
        WriteInt32(0);
    }

    public void Dispose() => _bytes.Dispose();

    int BeginJson()
    {
        var start = _bytes.WrittenCount;
        WriteInt32(0);
        _bytes.WriteByte(JsonbVersion);
        return start;
    }

    void End(int start) => BinaryPrimitives.WriteInt32BigEndian(_bytes.GetWritten(start, sizeof(int)), _bytes.WrittenCount - start - sizeof(int));

    void WriteText(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        WriteInt32(length);
        _bytes.Advance(Encoding.UTF8.GetBytes(text, _bytes.GetSpan(length)));
    }

    void WriteInt64(long value)
    {
        WriteInt32(sizeof(long));
        BinaryPrimitives.WriteInt64BigEndian(_bytes.GetSpan(sizeof(long)), value);
        _bytes.Advance(sizeof(long));
    }

    void WriteInt32(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(_bytes.GetSpan(sizeof(int)), value);
        _bytes.Advance(sizeof(int));
    }

    void WriteInt16(short value)
    {
        BinaryPrimitives.WriteInt16BigEndian(_bytes.GetSpan(sizeof(short)), value);
        _bytes.Advance(sizeof(short));
    }
}
