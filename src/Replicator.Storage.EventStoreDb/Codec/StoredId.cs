using System.Security.Cryptography;
using Replicator.Core.Events;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>The id under which an event is stored (RFC 9562 version 8): from its own id and its hash.</summary>
/// <remarks>
/// The store answers an append as repeated where it finds the same ids at the same place. Two collectors that watch the same cluster propose the same change under the same deterministic id, but with a hash of their
/// own: by the id alone the second would be told that it had appended, and would go on with a hash that is not the log's. With the hash in the stored id the second is refused, as it must be. The event's own id is in its
/// metadata.
/// </remarks>
static class StoredId
{
    public static Guid From(Guid id, ReadOnlySpan<byte> hash)
    {
        Span<byte> text = stackalloc byte[16 + HashChain.HashLength];
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        id.TryWriteBytes(text, bigEndian: true, out _);
        hash.CopyTo(text[16..]);
        SHA256.HashData(text[..(16 + hash.Length)], digest);
        digest[6] = (byte)((digest[6] & 0x0F) | 0x80);
        digest[8] = (byte)((digest[8] & 0x3F) | 0x80);
        return new Guid(digest[..16], bigEndian: true);
    }
}
