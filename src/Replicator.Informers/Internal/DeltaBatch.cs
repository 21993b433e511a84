using System.Buffers;
using Replicator.Core.Recording;

namespace Replicator.Informers;

/// <summary>Deltas on their way to the sink, and the arrays that they borrow.</summary>
sealed class DeltaBatch(int maxDeltas, int maxBytes)
{
    readonly List<Delta> _deltas = new(maxDeltas);
    readonly List<byte[]> _rented = [];
    long _bytes;

    public IReadOnlyList<Delta> Deltas => _deltas;

    public int Count => _deltas.Count;

    public bool IsFull => _deltas.Count >= maxDeltas || _bytes >= maxBytes;

    /// <summary>The version to resume from once these deltas are durable; null where they do not move it.</summary>
    public string? ResumeVersion { get; set; }

    /// <summary>Memory that lasts until <see cref="Clear"/>.</summary>
    public Memory<byte> Rent(int length)
    {
        var array = ArrayPool<byte>.Shared.Rent(length);
        _rented.Add(array);
        return array.AsMemory(0, length);
    }

    public void Add(in Delta delta)
    {
        _deltas.Add(delta);
        _bytes += delta.Object.Length;
    }

    public void Clear()
    {
        _deltas.Clear();
        foreach (var array in _rented)
            ArrayPool<byte>.Shared.Return(array);
        _rented.Clear();
        _bytes = 0;
        ResumeVersion = null;
    }
}
