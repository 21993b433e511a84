using System.Text;
using Replicator.Core.Json;

namespace Replicator.Storage.Marten.Log;

/// <summary>Turns a body (see <see cref="EventBody"/>) into the state that it stands for. Not thread-safe.</summary>
sealed class BodyDecoder
{
    readonly JsonTape _tape = new();
    byte[] _scratch = [];

    /// <param name="body">The text that the store gave back.</param>
    /// <param name="from">The state that a patch starts from.</param>
    /// <param name="state">Receives the state.</param>
    /// <exception cref="JsonFormatException">The body is no JSON.</exception>
    /// <exception cref="JsonPatchException">The patch does not fit.</exception>
    public void Decode(ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> from, PooledBufferWriter state)
    {
        _tape.Parse(body);
        if (_tape.TryGetProperty(_tape.Root, "object"u8, out var node))
            CanonicalJson.Write(_tape, node, state);
        else if (_tape.TryGetProperty(_tape.Root, "objectText"u8, out node))
            state.Write(Text(node).Span);
        else if (_tape.TryGetProperty(_tape.Root, "patch"u8, out node))
            JsonPatch.Apply(from, Copy(_tape.RawText(node)), state);
        else if (_tape.TryGetProperty(_tape.Root, "patchText"u8, out node))
            JsonPatch.Apply(from, Text(node), state);
        else
            throw new InvalidOperationException($"it holds neither an object nor a patch but '{Encoding.UTF8.GetString(body.Span[..Math.Min(body.Length, 80)])}'");
    }

    ReadOnlyMemory<byte> Text(int node)
    {
        var raw = _tape.RawText(node);
        Reserve(raw.Length);
        var text = _tape.StringBytes(node, _scratch);
        return text.Overlaps(_scratch) ? _scratch.AsMemory(0, text.Length) : Copy(text);
    }

    Memory<byte> Copy(ReadOnlySpan<byte> text)
    {
        Reserve(text.Length);
        text.CopyTo(_scratch);
        return _scratch.AsMemory(0, text.Length);
    }

    void Reserve(int length)
    {
        if (_scratch.Length < length)
            _scratch = new byte[Math.Max(length, 4096)];
    }
}
