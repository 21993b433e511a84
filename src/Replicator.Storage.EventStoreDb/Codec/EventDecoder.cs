using System.IO.Compression;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>Turns stored events back into what was recorded, each state byte for byte. One for each reader; not thread-safe.</summary>
/// <remarks>A patch is applied to the state of the event that it names. Read forwards that state is at hand; where it is not, that event is read, and those before it, back to a whole one.</remarks>
sealed class EventDecoder(IStreamsClient client, EventStoreDbOptions options, bool withStates, bool forwards) : IDisposable
{
    // A chain is as long as the writer's options said; more than this is a loop or damage.
    const int MaxChain = 10_000;
    const int BlocksKept = 4;

    static readonly Dictionary<string, EventType> Types = Enum.GetValues<EventType>().ToDictionary(type => type.ToString());

    readonly MetadataReader _metadata = new();
    readonly ReaderStates _states = new(options.ReaderStateBytes);
    readonly PooledBufferWriter _result = new();
    readonly LinkedList<((string Stream, long From) Key, ReadOnlyMemory<byte> Data)> _blocks = new();

    /// <summary>Decodes an event; <see langword="null"/> for one that is not ours.</summary>
    /// <exception cref="StoreCorruptException">What the event refers to is not there or does not fit.</exception>
    public async ValueTask<RecordedEvent?> DecodeAsync(StoredEvent stored, CancellationToken cancellationToken)
    {
        if (!TryRead(stored, out var type, out var read))
            return null;
        if (stored.Position.Commit != stored.Position.Prepare)
            throw Corrupt(stored, "was appended in a transaction of the old TCP protocol, which Replicator never does");
        ReadOnlyMemory<byte> state = default;
        if (withStates && read.Body.Form != BodyForm.None)
        {
            state = await StateAsync(stored, read, cancellationToken).ConfigureAwait(false);
            if (type == EventType.ObjectDeleted && forwards)
                _states.Remove(stored.Stream, read.Metadata.Object);
            else
                _states.Add(stored.Stream, stored.Revision, read.Metadata.Object, state, forwards);
        }
        return new RecordedEvent
        {
            Position = stored.Position.ToPort(),
            Stream = StreamId.FromName(stored.Stream[options.StreamNamePrefix.Length..]),
            Revision = stored.Revision,
            Id = read.Id,
            Type = type,
            Metadata = read.Metadata,
            State = state,
            Hash = read.Hash,
        };
    }

    public void Dispose() => _result.Dispose();

    bool TryRead(StoredEvent stored, out EventType type, out StoredMetadata read)
    {
        read = default;
        if (Types.TryGetValue(stored.Type, out type) && _metadata.TryRead(stored.Metadata.Span, out read))
            return true;
        EventStoreDbTelemetry.ForeignEvents.Add(1, new KeyValuePair<string, object?>("type", stored.Type));
        return false;
    }

    async ValueTask<ReadOnlyMemory<byte>> StateAsync(StoredEvent stored, StoredMetadata read, CancellationToken cancellationToken)
    {
        if (_states.TryGet(stored.Stream, stored.Revision, out var known))
            return known;
        var body = await BodyAsync(stored, read.Body, cancellationToken).ConfigureAwait(false);
        if (read.Body.Form == BodyForm.Whole)
            return body;
        if (!_states.TryGet(stored.Stream, read.Body.Base, out var from))
            from = await ReadBaseAsync(stored, read.Body.Base, cancellationToken).ConfigureAwait(false);
        return Apply(stored, from, body);
    }

    /// <summary>Reads the event that a patch refers to, and those before it that it takes to know its state.</summary>
    async ValueTask<ReadOnlyMemory<byte>> ReadBaseAsync(StoredEvent patch, long revision, CancellationToken cancellationToken)
    {
        var chain = new Stack<(StoredEvent Stored, StoredMetadata Read)>();
        var later = patch;
        ReadOnlyMemory<byte> state;
        while (true)
        {
            if (revision >= later.Revision || revision < 0 || chain.Count > MaxChain)
                throw Corrupt(later, $"refers to revision {revision}, which is not before it");
            var stored = await ReadOneAsync(later.Stream, revision, cancellationToken).ConfigureAwait(false) ?? throw Corrupt(later, $"refers to revision {revision}, which is no longer there");
            EventStoreDbTelemetry.StateReads.Add(1);
            if (!TryRead(stored, out _, out var read) || read.Body.Form == BodyForm.None)
                throw Corrupt(later, $"refers to revision {revision}, which has no state");
            chain.Push((stored, read));
            if (read.Body.Form == BodyForm.Whole)
            {
                state = default;
                break;
            }
            if (_states.TryGet(stored.Stream, read.Body.Base, out state))
                break;
            (later, revision) = (stored, read.Body.Base);
        }
        foreach (var (stored, read) in chain)
        {
            var body = await BodyAsync(stored, read.Body, cancellationToken).ConfigureAwait(false);
            state = read.Body.Form == BodyForm.Whole ? body : Apply(stored, state, body);
            if (!forwards)
                _states.Add(stored.Stream, stored.Revision, read.Metadata.Object, state, forwards);
        }
        return state;
    }

