using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using ZstdSharp.Unsafe;
using static ZstdSharp.Unsafe.Methods;

namespace Replicator.Informers;

/// <summary>
/// Objects of one type as the common history (RFC 8878, "raw content dictionary") of all others: what a frame says is where it differs. Grows only at its front, so that offsets, which count from the end, stay true
/// and the newest content reads the oldest frame. Reading is safe from any thread.
/// </summary>
sealed unsafe class SampleDictionary
{
    const int Magicless = 1;

    // As many as may decode at a time; one more is made and thrown away.
    static readonly int Spare = 2 * Environment.ProcessorCount;
    static readonly ConcurrentQueue<Decompressor> Decompressors = new();

    volatile byte[] _content = [];

    public ReadOnlySpan<byte> Content => _content;

    /// <summary>Puts a sample in front. To be called by one thread at a time.</summary>
    public void Prepend(ReadOnlySpan<byte> sample)
    {
        var old = _content;
        var grown = GC.AllocateUninitializedArray<byte>(sample.Length + old.Length);
        sample.CopyTo(grown);
        old.CopyTo(grown.AsSpan(sample.Length));
        _content = grown;
    }

    /// <summary>Decompresses a frame into exactly as many bytes as it was made of.</summary>
    /// <exception cref="InvalidOperationException">The frame is damaged: memory was overwritten.</exception>
    public void Decompress(ReadOnlySpan<byte> frame, Span<byte> json)
    {
        if (!Decompressors.TryDequeue(out var decompressor))
            decompressor = new Decompressor();
        var content = _content;
        fixed (byte* history = content, source = frame, target = json)
        {
            Check(ZSTD_DCtx_refPrefix(decompressor.Context, history, (nuint)content.Length));
            if (Check(ZSTD_decompressDCtx(decompressor.Context, target, (nuint)json.Length, source, (nuint)frame.Length)) != (nuint)json.Length)
                throw new InvalidOperationException($"A held object has not the {json.Length} bytes that it had: memory was overwritten.");
        }
        if (Decompressors.Count < Spare)
            Decompressors.Enqueue(decompressor);
        else
            decompressor.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static nuint Check(nuint result) =>
        ZSTD_isError(result) ? throw new InvalidOperationException($"A held object cannot be decoded (zstd: {ZSTD_getErrorName(result)}): memory was overwritten.") : result;

    sealed class Decompressor : IDisposable
    {
        public Decompressor()
        {
            Context = ZSTD_createDCtx();
            Check(ZSTD_DCtx_setParameter(Context, ZSTD_dParameter.ZSTD_d_experimentalParam1, Magicless));
        }

        ~Decompressor() => Free();

        public ZSTD_DCtx_s* Context { get; private set; }

        public void Dispose()
        {
            Free();
            GC.SuppressFinalize(this);
        }

        void Free()
        {
            if (Context != null)
                _ = ZSTD_freeDCtx(Context);
            Context = null;
        }
    }
}
