using System.Buffers.Binary;
using Google.Protobuf;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Protocol;

namespace Replicator.Storage.EventStoreDb.Streams;

/// <summary>Between our types and the protocol's.</summary>
static class Wire
{
    public const string TypeKey = "type", ContentTypeKey = "content-type", Json = "application/json", Binary = "application/octet-stream";

    public static UUID ToUuid(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return new UUID
        {
            Structured = new UUID.Types.Structured
            {
                MostSignificantBits = BinaryPrimitives.ReadInt64BigEndian(bytes),
                LeastSignificantBits = BinaryPrimitives.ReadInt64BigEndian(bytes[8..]),
            },
        };
    }

    public static Guid ToGuid(UUID id)
    {
        if (id.ValueCase == UUID.ValueOneofCase.String)
            return Guid.Parse(id.String);
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, id.Structured.MostSignificantBits);
        BinaryPrimitives.WriteInt64BigEndian(bytes[8..], id.Structured.LeastSignificantBits);
        return new Guid(bytes, bigEndian: true);
    }

    public static StreamIdentifier ToIdentifier(string stream) => new() { StreamName = ByteString.CopyFromUtf8(stream) };

    public static BatchAppendReq.Types.Options ToBatchOptions(string stream, ExpectedRevision expected)
    {
        var options = new BatchAppendReq.Types.Options { StreamIdentifier = ToIdentifier(stream) };
        if (expected == ExpectedRevision.Any)
            options.Any = new();
        else if (expected == ExpectedRevision.StreamExists)
            options.StreamExists = new();
        else if (expected == ExpectedRevision.NoStream)
            options.NoStream = new();
        else
            options.StreamPosition = (ulong)expected.Value;
        return options;
    }

    public static AppendReq.Types.Options ToAppendOptions(string stream, ExpectedRevision expected)
    {
        var options = new AppendReq.Types.Options { StreamIdentifier = ToIdentifier(stream) };
        if (expected == ExpectedRevision.Any)
            options.Any = new();
        else if (expected == ExpectedRevision.StreamExists)
            options.StreamExists = new();
        else if (expected == ExpectedRevision.NoStream)
            options.NoStream = new();
        else
            options.Revision = (ulong)expected.Value;
        return options;
    }

    /// <summary>The message of an event; it refers to the event's memory and does not copy it.</summary>
    public static BatchAppendReq.Types.ProposedMessage ToBatchMessage(in EventData data) => new()
    {
        Id = ToUuid(data.Id),
        Metadata = { [TypeKey] = data.Type, [ContentTypeKey] = data.IsJson ? Json : Binary },
        CustomMetadata = UnsafeByteOperations.UnsafeWrap(data.Metadata),
        Data = UnsafeByteOperations.UnsafeWrap(data.Data),
    };

    /// <inheritdoc cref="ToBatchMessage"/>
    public static AppendReq.Types.ProposedMessage ToAppendMessage(in EventData data) => new()
    {
        Id = ToUuid(data.Id),
        Metadata = { [TypeKey] = data.Type, [ContentTypeKey] = data.IsJson ? Json : Binary },
        CustomMetadata = UnsafeByteOperations.UnsafeWrap(data.Metadata),
        Data = UnsafeByteOperations.UnsafeWrap(data.Data),
    };

    public static StoredEvent ToStored(ReadResp.Types.ReadEvent.Types.RecordedEvent recorded) => new()
    {
        Id = ToGuid(recorded.Id),
        Stream = recorded.StreamIdentifier.StreamName.ToStringUtf8(),
        Revision = (long)recorded.StreamRevision,
        // What was appended over gRPC commits itself, so where a server (before 22.6) leaves the commit position out of a stream's read, it is the prepare position.
        Position = new LogPosition(recorded.CommitPosition == ulong.MaxValue ? recorded.PreparePosition : recorded.CommitPosition, recorded.PreparePosition),
        Type = recorded.Metadata.TryGetValue(TypeKey, out var type) ? type : "",
        Data = recorded.Data.Memory,
        Metadata = recorded.CustomMetadata.Memory,
    };
}
