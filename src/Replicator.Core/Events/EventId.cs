using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;

namespace Replicator.Core.Events;

/// <summary>Deterministic event ids (RFC 9562 version 8): the same change always has the same id.</summary>
public static class EventId
{
    const int UsualLength = 512;

    /// <summary>The id of an object's change: from cluster, uid, resource version, epoch and type.</summary>
    public static Guid ForObject(string cluster, string uid, string resourceVersion, int epoch, EventType type)
    {
        Span<byte> utf8 = stackalloc byte[UsualLength];
        return Utf8.TryWrite(utf8, CultureInfo.InvariantCulture, $"{cluster}\n{uid}\n{resourceVersion}\n{epoch}\n{(int)type}", out var length)
            ? From(utf8[..length])
            : From(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{cluster}\n{uid}\n{resourceVersion}\n{epoch}\n{(int)type}")));
    }

    /// <summary>The id of an event about the observer, which has no uid: from its intended place.</summary>
    public static Guid ForPlace(StreamId stream, long revision, EventType type)
    {
        Span<byte> utf8 = stackalloc byte[UsualLength];
        return Utf8.TryWrite(utf8, CultureInfo.InvariantCulture, $"{stream.Name}\n{revision}\n{(int)type}", out var length)
            ? From(utf8[..length])
            : From(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{stream.Name}\n{revision}\n{(int)type}")));
    }

    /// <summary>The id that an event has unless its writer chose another: that of its object's change, or else of its place.</summary>
    public static Guid Derive(StreamId stream, long revision, EventType type, EventMetadata metadata) =>
        metadata.Object.Uid.Length > 0
            ? ForObject(metadata.Cluster, metadata.Object.Uid, metadata.ResourceVersion, metadata.Epoch, type)
            : ForPlace(stream, revision, type);

    static Guid From(ReadOnlySpan<byte> utf8)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8, hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}
