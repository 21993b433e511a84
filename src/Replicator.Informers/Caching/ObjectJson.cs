using System.Buffers;

namespace Replicator.Informers.Caching;

/// <summary>The decoded JSON of an object, in a pooled buffer that goes back when it is disposed.</summary>
public struct ObjectJson : IDisposable
{
    readonly ReadOnlyMemory<byte> _text;
    byte[]? _rented;

    internal ObjectJson(ReadOnlyMemory<byte> text, byte[]? rented) => (_text, _rented) = (text, rented);

    /// <summary>UTF-8, as the server wrote it. Not to be used after <see cref="Dispose"/>.</summary>
    public readonly ReadOnlySpan<byte> Span => _text.Span;

    /// <inheritdoc cref="Span"/>
    public readonly ReadOnlyMemory<byte> Memory => _text;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_rented is not null)
            ArrayPool<byte>.Shared.Return(_rented);
        _rented = null;
    }
}
