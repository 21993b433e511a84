using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Replicator.Core.Json;

/// <summary>Writes one value of a tape in canonical form into memory that is known to be large enough.</summary>
unsafe ref struct CanonicalWriter
{
    /// <summary>Room that the destination must have behind the text, because short runs are copied as one whole vector.</summary>
    public const int Slack = 32;

    readonly JsonTape _tape;
    readonly JsonToken[] _tokens;
    readonly JsonEdits? _edits;
    readonly SortedMembers _members;
    readonly byte* _text;
    readonly byte* _start;
    readonly byte* _end;
    byte* _out;

    CanonicalWriter(JsonTape tape, JsonEdits? edits, SortedMembers members, byte* text, byte* destination, int length)
    {
        _tape = tape;
        _tokens = tape.Tokens;
        _edits = edits;
        _members = members;
        _text = text;
        _start = destination;
        _end = destination + length;
        _out = destination;
    }

    /// <summary>Writes and returns the number of bytes; the destination has <see cref="Slack"/> more than that.</summary>
    public static int Write(JsonTape tape, int node, JsonEdits? edits, SortedMembers members, Span<byte> destination)
    {
        fixed (byte* text = tape.PaddedText)
        fixed (byte* to = destination)
        {
            var writer = new CanonicalWriter(tape, edits, members, text, to, destination.Length);
            if (edits is not null && edits.TryGet(node, out var edit) && edit.Kind == JsonEdits.EditKind.Remove)
                throw new InvalidOperationException("The value to write is itself removed by an edit; skip the write instead.");
            writer.WriteValue(node);
            return (int)(writer._out - writer._start);
        }
    }

    void WriteValue(int node)
    {
        ref readonly var token = ref _tokens[node];
        if (_edits is not null && _edits.Touches(node, token.Next))
        {
            WriteEdited(node);
            return;
        }
        if (token.IsCanonical)
        {
            Copy(token.Start, token.Length);
            return;
        }
        switch (token.Kind)
        {
            case JsonKind.String:
                WriteString(node);
                break;
            case JsonKind.Array:
                WriteElements(node + 1, token.Next);
                break;
            default:
                WriteObject(node);
                break;
        }
    }

    void WriteEdited(int node)
    {
        Debug.Assert(_edits is not null);
        if (_edits.TryGet(node, out var edit) && edit.Kind == JsonEdits.EditKind.Replace)
        {
            Copy(_edits.Value(edit));
            return;
        }
        ref readonly var token = ref _tokens[node];
        var first = _edits.LowerBound(node);
        if (token.Kind != JsonKind.Object && first < _edits.Count && _edits.All[first].Node == node)
            throw new InvalidOperationException($"An edit adds a member to a value of kind {token.Kind}, at node {node}; only objects have members.");
        if (token.Kind == JsonKind.Array)
            WriteElements(node + 1, token.Next);
        else
            WriteObject(node);
    }

    void WriteElements(int element, int end)
    {
        *_out++ = (byte)'[';
        var first = true;
        for (; element < end; element = _tokens[element].Next)
        {
            if (IsRemoved(element))
                continue;
            if (!first)
                *_out++ = (byte)',';
            first = false;
            WriteValue(element);
        }
        *_out++ = (byte)']';
    }

    void WriteObject(int node)
    {
        *_out++ = (byte)'{';
        ref readonly var token = ref _tokens[node];
        var first = true;
        if (token.IsSorted && _edits is null)
        {
            for (var name = node + 1; name < token.Next; name = _tokens[name + 1].Next)
            {
                if (!first)
                    *_out++ = (byte)',';
                first = false;
                WriteMember(name);
            }
        }
        else
        {
            // The list may move when a child pushes its own, so it is read by index.
            var start = _members.Top;
            var end = start + _members.Push(_tape, node, _edits);
            for (var i = start; i < end; i++)
            {
                var name = _members[i];
                if (name >= 0 && IsRemoved(name + 1))
                    continue;
                if (!first)
                    *_out++ = (byte)',';
                first = false;
                if (name >= 0)
                    WriteMember(name);
                else
                    WriteAdded(~name);
            }
            _members.Top = start;
        }
        *_out++ = (byte)'}';
    }

    void WriteMember(int name)
    {
        ref readonly var nameToken = ref _tokens[name];
        ref readonly var value = ref _tokens[name + 1];
        if (nameToken.IsCanonical)
        {
            if (value.IsCanonical && value.Start == nameToken.End + 1 && _edits is null)
            {
                Copy(nameToken.Start, value.End - nameToken.Start);
                return;
            }
            Copy(nameToken.Start, nameToken.Length);
        }
        else
        {
            WriteString(name);
        }
        *_out++ = (byte)':';
        WriteValue(name + 1);
    }

    void WriteAdded(int index)
    {
        var edit = _edits!.All[index];
        *_out++ = (byte)'"';
        _out += JsonText.Escape(_edits.Name(edit), new Span<byte>(_out, (int)(_end - _out)));
        *_out++ = (byte)'"';
        *_out++ = (byte)':';
        Copy(_edits.Value(edit));
    }

    readonly bool IsRemoved(int node) => _edits is not null && _edits.TryGet(node, out var edit) && edit.Kind == JsonEdits.EditKind.Remove;

    /// <summary>Writes a string whose escapes are not all canonical: unescaped to the side, then escaped anew.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    void WriteString(int node)
    {
        var body = _tape.StringBody(node);
        var rented = ArrayPool<byte>.Shared.Rent(body.Length);
        var length = JsonText.Unescape(body, rented);
        *_out++ = (byte)'"';
        _out += JsonText.Escape(rented.AsSpan(0, length), new Span<byte>(_out, (int)(_end - _out)));
        *_out++ = (byte)'"';
        ArrayPool<byte>.Shared.Return(rented);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void Copy(int start, int length)
    {
        Debug.Assert(_end - _out >= length + Slack);
        var from = _text + start;
        if (length <= Vector256<byte>.Count)
            Vector256.Load(from).Store(_out);
        else
            Buffer.MemoryCopy(from, _out, _end - _out, length);
        _out += length;
    }

    void Copy(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(new Span<byte>(_out, (int)(_end - _out)));
        _out += bytes.Length;
    }
}
