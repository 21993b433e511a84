using System.Buffers;

namespace Replicator.Informers;

/// <summary>Reads from a connection as much as has come, whatever is asked for; writes go straight through. One reader and one writer may use it at a time, as with any connection.</summary>
/// <remarks>
/// A watch comes as one HTTP chunk for each change, and the client asks for the head of a chunk and its body by themselves: two system calls for each change, which is more than it takes to parse it. There may be
/// hundreds of connections on which little comes: one holds a buffer while it waits only where much came the last time.
/// </remarks>
sealed class ReadAheadStream(Stream connection) : Stream
{
    IMemoryOwner<byte>? _segment;
    int _start, _end;
    bool _busy;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _start < _end ? ValueTask.FromResult(Take(buffer.Span)) : ReadOnAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(Span<byte> buffer) => _start < _end ? Take(buffer) : connection.Read(buffer);

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => connection.WriteAsync(buffer, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => connection.WriteAsync(buffer, offset, count, cancellationToken);

    public override void Write(ReadOnlySpan<byte> buffer) => connection.Write(buffer);

    public override void Write(byte[] buffer, int offset, int count) => connection.Write(buffer, offset, count);

    public override Task FlushAsync(CancellationToken cancellationToken) => connection.FlushAsync(cancellationToken);

    public override void Flush() => connection.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        // A read that is under way ends with the connection, and only then is its buffer nobody's.
        await connection.DisposeAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            connection.Dispose();
        base.Dispose(disposing);
    }

    async ValueTask<int> ReadOnAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        // Who asks for nothing waits until there is something.
        if (buffer.IsEmpty || _segment is null)
            await connection.ReadAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
        if (buffer.IsEmpty)
            return 0;
        _segment ??= SegmentPool.Instance.Rent();
        (_start, _end) = (0, 0);
        _end = await connection.ReadAsync(_segment.Memory, cancellationToken).ConfigureAwait(false);
        _busy = _end >= SegmentPool.SegmentSize / 2;
        return Take(buffer.Span);
    }

    int Take(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _end - _start);
        if (count > 0)
            _segment!.Memory.Span.Slice(_start, count).CopyTo(buffer);
        _start += count;
        if (_start == _end && !_busy)
        {
            _segment?.Dispose();
            _segment = null;
        }
        return count;
    }
}
