using System.Text.Json;

namespace Replicator.TestKit.Rabbit;

/// <summary>A change as a subscriber gets it.</summary>
/// <param name="RoutingKey">The key by which it was routed.</param>
/// <param name="Id">The message's id.</param>
/// <param name="ContentType">What its body is.</param>
/// <param name="Persistent">Whether it survives the broker.</param>
/// <param name="Headers">Its headers that are texts.</param>
/// <param name="Body">The change.</param>
public sealed record RabbitMessage(string RoutingKey, string? Id, string? ContentType, bool Persistent, IReadOnlyDictionary<string, string> Headers, JsonElement Body)
{
    /// <summary>Its place in the log.</summary>
    public long Position => Body.GetProperty("position").GetInt64();

    /// <summary>Its place in its stream.</summary>
    public long Revision => Body.GetProperty("revision").GetInt64();

    /// <summary>What it is about: those of one object are in order.</summary>
    public string Object => $"{Body.GetProperty("stream").GetString()} {Body.GetProperty("namespace").GetString()}/{Body.GetProperty("name").GetString()}";

    /// <summary>What happened.</summary>
    public string Type => Body.GetProperty("type").GetString()!;
}
