using Replicator.Core.Json;

namespace Replicator.Core.Projecting;

/// <summary>What an object is selected by: its labels and the uids of its owners. Many objects and most versions share one, so that a projection's index over them grows with the sets that exist.</summary>
/// <param name="Labels">The labels.</param>
/// <param name="Owners">The owners' uids.</param>
public sealed record Facet(IReadOnlyDictionary<string, string> Labels, IReadOnlyList<string> Owners)
{
    /// <summary>Writes the facet of a state as the bytes that are its identity: the labels, then, behind a line feed (which canonical JSON never holds), the owner references.</summary>
    public static void Write(JsonTape tape, PooledBufferWriter content)
    {
        if (!tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata))
            return;
        if (tape.TryGetProperty(metadata, "labels"u8, out var labels))
            content.Write(tape.RawText(labels));
        if (tape.TryGetProperty(metadata, "ownerReferences"u8, out var owners))
        {
            content.WriteByte((byte)'\n');
            content.Write(tape.RawText(owners));
        }
    }

    /// <summary>Reads such bytes.</summary>
    public static Facet Read(ReadOnlySpan<byte> content)
    {
        var (labels, owners) = (new Dictionary<string, string>(), new List<string>());
        var end = content.IndexOf((byte)'\n');
        var tape = new JsonTape();
        var first = end < 0 ? content : content[..end];
        if (!first.IsEmpty)
        {
            tape.Parse(first);
            if (tape.Kind(tape.Root) == JsonKind.Object)
            {
                foreach (var member in tape.Members(tape.Root))
                {
                    if (tape.Kind(member.Value) == JsonKind.String)
                        labels[tape.GetString(member.Name)] = tape.GetString(member.Value);
                }
            }
        }
        if (end >= 0)
        {
            tape.Parse(content[(end + 1)..]);
            if (tape.Kind(tape.Root) == JsonKind.Array)
            {
                foreach (var owner in tape.Elements(tape.Root))
                {
                    if (tape.Kind(owner) == JsonKind.Object && tape.TryGetProperty(owner, "uid"u8, out var uid) && tape.Kind(uid) == JsonKind.String)
                        owners.Add(tape.GetString(uid));
                }
            }
        }
        return new Facet(labels, owners);
    }
}
