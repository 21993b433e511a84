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

    readonly StateCache _states = new(stateCacheBytes);
    readonly JsonTape _from = new(), _to = new();
    readonly PooledBufferWriter _patch = new(), _check = new();
    readonly Utf8JsonWriter _writer = new(Stream.Null, Options);

    /// <summary>Writes the body of the event that will be at a revision of a stream, and returns the revision whose state it is a patch from; null where it is none.</summary>
    public long? Encode(StreamId stream, long revision, ProposedEvent proposed, PooledBufferWriter body)
    {
        var state = proposed.State;
        if (state.IsEmpty)
        {
            if (proposed.Type == EventType.ObjectDeleted)
                _states.Remove(stream, proposed.Metadata.Object);
            body.Write("{}"u8);
            return null;
        }
        if (proposed.Metadata.Object == default || proposed.Metadata.Object.Name.Length == 0)
        {
            Whole(state.Span, body);
            return null;
        }
        var last = _states.Find(stream, proposed.Metadata.Object);
        var (previous, patches) = ((long?)null, 0);
        if (last is not null && last.Patches < PatchesPerKeyframe && TryPatch(last.State, state))
            (previous, patches) = (last.Revision, last.Patches + 1);
        if (previous is null)
            Whole(state.Span, body);
        else
            Wrap(_patch.WrittenSpan, "patch"u8, "patchText"u8, JsonbText.Keeps(_patch.WrittenSpan), body);
        if (proposed.Type == EventType.ObjectDeleted)
            _states.Remove(stream, proposed.Metadata.Object);
        else
            _states.Set(stream, proposed.Metadata.Object, revision, patches, state.Span);
        return previous;
    }

    /// <summary>Forgets every state: what was encoded last has not come into the store.</summary>
    public void Forget() => _states.Clear();

    public void Dispose()
    {
        _states.Dispose();
        _patch.Dispose();
        _check.Dispose();
        _writer.Dispose();
    }

    /// <summary>Leaves a patch that is worth having, and that gives the state byte for byte, in <see cref="_patch"/>.</summary>
    bool TryPatch(ReadOnlyMemory<byte> from, ReadOnlyMemory<byte> to)
    {
        _from.Parse(from);
        _to.Parse(to);
        _patch.Clear();
        JsonPatch.Diff(_from, _from.Root, _to, _to.Root, _patch);
        if (_patch.WrittenCount > to.Length / 2)
            return false;
        // A log that cannot be read back is worth nothing: what is stored has been applied once.
        _check.Clear();
        JsonPatch.Apply(_from, _from.Root, _patch.WrittenMemory, _check);
        return _check.WrittenSpan.SequenceEqual(to.Span);
    }

    void Whole(ReadOnlySpan<byte> state, PooledBufferWriter body) => Wrap(state, "object"u8, "objectText"u8, JsonbText.Keeps(state) && JsonbText.IsCanonical(state, _check), body);

    void Wrap(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name, ReadOnlySpan<byte> textName, bool isKept, PooledBufferWriter body)
    {
        if (isKept)
        {
            body.Write("{\""u8);
            body.Write(name);
            body.Write("\":"u8);
            body.Write(json);
            body.WriteByte((byte)'}');
            return;
        }
        _writer.Reset(body);
        _writer.WriteStartObject();
        _writer.WriteString(textName, json);
        _writer.WriteEndObject();
        _writer.Flush();
    }
}
