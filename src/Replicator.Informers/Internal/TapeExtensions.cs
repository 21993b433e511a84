using System.Globalization;
using Replicator.Core.Json;

namespace Replicator.Informers;

static class TapeExtensions
{
    /// <summary>The member's text; null where it is absent, empty or no string.</summary>
    public static string? Text(this JsonTape tape, int node, ReadOnlySpan<byte> name) =>
        tape.TryGetProperty(node, name, out var value) && tape.Kind(value) == JsonKind.String && tape.GetString(value) is { Length: > 0 } text ? text : null;

    /// <summary>The member's value where it is a whole number.</summary>
    public static int? Number(this JsonTape tape, int node, ReadOnlySpan<byte> name) =>
        tape.TryGetProperty(node, name, out var value) && int.TryParse(tape.RawText(value), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The elements of the member where it is an array; else none.</summary>
    public static JsonElements Elements(this JsonTape tape, int node, ReadOnlySpan<byte> name) =>
        tape.TryGetProperty(node, name, out var value) && tape.Kind(value) == JsonKind.Array ? tape.Elements(value) : default;
}
