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
    static readonly EventClass[] Classes =
    [
        EventClass.Of(EventType.ObjectAdded, "object_added", json => new ObjectAdded(json)),
        EventClass.Of(EventType.ObjectModified, "object_modified", json => new ObjectModified(json)),
        EventClass.Of(EventType.ObjectDeleted, "object_deleted", json => new ObjectDeleted(json)),
        EventClass.Of(EventType.SyncStarted, "sync_started", json => new SyncStarted(json)),
        EventClass.Of(EventType.SyncCompleted, "sync_completed", json => new SyncCompleted(json)),
        EventClass.Of(EventType.Progressed, "progressed", json => new Progressed(json)),
        EventClass.Of(EventType.GapObserved, "gap_observed", json => new GapObserved(json)),
        EventClass.Of(EventType.DiscoveryObserved, "discovery_observed", json => new DiscoveryObserved(json)),
        EventClass.Of(EventType.RulesObserved, "rules_observed", json => new RulesObserved(json)),
    ];

    public ReadOnlyMemory<byte> Json { get; } = json;

    /// <summary>All of them, for Marten to know.</summary>
    public static IReadOnlyList<EventClass> All => Classes;

    /// <summary>How Marten calls events of a type.</summary>
    public static EventClass Of(EventType type) => Array.Find(Classes, one => one.Type == type) ?? throw new ArgumentOutOfRangeException(nameof(type), type, "Unknown event type.");

    /// <summary>The type of a name; <see langword="default"/> where there is none.</summary>
    public static EventType TypeOf(string name) => Array.Find(Classes, one => one.Name == name)?.Type ?? default;
}

/// <summary>What Marten knows of a type of event.</summary>
/// <param name="Type">Our type.</param>
/// <param name="Name">What stands in <c>mt_events.type</c>.</param>
/// <param name="DotNetType">What stands in <c>mt_events.mt_dotnet_type</c>.</param>
/// <param name="Converter">Hands bodies to Marten's serializer and takes them from it.</param>
/// <param name="Wrap">An event of Marten's around a body.</param>
sealed record EventClass(EventType Type, string Name, string DotNetType, JsonConverter Converter, Func<ReadOnlyMemory<byte>, JasperFx.Events.IEvent> Wrap)
{
    /// <summary>The class.</summary>
    public required Type Class { get; init; }

    public static EventClass Of<T>(EventType type, string name, Func<ReadOnlyMemory<byte>, T> create) where T : EventBody =>
        new(type, name, $"{typeof(T).FullName}, {typeof(T).Assembly.GetName().Name}", new EventBodyConverter<T>(create), json => new JasperFx.Events.Event<T>(create(json))) { Class = typeof(T) };
}

sealed class ObjectAdded(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class ObjectModified(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class ObjectDeleted(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class SyncStarted(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class SyncCompleted(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class Progressed(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class GapObserved(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class DiscoveryObserved(ReadOnlyMemory<byte> json) : EventBody(json);

sealed class RulesObserved(ReadOnlyMemory<byte> json) : EventBody(json);

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
