using System.Text;
using Replicator.Core.Json;

namespace Replicator.Core.Yaml;

/// <summary>Writes JSON as the YAML that kubectl prints: members in natural order, lists not indented below their name, lines folded behind 80 characters, and quotes only where YAML 1.1 would read something else.</summary>
/// <remarks>
/// The rules are those of go.yaml.in/yaml/v2, which kubectl prints with (<c>sorter.go</c>, <c>encode.go</c>, <c>emitterc.go</c>); no YAML library of .NET knows them, nor which lines belong to which field, which an annotated
/// object needs. Numbers keep their text.
/// </remarks>
public static class KubernetesYaml
{
    /// <summary>The document as YAML, with a line feed at the end of each line.</summary>
    /// <exception cref="JsonFormatException">It is not JSON.</exception>
    public static string Write(ReadOnlySpan<byte> json)
    {
        var tape = new JsonTape();
        tape.Parse(json);
        var text = new StringBuilder();
        foreach (var line in Lines(tape, tape.Root))
            text.Append(line.Text).Append('\n');
        return text.ToString();
    }

    /// <summary>The lines of a value.</summary>
    public static IReadOnlyList<YamlLine> Lines(JsonTape tape, int node)
    {
        ArgumentNullException.ThrowIfNull(tape);
        var writer = new YamlWriter(tape);
        writer.Write(node);
        return writer.Lines;
    }
}

/// <summary>A line of YAML.</summary>
/// <param name="Text">The line, without its end.</param>
/// <param name="Node">The node of the value that begins on it or, where a text goes on, the one that goes on.</param>
public readonly record struct YamlLine(string Text, int Node);
