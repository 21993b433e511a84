using System.Text;
using Replicator.Core.Json;

namespace Replicator.KubeApi;

/// <summary>Gives an object another resource version: that of its deletion, or of the change by which a selector lost it.</summary>
static class VersionEdit
{
    public static byte[] Apply(ReadOnlyMemory<byte> state, string version)
    {
        var tape = new JsonTape();
        tape.Parse(state);
        if (!tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata) || tape.Kind(metadata) != JsonKind.Object)
            return state.ToArray();
        using var edits = new JsonEdits();
        using var output = new PooledBufferWriter();
        edits.AddMember(metadata, "resourceVersion"u8, Encoding.UTF8.GetBytes($"\"{version}\""));
        CanonicalJson.Write(tape, tape.Root, output, edits);
        return output.WrittenSpan.ToArray();
    }
}
