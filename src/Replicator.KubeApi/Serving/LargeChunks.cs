using System.Buffers;
using System.IO.Pipelines;

namespace Replicator.KubeApi;

/// <summary>A long answer, written in large pieces. Not thread-safe.</summary>
/// <remarks>Each piece of memory that Kestrel is asked for becomes a chunk of the answer (RFC 9112, section 7.1), 4 KiB where no size is named. A list of many megabytes then costs the server a block and the client a read for each of them.</remarks>
sealed class LargeChunks(PipeWriter body) : IBufferWriter<byte>
{
    // With a chunk's head and end within the 64 KiB that a pool hands out.
    const int ChunkBytes = 63 * 1024;
    // Before the next object begins a second chunk, which would be sent as a small one.
    const int SentBytes = 56 * 1024;

    Memory<byte> _chunk;
    int _written;

    /// <summary>Whether there is a chunk to be flushed.</summary>
    public bool IsWorthSending => body.UnflushedBytes + _written >= SentBytes;

    public void Advance(int count) => _written += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_chunk.Length - _written < Math.Max(sizeHint, 1))
        {
            End();
            _chunk = body.GetMemory(Math.Max(sizeHint, ChunkBytes));
        }
        return _chunk[_written..];
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>Sends what is there; waits while the client is slow.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        End();
        await body.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    void End()
    {
        if (_written > 0)
            body.Advance(_written);
        (_chunk, _written) = (default, 0);
    }
}
