using Replicator.Core.Json;

namespace Replicator.Core.Kubernetes;

/// <summary>What every object says of itself in its metadata.</summary>
public readonly record struct ObjectHeader(ObjectIdentity Object, string ResourceVersion)
{
    /// <summary>Reads it from a parsed object.</summary>
    /// <exception cref="FormatException">The object lacks a name, uid or resource version: nothing that an API server stores does.</exception>
    public static ObjectHeader Read(JsonTape tape, int node)
    {
        if (!tape.TryGetProperty(node, "metadata"u8, out var metadata) || tape.Kind(metadata) != JsonKind.Object)
            throw new FormatException("The object has no metadata.");
        var identity = new ObjectIdentity(Text(tape, metadata, "namespace"u8) ?? "", Required(tape, metadata, "name"u8, "name"), Required(tape, metadata, "uid"u8, "uid"));
        return new(identity, Required(tape, metadata, "resourceVersion"u8, "resourceVersion"));
    }

    static string Required(JsonTape tape, int metadata, ReadOnlySpan<byte> utf8, string name) =>
        Text(tape, metadata, utf8) is { Length: > 0 } text ? text : throw new FormatException($"The object has no metadata.{name}.");

    static string? Text(JsonTape tape, int node, ReadOnlySpan<byte> name) =>
        tape.TryGetProperty(node, name, out var value) && tape.Kind(value) == JsonKind.String ? tape.GetString(value) : null;
}
