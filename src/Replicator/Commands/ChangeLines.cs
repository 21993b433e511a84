using System.Text.Json;
using Replicator.Core.Questions;
using Replicator.Output;

namespace Replicator.Commands;

/// <summary>Changes of fields, a line each.</summary>
static class ChangeLines
{
    public static void Write(Screen screen, JsonElement change)
    {
        var path = change.GetProperty("path").GetString();
        string Value(string side) => ChangeText.Value(change.TryGetProperty(side, out var value) ? value.GetRawText() : null);
        screen.Line(change.GetProperty("change").GetString() switch
        {
            "added" => screen.Coloured($"  + {path}: {Value("to")}", ScreenColour.Green),
            "removed" => screen.Coloured($"  - {path}: {Value("from")}", ScreenColour.Red),
            "reordered" => $"    {path}: order {Value("from")} -> {Value("to")}",
            _ => $"    {path}: {screen.Coloured(Value("from"), ScreenColour.Red)} -> {screen.Coloured(Value("to"), ScreenColour.Green)}",
        });
    }
}
