using System.Text.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Questions;

namespace Replicator.Server.Questions;

/// <summary>The parts that answers to questions of history share.</summary>
static class QuestionJson
{
    public static void WriteType(Utf8JsonWriter json, ResourceType type, string @namespace, string name)
    {
        json.WriteString("group"u8, type.Group);
        json.WriteString("version"u8, type.Version);
        json.WriteString("resource"u8, type.Resource);
        json.WriteString("kind"u8, type.Kind);
        json.WriteString("namespace"u8, @namespace);
        json.WriteString("name"u8, name);
    }

    public static void WriteChanges(Utf8JsonWriter json, ReadOnlySpan<byte> name, IReadOnlyList<FieldChange> changes)
    {
        json.WriteStartArray(name);
        foreach (var change in changes)
        {
            json.WriteStartObject();
            json.WriteString("path"u8, change.Address.ToString());
            json.WriteString("change"u8, Word(change.Kind));
            Raw(json, "from"u8, change.From);
            Raw(json, "to"u8, change.To);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    public static void Raw(Utf8JsonWriter json, ReadOnlySpan<byte> name, string? value)
    {
        if (value is null)
            return;
        json.WritePropertyName(name);
        json.WriteRawValue(value, skipInputValidation: true);
    }

    public static void WriteStrings(Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    public static string Word<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
