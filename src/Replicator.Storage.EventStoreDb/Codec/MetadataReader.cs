using System.Text.Json;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>Reads what <see cref="MetadataWriter"/> writes. Not thread-safe.</summary>
sealed class MetadataReader
{
    const int HashesPerBlock = 128;

    static readonly Dictionary<string, Provenance> Provenances = Enum.GetValues<Provenance>().ToDictionary(EventNames.Of);

    readonly StringPool _strings = new();
    ResourceType _type = new("", "", "", "", false);
    byte[] _hashes = [];
    int _hashesUsed;

    /// <summary>Reads an event's metadata; <see langword="false"/> where it is not ours.</summary>
    /// <exception cref="StoreCorruptException">It is ours, but of a later version.</exception>
    public bool TryRead(ReadOnlySpan<byte> json, out StoredMetadata stored)
    {
        stored = default;
        try
        {
            var reader = new Utf8JsonReader(json);
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject && TryRead(ref reader, out stored);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            // Others may put anything into their events.
            return false;
        }
    }

    bool TryRead(ref Utf8JsonReader reader, out StoredMetadata stored)
    {
        stored = default;
        var (schema, epoch, id) = (0, 0, default(Guid));
        string cluster = "", group = "", version = "", resource = "", kind = "", @namespace = "", name = "", uid = "", resourceVersion = "";
        string? gapFrom = null, reason = null, traceParent = null;
        var namespaced = false;
        DateTimeOffset observedAt = default;
        DateTimeOffset? gapFromTime = null;
        Provenance? provenance = null;
        ReadOnlyMemory<byte>? hash = null;
        var body = Body.None;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = reader.ValueSpan;
            switch (member.Length)
            {
                case 2 when member.SequenceEqual("id"u8):
                    reader.Read();
                    id = reader.GetGuid();
                    break;
                case 2 when member.SequenceEqual("at"u8):
                    body = body with { At = ReadPlace(ref reader) };
                    break;
                case 3 when member.SequenceEqual("uid"u8):
                    uid = Text(ref reader);
                    break;
                case 4 when member.SequenceEqual("name"u8):
                    name = Text(ref reader);
                    break;
                case 4 when member.SequenceEqual("kind"u8):
                    kind = Text(ref reader);
                    break;
                case 4 when member.SequenceEqual("hash"u8):
                    reader.Read();
                    hash = Hash(reader.ValueSpan);
                    break;
                case 4 when member.SequenceEqual("body"u8):
                    reader.Read();
                    body = body with { Form = reader.ValueTextEquals("whole"u8) ? BodyForm.Whole : reader.ValueTextEquals("patch"u8) ? BodyForm.Patch : throw new FormatException() };
                    break;
                case 4 when member.SequenceEqual("base"u8):
                    reader.Read();
                    body = body with { Base = reader.GetInt64() };
                    break;
                case 4 when member.SequenceEqual("size"u8):
                    reader.Read();
                    body = body with { Size = reader.GetInt32() };
                    break;
                case 5 when member.SequenceEqual("group"u8):
                    group = Text(ref reader);
                    break;
                case 5 when member.SequenceEqual("epoch"u8):
                    reader.Read();
                    epoch = reader.GetInt32();
                    break;
                case 5 when member.SequenceEqual("depth"u8):
                    reader.Read();
                    body = body with { Depth = reader.GetInt32() };
                    break;
                case 6 when member.SequenceEqual("schema"u8):
                    reader.Read();
                    schema = reader.GetInt32();
                    break;
                case 6 when member.SequenceEqual("reason"u8):
                    reader.Read();
                    reason = reader.GetString();
                    break;
                case 7 when member.SequenceEqual("cluster"u8):
                    cluster = Text(ref reader);
                    break;
                case 7 when member.SequenceEqual("version"u8):
                    version = Text(ref reader);
                    break;
                case 7 when member.SequenceEqual("gapFrom"u8):
                    reader.Read();
                    gapFrom = reader.GetString();
                    break;
                case 8 when member.SequenceEqual("resource"u8):
                    resource = Text(ref reader);
                    break;
                case 8 when member.SequenceEqual("encoding"u8):
                    reader.Read();
                    if (!reader.ValueTextEquals("gzip"u8))
                        throw new StoreCorruptException($"An event's body has the encoding '{reader.GetString()}', which is not known: the log was written by a newer Replicator; upgrade this one.");
                    break;
                case 9 when member.SequenceEqual("namespace"u8):
                    @namespace = Text(ref reader);
                    break;
                case 10 when member.SequenceEqual("namespaced"u8):
                    reader.Read();
                    namespaced = reader.GetBoolean();
                    break;
                case 10 when member.SequenceEqual("observedAt"u8):
                    observedAt = Time(ref reader);
                    break;
                case 10 when member.SequenceEqual("provenance"u8):
                    if (Provenances.TryGetValue(Text(ref reader), out var known))
                        provenance = known;
                    break;
                case 11 when member.SequenceEqual("gapFromTime"u8):
                    gapFromTime = Time(ref reader);
                    break;
                case 11 when member.SequenceEqual("traceparent"u8):
                    reader.Read();
                    traceParent = reader.GetString();
                    break;
                case 15 when member.SequenceEqual("resourceVersion"u8):
                    reader.Read();
                    resourceVersion = reader.GetString()!;
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        if (schema > EventMetadata.CurrentSchemaVersion)
            throw new StoreCorruptException($"An event has the schema version {schema}, this Replicator knows {EventMetadata.CurrentSchemaVersion}: the log was written by a newer one; upgrade this one.");
        if (schema == 0 || hash is null || provenance is null || resource.Length == 0)
            return false;
        var metadata = new EventMetadata
        {
            Cluster = cluster,
            Type = Type(group, version, resource, kind, namespaced),
            Object = new ObjectIdentity(@namespace, name, uid),
            ResourceVersion = resourceVersion,
            ObservedAt = observedAt,
            Provenance = provenance.Value,
            Epoch = epoch,
            GapFrom = gapFrom,
            GapFromTime = gapFromTime,
            Reason = reason,
            TraceParent = traceParent,
        };
        stored = new StoredMetadata(id, metadata, hash.Value, body);
        return true;
    }

    static BodyPlace ReadPlace(ref Utf8JsonReader reader)
    {
        reader.Read();
        var (stream, from, count, offset, length) = ("", 0L, 0, 0, 0);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("stream"u8) && reader.Read())
                stream = reader.GetString()!;
            else if (reader.ValueTextEquals("from"u8) && reader.Read())
                from = reader.GetInt64();
            else if (reader.ValueTextEquals("count"u8) && reader.Read())
                count = reader.GetInt32();
            else if (reader.ValueTextEquals("offset"u8) && reader.Read())
                offset = reader.GetInt32();
            else if (reader.ValueTextEquals("length"u8) && reader.Read())
                length = reader.GetInt32();
            else
                reader.Skip();
        }
        return new BodyPlace(stream, from, count, offset, length);
    }

    string Text(ref Utf8JsonReader reader)
    {
        reader.Read();
        return _strings.Get(ref reader);
    }

    // A stream has one type, so that the last one is nearly always the next.
    ResourceType Type(string group, string version, string resource, string kind, bool namespaced) =>
        _type.Group == group && _type.Version == version && _type.Resource == resource && _type.Kind == kind && _type.Namespaced == namespaced
            ? _type
            : _type = new ResourceType(group, version, resource, kind, namespaced);

    ReadOnlyMemory<byte> Hash(ReadOnlySpan<byte> hex)
    {
        if (_hashesUsed + HashChain.HashLength > _hashes.Length)
            (_hashes, _hashesUsed) = (new byte[HashesPerBlock * HashChain.HashLength], 0);
        var hash = _hashes.AsMemory(_hashesUsed, HashChain.HashLength);
        if (hex.Length != HashChain.HashLength * 2 || Convert.FromHexString(hex, hash.Span, out _, out _) != System.Buffers.OperationStatus.Done)
            throw new FormatException();
        _hashesUsed += HashChain.HashLength;
        return hash;
    }

    static DateTimeOffset Time(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TryGetDateTimeOffset(out var time) ? time : throw new FormatException();
    }
}
