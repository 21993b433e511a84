namespace Replicator.Storage.EventStoreDb.Streams;

/// <summary>An event to append. The memory must stay as it is until the append has returned.</summary>
readonly record struct EventData(Guid Id, string Type, bool IsJson, ReadOnlyMemory<byte> Data, ReadOnlyMemory<byte> Metadata)
{
    /// <summary>What the server counts against its largest append, rounded up.</summary>
    public int Size => Data.Length + Metadata.Length + Type.Length * 2 + Overhead;

    /// <summary>The id, lengths and map entries that surround an event on the wire.</summary>
    const int Overhead = 96;
}
