using System.Buffers;
using System.Collections.Concurrent;

namespace Replicator.Informers;

/// <summary>The segments that all response buffers are made of. A segment is used again as long as there are not more than a few that nobody needs.</summary>
/// <remarks>The shared pool keeps fewer than one full buffer has, so that every other segment was new: cleared by the collector, and faulted in page by page.</remarks>
sealed class SegmentPool : MemoryPool<byte>
{
    public const int SegmentSize = 64 * 1024;

    // As many as one full buffer of the usual size has.
    const int MaxIdle = 128;

    readonly ConcurrentQueue<Segment> _idle = new();
    int _idleCount;

    SegmentPool()
    {
    }

    public static SegmentPool Instance { get; } = new();

    public override int MaxBufferSize => SegmentSize;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, SegmentSize);
        if (!_idle.TryDequeue(out var segment))
            return new Segment(this);
        Interlocked.Decrement(ref _idleCount);
        return segment;
    }

    protected override void Dispose(bool disposing)
    {
        // It lives as long as the process.
    }

    void Return(Segment segment)
    {
        if (Interlocked.Increment(ref _idleCount) <= MaxIdle)
            _idle.Enqueue(segment);
        else
            Interlocked.Decrement(ref _idleCount);
    }

    /// <summary>Pinned, because sockets read into it.</summary>
    sealed class Segment(SegmentPool pool) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(SegmentSize, pinned: true);

        public void Dispose() => pool.Return(this);
    }
}
