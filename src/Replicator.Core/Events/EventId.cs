using System.Security.Cryptography;
using System.Text;

namespace Replicator.Core.Events;

/// <summary>Deterministic event ids (RFC 9562 version 8): the same change always has the same id.</summary>
public static class EventId
{
    /// <summary>The id of an object's change: from cluster, uid, resource version, epoch and type.</summary>
    public static Guid ForObject(string cluster, string uid, string resourceVersion, int epoch, EventType type) =>
        From($"{cluster}\n{uid}\n{resourceVersion}\n{epoch}\n{(int)type}");

    /// <summary>The id of an event about the observer, which has no uid: from its intended place.</summary>
    public static Guid ForPlace(StreamId stream, long revision, EventType type) => From($"{stream.Name}\n{revision}\n{(int)type}");

    static Guid From(string text)
    {
        Span<byte> utf8 = stackalloc byte[512];
        Span<byte> hash = stackalloc byte[32];
        if (Encoding.UTF8.TryGetBytes(text, utf8, out var length))
            SHA256.HashData(utf8[..length], hash);
        else
            SHA256.HashData(Encoding.UTF8.GetBytes(text), hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}
