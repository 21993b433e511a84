using System.Buffers;
using Replicator.Core.Recording;

namespace Replicator.Informers.Queues;

/// <summary>Deltas taken from a <see cref="DeltaQueue"/>, in their order. Dispose it once they are durable: their memory goes back then, and their bytes to the budget.</summary>
public sealed class DeltaBatchLease : IDisposable
{
    readonly byte[] _memory;
    readonly Action<long> _returned;
    readonly long _bytes;
    bool _disposed;

    internal DeltaBatchLease(IReadOnlyList<Delta> deltas, long bytes, Action<long> returned)
    {
        (_bytes, _returned) = (bytes, returned);
        var length = 0;
        foreach (var delta in deltas)
            length += delta.Object.Length;
        _memory = ArrayPool<byte>.Shared.Rent(length);
        var (copies, at) = (new Delta[deltas.Count], 0);
        for (var number = 0; number < copies.Length; number++)
        {
            var delta = deltas[number];
            delta.Object.CopyTo(_memory.AsMemory(at));
            copies[number] = delta with { Object = _memory.AsMemory(at, delta.Object.Length) };
            at += delta.Object.Length;
        }
        Deltas = copies;
    }

    /// <summary>The deltas; not to be used after <see cref="Dispose"/>.</summary>
    public IReadOnlyList<Delta> Deltas { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        ArrayPool<byte>.Shared.Return(_memory);
        _returned(_bytes);
    }
}
