using System.Buffers;

namespace Replicator.Core.Json;

/// <summary>
/// A growing buffer over <see cref="ArrayPool{T}"/>. Reuse one with <see cref="Clear"/>; <see cref="Dispose"/> gives its array back.
/// </summary>
/// <remarks>
/// Memory and spans that it hands out are valid until the next call that may grow, clear or dispose it. Not safe for concurrent use.
/// </remarks>
public sealed class PooledBufferWriter : IBufferWriter<byte>, IDisposable
{
    const int DefaultCapacity = 1024;

    byte[] _buffer;

    /// <summary>Creates a writer that rents its first array on first use.</summary>
    public PooledBufferWriter() => _buffer = [];

    /// <summary>Creates a writer with room for <paramref name="initialCapacity"/> bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="initialCapacity"/> is negative.</exception>
    public PooledBufferWriter(int initialCapacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(initialCapacity);
        _buffer = initialCapacity == 0 ? [] : ArrayPool<byte>.Shared.Rent(initialCapacity);
    }

    /// <summary>How many bytes have been written.</summary>
    public int WrittenCount { get; private set; }

    /// <summary>How many bytes fit before the buffer has to grow.</summary>
    public int Capacity => _buffer.Length;

    /// <summary>What has been written.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _buffer.AsMemory(0, WrittenCount);

    /// <summary>What has been written.</summary>
    public ReadOnlySpan<byte> WrittenSpan => _buffer.AsSpan(0, WrittenCount);

    /// <summary>What has been written at <paramref name="start"/>, to be changed in place: a length that is known only once all of it is written.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not written yet.</exception>
    public Span<byte> GetWritten(int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + length, WrittenCount);
        return _buffer.AsSpan(start, length);
    }

    /// <summary>Forgets what has been written and keeps the array.</summary>
    public void Clear() => WrittenCount = 0;

    /// <inheritdoc />
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or more than the buffer has left.</exception>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - WrittenCount);
        WrittenCount += count;
    }

    /// <inheritdoc />
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return _buffer.AsMemory(WrittenCount);
    }

    /// <inheritdoc />
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return _buffer.AsSpan(WrittenCount);
    }

    /// <summary>Appends <paramref name="bytes"/>.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        EnsureRoom(bytes.Length);
        bytes.CopyTo(_buffer.AsSpan(WrittenCount));
        WrittenCount += bytes.Length;
    }

    /// <summary>Appends one byte.</summary>
    public void WriteByte(byte value)
    {
        EnsureRoom(1);
        _buffer[WrittenCount++] = value;
    }

    /// <summary>Gives the array back to the pool. The writer is empty then and may be used again.</summary>
    public void Dispose()
    {
        var buffer = _buffer;
        _buffer = [];
        WrittenCount = 0;
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Forgets everything after the first <paramref name="count"/> bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public void Truncate(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)WrittenCount, nameof(count));
        WrittenCount = count;
    }

    void EnsureRoom(int sizeHint)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        if (_buffer.Length - WrittenCount < Math.Max(sizeHint, 1))
            Grow(Math.Max(sizeHint, 1));
    }

    void Grow(int room)
    {
        var needed = (long)WrittenCount + room;
        if (needed > Array.MaxLength)
            throw new InvalidOperationException($"A buffer of {needed} bytes is more than an array can hold ({Array.MaxLength}).");
        var doubled = Math.Min(Math.Max(2L * _buffer.Length, DefaultCapacity), Array.MaxLength);
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(needed, doubled));
        WrittenSpan.CopyTo(larger);
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
