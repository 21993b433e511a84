using System.Text.Encodings.Web;
using System.Text.Json;
using Replicator.Core.Events;
using Replicator.Core.Json;

namespace Replicator.Storage.Marten.Log;

/// <summary>Turns states into bodies: a patch from the object's last state where that is smaller, the whole object where it is not, or due. Not thread-safe.</summary>
sealed class BodyEncoder(long stateCacheBytes) : IDisposable
{
    /// <summary>So many patches at most lie between an event and its keyframe: what reading any one event costs.</summary>
    const int PatchesPerKeyframe = 32;

    static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
    static readonly byte[] Empty = "{}"u8.ToArray();

    readonly StateCache _states = new(stateCacheBytes);
    readonly PooledBufferWriter _patch = new(), _check = new();

    /// <summary>Encodes the event that will be at a revision of a stream.</summary>
    public (byte[] Body, long? Previous) Encode(StreamId stream, long revision, ProposedEvent proposed)
    {
        var state = proposed.State;
        if (state.IsEmpty)
        {
            if (proposed.Type == EventType.ObjectDeleted)
                _states.Remove(stream, proposed.Metadata.Object);
            return (Empty, null);
        }
        if (proposed.Metadata.Object == default || proposed.Metadata.Object.Name.Length == 0)
            return (Whole(state.Span), null);
        var last = _states.Find(stream, proposed.Metadata.Object);
        var (previous, patches) = ((long?)null, 0);
        if (last is not null && last.Patches < PatchesPerKeyframe && TryPatch(last.State, state))
            (previous, patches) = (last.Revision, last.Patches + 1);
        var body = previous is null ? Whole(state.Span) : Wrap(_patch.WrittenSpan, "patch"u8, "patchText"u8, JsonbText.Keeps(_patch.WrittenSpan));
        if (proposed.Type == EventType.ObjectDeleted)
            _states.Remove(stream, proposed.Metadata.Object);
        else
            _states.Set(stream, proposed.Metadata.Object, revision, patches, state.Span);
        return (body, previous);
    }

    /// <summary>Forgets every state: what was encoded last has not come into the store.</summary>
    public void Forget() => _states.Clear();

    public void Dispose()
    {
        _states.Dispose();
        _patch.Dispose();
        _check.Dispose();
    }

    /// <summary>Leaves a patch that is worth having, and that gives the state byte for byte, in <see cref="_patch"/>.</summary>
    bool TryPatch(ReadOnlyMemory<byte> from, ReadOnlyMemory<byte> to)
    {
        _patch.Clear();
        JsonPatch.Diff(from, to, _patch);
        if (_patch.WrittenCount > to.Length / 2)
            return false;
        // A log that cannot be read back is worth nothing: what is stored has been applied once.
        _check.Clear();
        JsonPatch.Apply(from, _patch.WrittenMemory, _check);
        return _check.WrittenSpan.SequenceEqual(to.Span);
    }

    byte[] Whole(ReadOnlySpan<byte> state) => Wrap(state, "object"u8, "objectText"u8, JsonbText.Keeps(state) && JsonbText.IsCanonical(state, _check));

    static byte[] Wrap(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name, ReadOnlySpan<byte> textName, bool isKept)
    {
        if (isKept)
        {
            var body = new byte[json.Length + name.Length + 5];
            "{\""u8.CopyTo(body);
            name.CopyTo(body.AsSpan(2));
            "\":"u8.CopyTo(body.AsSpan(2 + name.Length));
            json.CopyTo(body.AsSpan(4 + name.Length));
            body[^1] = (byte)'}';
            return body;
        }
        var output = new System.Buffers.ArrayBufferWriter<byte>(json.Length + json.Length / 4 + 64);
        using var writer = new Utf8JsonWriter(output, Options);
        writer.WriteStartObject();
        writer.WriteString(textName, json);
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenSpan.ToArray();
    }
}
