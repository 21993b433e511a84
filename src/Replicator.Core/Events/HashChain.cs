using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Replicator.Core.Events;

/// <summary>
/// The hash chain of a stream: <c>hash = SHA-256(previous hash || metadata || state)</c>, 32 zero bytes before the first event.
/// </summary>
/// <remarks>
/// Metadata is the sequence of its fields in the order of <see cref="Compute"/>, each as UTF-8 behind its length (4 bytes, little endian; −1 for null), so that no two events share an
/// encoding. State is canonical JSON. Neither the store's encoding nor the trace context is covered, so that a log can move between engines with its hashes intact.
/// </remarks>
public sealed class HashChain : IDisposable
{
    /// <summary>The length of a hash in bytes.</summary>
    public const int HashLength = 32;

    readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly ArrayBufferWriter<byte> _metadata = new(1024);

    /// <summary>Computes the hash of an event that follows the event with the hash <paramref name="previous"/>.</summary>
    /// <param name="previous">32 bytes, or empty for the first event of a stream.</param>
    /// <param name="type">The event's type.</param>
    /// <param name="metadata">The event's metadata.</param>
    /// <param name="state">Canonical JSON, or empty.</param>
    /// <param name="hash">Receives 32 bytes.</param>
    public void Compute(ReadOnlySpan<byte> previous, EventType type, EventMetadata metadata, ReadOnlySpan<byte> state, Span<byte> hash)
    {
        _metadata.ResetWrittenCount();
        Number(EventMetadata.CurrentSchemaVersion);
        Number((long)type);
        Text(metadata.Cluster);
        Text(metadata.Type.Group);
        Text(metadata.Type.Version);
        Text(metadata.Type.Resource);
        Text(metadata.Type.Kind);
        Text(metadata.Object.Namespace);
        Text(metadata.Object.Name);
        Text(metadata.Object.Uid);
        Text(metadata.ResourceVersion);
        Number(Microseconds(metadata.ObservedAt));
        Number((long)metadata.Provenance);
        Number(metadata.Epoch);
        Text(metadata.GapFrom);
        Number(metadata.GapFromTime is { } time ? Microseconds(time) : long.MinValue);
        Text(metadata.Reason);

        if (previous.IsEmpty)
            _sha.AppendData(stackalloc byte[HashLength]);
        else
            _sha.AppendData(previous);
        _sha.AppendData(_metadata.WrittenSpan);
        _sha.AppendData(state);
        _sha.GetHashAndReset(hash);
    }

    /// <summary>Microseconds since 1970 in UTC: the precision of <see cref="EventMetadata.ObservedAt"/>.</summary>
    public static long Microseconds(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>The inverse of <see cref="Microseconds"/>.</summary>
    public static DateTimeOffset FromMicroseconds(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);

    /// <inheritdoc/>
    public void Dispose() => _sha.Dispose();

    void Number(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_metadata.GetSpan(8), value);
        _metadata.Advance(8);
    }

    void Text(string? value)
    {
        var span = _metadata.GetSpan(4 + (value is null ? 0 : Encoding.UTF8.GetMaxByteCount(value.Length)));
        var length = value is null ? 0 : Encoding.UTF8.GetBytes(value, span[4..]);
        BinaryPrimitives.WriteInt32LittleEndian(span, value is null ? -1 : length);
        _metadata.Advance(4 + length);
    }
}
