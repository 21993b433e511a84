using System.Text.Json;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>Strings that come again and again (types, namespaces, names), by their UTF-8 text, so that an event does not allocate them anew. A newcomer takes the place of whatever was in its slot. Not thread-safe.</summary>
sealed class StringPool
{
    const int Slots = 4096;
    const int MaxLength = 128;

    readonly (byte[] Utf8, string Text)[] _slots = new (byte[], string)[Slots];

    public string Get(ref Utf8JsonReader reader)
    {
        if (reader.ValueIsEscaped || reader.HasValueSequence || reader.ValueSpan.Length > MaxLength)
            return reader.GetString()!;
        var utf8 = reader.ValueSpan;
        if (utf8.IsEmpty)
            return "";
        var hash = new HashCode();
        hash.AddBytes(utf8);
        ref var slot = ref _slots[hash.ToHashCode() & (Slots - 1)];
        if (slot.Utf8 is null || !utf8.SequenceEqual(slot.Utf8))
            slot = (utf8.ToArray(), reader.GetString()!);
        return slot.Text;
    }
}
