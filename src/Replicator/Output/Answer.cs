using System.Text.Json;
using Replicator.Core.Json;
using Replicator.Core.Yaml;

namespace Replicator.Output;

/// <summary>The API's answers as JSON and YAML.</summary>
static class Answer
{
    /// <summary>Prints a document: JSON on one line, YAML as kubectl would write it.</summary>
    public static void Write(Screen screen, OutputFormat format, ReadOnlySpan<byte> json)
    {
        if (format == OutputFormat.Yaml)
            screen.Write(KubernetesYaml.Write(json));
        else
            screen.Line(System.Text.Encoding.UTF8.GetString(json));
    }

    /// <summary>Prints one of several: JSON a line each, YAML a document each.</summary>
    public static void WriteOne(Screen screen, OutputFormat format, string json)
    {
        if (format == OutputFormat.Yaml)
            screen.Line("---");
        Write(screen, format, System.Text.Encoding.UTF8.GetBytes(json));
    }

    /// <summary>Prints a Kubernetes object as <c>kubectl get -o</c> does.</summary>
    public static void WriteObject(Screen screen, OutputFormat format, ReadOnlySpan<byte> json, bool showManagedFields)
    {
        var tape = new JsonTape();
        tape.Parse(json);
        using var edits = new JsonEdits();
        if (!showManagedFields && tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata) && tape.TryGetProperty(metadata, "managedFields"u8, out var managed))
            edits.Remove(managed);
        using var output = new PooledBufferWriter();
        CanonicalJson.Write(tape, tape.Root, output, edits);
        if (format == OutputFormat.Yaml)
        {
            Write(screen, format, output.WrittenSpan);
            return;
        }
        using var document = JsonDocument.Parse(output.WrittenMemory);
        screen.Line(JsonSerializer.Serialize(document.RootElement, Indented));
    }

    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 4, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Says on standard error what an answer rests on, where that is not all observed.</summary>
    public static void Warn(JsonElement answer)
    {
        if (!answer.TryGetProperty("warnings", out var warnings))
            return;
        foreach (var warning in warnings.EnumerateArray())
            Console.Error.WriteLine($"Warning: {warning.GetString()}");
    }
}
