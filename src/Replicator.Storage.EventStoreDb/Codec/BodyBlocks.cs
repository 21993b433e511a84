using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>Packs bodies that stand apart from their events into events of their own: readable ones together as a JSON array, a compressed one by itself, over as many events as it takes.</summary>
sealed class BodyBlocks(int limit)
{
    const string EventType = "Bodies";
    const int Reserve = 256;

    readonly List<BodyBlock> _blocks = [];
    readonly List<(int Index, ReadOnlyMemory<byte> Data)> _open = [];
    int _openLength;

    public void Add(int index, ReadOnlyMemory<byte> data, bool isJson)
    {
        if (!isJson)
        {
            var parts = new List<EventData>();
            for (var offset = 0; offset < data.Length; offset += limit - Reserve)
                parts.Add(Part(data.Slice(offset, Math.Min(limit - Reserve, data.Length - offset)), isJson: false));
            _blocks.Add(new BodyBlock(parts, [(index, 0, data.Length)]));
            return;
        }
        // Brackets and commas.
        if (_openLength + data.Length + 2 > limit - Reserve)
            Close();
        _open.Add((index, data));
        _openLength += data.Length + 1;
    }

    public IReadOnlyList<BodyBlock> Complete()
    {
        Close();
        return _blocks;
    }

    void Close()
    {
        if (_open.Count == 0)
            return;
        var joined = new byte[_openLength + 1];
        var bodies = new List<(int, int, int)>(_open.Count);
        joined[0] = (byte)'[';
        var offset = 1;
        foreach (var (index, data) in _open)
        {
            data.Span.CopyTo(joined.AsSpan(offset));
            bodies.Add((index, offset, data.Length));
            offset += data.Length;
            joined[offset++] = (byte)',';
        }
        joined[^1] = (byte)']';
        _blocks.Add(new BodyBlock([Part(joined, isJson: true)], bodies));
        _open.Clear();
        _openLength = 0;
    }

    // Random: what an attempt that failed has left is no part of this one.
    static EventData Part(ReadOnlyMemory<byte> data, bool isJson) => new(Guid.NewGuid(), EventType, isJson, data, default);
}

/// <summary>Events that hold bodies, and where in their joined data each body is.</summary>
sealed record BodyBlock(IReadOnlyList<EventData> Parts, IReadOnlyList<(int Index, int Offset, int Length)> Bodies);
