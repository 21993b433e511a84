using System.Text.Json;
using System.Text.Json.Serialization;
using Replicator.Core.Events;

namespace Replicator.Storage.Marten.Log;

/// <summary>What stands in <c>mt_events.data</c>: JSON that is encoded already. Marten names an event's type after its class.</summary>
/// <remarks>
/// <c>{"object": ...}</c> is a keyframe, <c>{"patch": [...]}</c> an RFC 6902 patch from the state that the header <c>previous</c> names, <c>{}</c> an event without a state. <c>objectText</c> and
/// <c>patchText</c> hold the same as the text of a string, where <c>jsonb</c> would not give it back as it was (see <see cref="JsonbText"/>).
/// </remarks>
abstract class EventBody(ReadOnlyMemory<byte> json)
{
    static readonly (EventType Type, string Name)[] Names =
    [
        (EventType.ObjectAdded, "object_added"),
        (EventType.ObjectModified, "object_modified"),
        (EventType.ObjectDeleted, "object_deleted"),
        (EventType.SyncStarted, "sync_started"),
        (EventType.SyncCompleted, "sync_completed"),
        (EventType.Progressed, "progressed"),
        (EventType.GapObserved, "gap_observed"),
        (EventType.DiscoveryObserved, "discovery_observed"),
    ];

    public ReadOnlyMemory<byte> Json { get; } = json;

    public static string NameOf(EventType type) => Array.Find(Names, pair => pair.Type == type).Name ?? throw new ArgumentOutOfRangeException(nameof(type), type, "Unknown event type.");

    public static EventType TypeOf(string name) => Array.Find(Names, pair => pair.Name == name).Type;

    /// <summary>An event of Marten's around a body.</summary>
    public static JasperFx.Events.IEvent Wrap(EventType type, ReadOnlyMemory<byte> json) => type switch
    {
        EventType.ObjectAdded => new JasperFx.Events.Event<ObjectAdded>(new(json)),
        EventType.ObjectModified => new JasperFx.Events.Event<ObjectModified>(new(json)),
        EventType.ObjectDeleted => new JasperFx.Events.Event<ObjectDeleted>(new(json)),
        EventType.SyncStarted => new JasperFx.Events.Event<SyncStarted>(new(json)),
        EventType.SyncCompleted => new JasperFx.Events.Event<SyncCompleted>(new(json)),
        EventType.Progressed => new JasperFx.Events.Event<Progressed>(new(json)),
        EventType.GapObserved => new JasperFx.Events.Event<GapObserved>(new(json)),
        EventType.DiscoveryObserved => new JasperFx.Events.Event<DiscoveryObserved>(new(json)),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Unknown event type."),
    };
}

sealed class ObjectAdded(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class ObjectModified(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class ObjectDeleted(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class SyncStarted(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class SyncCompleted(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class Progressed(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class GapObserved(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class DiscoveryObserved(ReadOnlyMemory<byte> json) : EventBody(json);

/// <summary>Hands an encoded body to Marten's serializer, and takes one from it where somebody reads the log with Marten itself.</summary>
sealed class EventBodyConverter<T>(Func<ReadOnlyMemory<byte>, T> create) : JsonConverter<T> where T : EventBody
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        return create(System.Text.Encoding.UTF8.GetBytes(document.RootElement.GetRawText()));
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteRawValue(value.Json.Span, skipInputValidation: true);
}
