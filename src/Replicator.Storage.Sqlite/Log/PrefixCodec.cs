using System.Runtime.CompilerServices;
using Replicator.Core.Json;
using Replicator.Core.Storage;
using ZstdSharp.Unsafe;
using static ZstdSharp.Unsafe.Methods;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>Zstandard (RFC 8878) frames of one object with other bytes as their history: an object's keyframe, or the stream's sample object. Not thread-safe.</summary>
/// <remarks>
/// Frames carry neither magic number, checksum nor size: the row knows the size, and the hash chain covers the content. Level 3 is the lowest that finds matches throughout a prefix of several hundred
/// kilobytes (level 1 takes 1.6 times the bytes on the recorded shop). Up to 64 KiB, where nearly all objects are, level 1 with matches of at least 7 bytes is cheaper, for 1 % more bytes on recorded pods: two
/// versions of an object have long matches. No library call in ZstdSharp's safe API sets a prefix without digesting it first, which costs more than the compression.
/// </remarks>
sealed unsafe class PrefixCodec : IDisposable
{
    const int SmallBytes = 64 * 1024;
    const int SmallLevel = 1;
    const int SmallMatch = 7;
    const int LargeLevel = 3;
    const int Magicless = 1;

    // Two, because tables of another shape would have to be cleared.
    ZSTD_CCtx_s* _small, _large;
    ZSTD_DCtx_s* _decompressor;

    /// <summary>Appends the compressed <paramref name="content"/> to <paramref name="output"/> and returns how many bytes that took.</summary>
    public int Compress(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> content, PooledBufferWriter output)
    {
        var compressor = prefix.Length + content.Length <= SmallBytes
            ? _small == null ? _small = NewCompressor(SmallLevel, SmallMatch) : _small
            : _large == null ? _large = NewCompressor(LargeLevel, minMatch: 0) : _large;
        var room = output.GetSpan((int)ZSTD_compressBound((nuint)content.Length));
        fixed (byte* from = prefix, source = content, target = room)
        {
            Check(ZSTD_CCtx_refPrefix(compressor, from, (nuint)prefix.Length));
            var length = (int)Check(ZSTD_compress2(compressor, target, (nuint)room.Length, source, (nuint)content.Length));
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
        if (_small != null)
            _ = ZSTD_freeCCtx(_small);
        if (_large != null)
            _ = ZSTD_freeCCtx(_large);
        if (_decompressor != null)
            _ = ZSTD_freeDCtx(_decompressor);
        _small = _large = null;
        _decompressor = null;
    }

    /// <param name="level">The level.</param>
    /// <param name="minMatch">How long a match must be; 0 for what the level says.</param>
    static ZSTD_CCtx_s* NewCompressor(int level, int minMatch)
    {
        var compressor = ZSTD_createCCtx();
        Set(compressor, ZSTD_cParameter.ZSTD_c_compressionLevel, level);
        Set(compressor, ZSTD_cParameter.ZSTD_c_minMatch, minMatch);
        Set(compressor, ZSTD_cParameter.ZSTD_c_contentSizeFlag, 0);
        Set(compressor, ZSTD_cParameter.ZSTD_c_checksumFlag, 0);
        Set(compressor, ZSTD_cParameter.ZSTD_c_dictIDFlag, 0);
        Set(compressor, ZSTD_cParameter.ZSTD_c_experimentalParam2, Magicless);
        return compressor;
    }

    static void Set(ZSTD_CCtx_s* compressor, ZSTD_cParameter parameter, int value) => Check(ZSTD_CCtx_setParameter(compressor, parameter, value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static nuint Check(nuint result) =>
        ZSTD_isError(result) ? throw new StoreCorruptException($"A stored event body cannot be read or written (zstd: {ZSTD_getErrorName(result)}).") : result;
}