    async ValueTask<StoredEvent?> ReadOneAsync(string stream, long revision, CancellationToken cancellationToken)
    {
        await foreach (var message in client.ReadStreamAsync(stream, revision, backwards: false, 1, cancellationToken).ConfigureAwait(false))
        {
            if (message.Event is { } stored && stored.Revision == revision)
                return stored;
        }
        return null;
    }

    ReadOnlyMemory<byte> Apply(StoredEvent stored, ReadOnlyMemory<byte> from, ReadOnlyMemory<byte> patch)
    {
        _result.Clear();
        try
        {
            JsonPatch.Apply(from, patch, _result);
        }
        catch (Exception exception) when (exception is JsonPatchException or JsonFormatException)
        {
            throw Corrupt(stored, $"holds a patch that does not fit the state before it ({exception.Message})", exception);
        }
        return _result.WrittenSpan.ToArray();
    }

    async ValueTask<ReadOnlyMemory<byte>> BodyAsync(StoredEvent stored, Body body, CancellationToken cancellationToken)
    {
        var data = stored.Data;
        if (body.At is { } at)
        {
            var block = await BlockAsync(stored, at, cancellationToken).ConfigureAwait(false);
            if (at.Offset < 0 || at.Length < 0 || at.Offset > block.Length - at.Length)
                throw Corrupt(stored, $"has its body at {at.Offset} to {at.Offset + at.Length} of {block.Length} bytes of stream '{at.Stream}'");
            data = block.Slice(at.Offset, at.Length);
        }
        return body.Size > 0 ? Decompress(stored, data, body.Size) : data;
    }

    static ReadOnlyMemory<byte> Decompress(StoredEvent stored, ReadOnlyMemory<byte> data, int size)
    {
        var content = GC.AllocateUninitializedArray<byte>(size);
        try
        {
            using var gzip = new GZipStream(new MemoryStream(data.ToArray(), writable: false), CompressionMode.Decompress);
            gzip.ReadExactly(content);
            if (gzip.ReadByte() >= 0)
                throw new InvalidDataException("longer than its metadata says");
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
        {
            throw Corrupt(stored, $"has a body that cannot be decompressed ({exception.Message})", exception);
        }
        return content;
    }

    /// <summary>The joined data of the events that hold a body. Many bodies share one block, and follow one another.</summary>
    async ValueTask<ReadOnlyMemory<byte>> BlockAsync(StoredEvent stored, BodyPlace at, CancellationToken cancellationToken)
    {
        var key = (at.Stream, at.From);
        foreach (var (known, data) in _blocks)
        {
            if (known == key)
                return data;
        }
        var parts = new List<ReadOnlyMemory<byte>>(at.Count);
        await foreach (var message in client.ReadStreamAsync(at.Stream, at.From, backwards: false, at.Count, cancellationToken).ConfigureAwait(false))
        {
            if (message.Event is { } part)
                parts.Add(part.Data);
        }
        if (parts.Count != at.Count)
            throw Corrupt(stored, $"has its body in {at.Count} events of stream '{at.Stream}' from revision {at.From}, of which {parts.Count} are there");
        var block = parts.Count == 1 ? parts[0] : Join(parts);
        _blocks.AddFirst((key, block));
        if (_blocks.Count > BlocksKept)
            _blocks.RemoveLast();
        return block;
    }

    static byte[] Join(List<ReadOnlyMemory<byte>> parts)
    {
        var joined = GC.AllocateUninitializedArray<byte>(parts.Sum(part => part.Length));
        var offset = 0;
        foreach (var part in parts)
        {
            part.CopyTo(joined.AsMemory(offset));
            offset += part.Length;
        }
        return joined;
    }

    static StoreCorruptException Corrupt(StoredEvent stored, string what, Exception? inner = null) =>
        new($"Event {stored.Revision} of stream '{stored.Stream}' {what}: restore the store from a backup.", inner);
}
