using Replicator.Core.Json;
using Replicator.Core.Storage;
using Replicator.Core.Yaml;

namespace Replicator.Core.Questions;

/// <summary>Differences of objects as unified diffs of their YAML.</summary>
public static class DifferenceText
{
    /// <summary>The diff of an object; empty where the texts are equal.</summary>
    /// <param name="difference">The difference.</param>
    /// <param name="from">What the first line says behind the object's name.</param>
    /// <param name="to">What the second line does.</param>
    /// <param name="noise">Whether <see cref="Noise"/> is part of the texts.</param>
    public static string Unified(ObjectDifference difference, string from, string to, bool noise)
    {
        ArgumentNullException.ThrowIfNull(difference);
        var changed = difference.Object;
        var name = $"{changed.Type.GroupResource}/{(changed.Namespace.Length == 0 ? "" : $"{changed.Namespace}/")}{changed.Name}";
        return UnifiedDiff.Write(changed.Before is null ? "/dev/null" : $"{name}\t{from}", Lines(changed.Before, noise), changed.After is null ? "/dev/null" : $"{name}\t{to}", Lines(changed.After, noise));
    }

    static IReadOnlyList<string> Lines(StoredObject? held, bool noise)
    {
        if (held is not { } one)
            return [];
        var tape = new JsonTape();
        tape.Parse(one.State.Span);
        if (!noise)
        {
            using var edits = new JsonEdits();
            Hide(new JsonView(tape, tape.Root), FieldAddress.Root, edits);
            using var shown = new PooledBufferWriter();
            CanonicalJson.Write(tape, tape.Root, shown, edits);
            tape.Parse(shown.WrittenSpan);
        }
        return [.. KubernetesYaml.Lines(tape, tape.Root).Select(line => line.Text)];
    }

    static void Hide(JsonView value, FieldAddress address, JsonEdits edits)
    {
        if (value.Kind == JsonKind.Object)
        {
            foreach (var (name, member) in value.Members)
            {
                var below = address.Member(name);
                if (Noise.Is(below))
                    edits.Remove(member.Node);
                else
                    Hide(member, below, edits);
            }
        }
        else if (value.Kind == JsonKind.Array)
        {
            foreach (var (index, element) in value.Items.Index())
                Hide(element, address.Element(index), edits);
        }
    }
}
