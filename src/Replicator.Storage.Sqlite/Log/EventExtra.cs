using System.Text.Json;
using System.Text.Json.Serialization;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>What few events have, as JSON.</summary>
sealed record EventExtra
{
    /// <summary>The lower bound of a gap.</summary>
    public string? GapFrom { get; init; }
    /// <summary>Its time, in microseconds.</summary>
    public long? GapFromTime { get; init; }
    /// <summary>Why.</summary>
    public string? Reason { get; init; }
    /// <summary>An id that does not follow from the rest of the row.</summary>
    public Guid? Id { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, EventExtraContext.Default.EventExtra);

    public static EventExtra FromJson(string json) => JsonSerializer.Deserialize(json, EventExtraContext.Default.EventExtra)!;
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(EventExtra))]
sealed partial class EventExtraContext : JsonSerializerContext;
