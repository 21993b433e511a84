using System.Runtime.CompilerServices;
using Replicator.Core.Json;
using Replicator.Core.Storage;
using ZstdSharp.Unsafe;
using static ZstdSharp.Unsafe.Methods;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>Zstandard (RFC 8878) frames of one object with other bytes as their history: an object's keyframe, or the stream's sample object. Not thread-safe.</summary>
/// <remarks>
/// Frames carry neither magic number, checksum nor size: the row knows the size, and the hash chain covers the content. Level 3 is the lowest that finds matches throughout a prefix of several hundred
/// kilobytes (level 1 takes 1.6 times the bytes on the recorded shop). No library call in ZstdSharp's safe API sets a prefix without digesting it first, which costs more than the compression.
/// </remarks>
sealed unsafe class PrefixCodec : IDisposable
{
    const int Level = 3;
    const int Magicless = 1;

    ZSTD_CCtx_s* _compressor;
    ZSTD_DCtx_s* _decompressor;

    /// <summary>Appends the compressed <paramref name="content"/> to <paramref name="output"/> and returns how many bytes that took.</summary>
    public int Compress(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> content, PooledBufferWriter output)
    {
        if (_compressor == null)
        {
            _compressor = ZSTD_createCCtx();
            Check(ZSTD_CCtx_setParameter(_compressor, ZSTD_cParameter.ZSTD_c_compressionLevel, Level));
            Check(ZSTD_CCtx_setParameter(_compressor, ZSTD_cParameter.ZSTD_c_contentSizeFlag, 0));
            Check(ZSTD_CCtx_setParameter(_compressor, ZSTD_cParameter.ZSTD_c_checksumFlag, 0));
            Check(ZSTD_CCtx_setParameter(_compressor, ZSTD_cParameter.ZSTD_c_dictIDFlag, 0));
            Check(ZSTD_CCtx_setParameter(_compressor, ZSTD_cParameter.ZSTD_c_experimentalParam2, Magicless));
        }
        var room = output.GetSpan((int)ZSTD_compressBound((nuint)content.Length));
        fixed (byte* from = prefix, source = content, target = room)
        {
            Check(ZSTD_CCtx_refPrefix(_compressor, from, (nuint)prefix.Length));
            var length = (int)Check(ZSTD_compress2(_compressor, target, (nuint)room.Length, source, (nuint)content.Length));
            output.Advance(length);
            return length;
        }
    }

    /// <summary>Decompresses into <paramref name="content"/>, which must have exactly the size that was compressed.</summary>
    /// <exception cref="StoreCorruptException">The frame is damaged.</exception>
    public void Decompress(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> frame, Span<byte> content)
    {
        if (_decompressor == null)
        {
            _decompressor = ZSTD_createDCtx();
            Check(ZSTD_DCtx_setParameter(_decompressor, ZSTD_dParameter.ZSTD_d_experimentalParam1, Magicless));
        }
        fixed (byte* from = prefix, source = frame, target = content)
        {
            Check(ZSTD_DCtx_refPrefix(_decompressor, from, (nuint)prefix.Length));
            if (Check(ZSTD_decompressDCtx(_decompressor, target, (nuint)content.Length, source, (nuint)frame.Length)) != (nuint)content.Length)
                throw new StoreCorruptException("A stored event body is shorter than its row says.");
        }
    }

    public void Dispose()
    {
        if (_compressor != null)
            _ = ZSTD_freeCCtx(_compressor);
        if (_decompressor != null)
            _ = ZSTD_freeDCtx(_decompressor);
        _compressor = null;
        _decompressor = null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static nuint Check(nuint result) =>
        ZSTD_isError(result) ? throw new StoreCorruptException($"A stored event body cannot be read or written (zstd: {ZSTD_getErrorName(result)}).") : result;
}
