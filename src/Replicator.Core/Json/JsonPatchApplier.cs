using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;

namespace Replicator.Core.Json;

/// <summary>
/// Applies one patch at a time with reusable buffers; see <see cref="JsonPatch"/>. The document is a tree of which only what an operation walks through
/// is opened; all the rest stays text and is copied as such.
/// </summary>
sealed class JsonPatchApplier : IDisposable
{
    const long MaxRetainedBytes = 16 << 20;
    const int None = -1;

    [ThreadStatic]
    static JsonPatchApplier? _cached;

    readonly JsonTape _ownDocument = new();
    readonly JsonTape _patch = new();
    readonly PooledBufferWriter _names = new();
    readonly PooledBufferWriter _path = new();
    readonly PooledBufferWriter _output = new();
    readonly PooledBufferWriter _expected = new();
    Cell[] _cells = new Cell[64];
    int _count;
    int _root;
    int _operation;

    public static JsonPatchApplier Take()
    {
        var applier = _cached ?? new JsonPatchApplier();
        _cached = null;
        return applier;
    }

    /// <summary>Keeps this one for the thread's next patch, unless an unusually large document has swollen it.</summary>
    public void Dispose()
    {
        if (_ownDocument.RetainedBytes + _patch.RetainedBytes + _output.Capacity + _expected.Capacity <= MaxRetainedBytes)
        {
            _cached = this;
            return;
        }
        _names.Dispose();
        _path.Dispose();
        _output.Dispose();
        _expected.Dispose();
    }

    public void Apply(ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, IBufferWriter<byte> result)
    {
        _ownDocument.Parse(document);
        Apply(_ownDocument, _ownDocument.Root, patch, result);
    }

    public void Apply(JsonTape document, int node, ReadOnlySpan<byte> patch, IBufferWriter<byte> result)
    {
        _patch.Parse(patch);
        if (_patch.Kind(_patch.Root) != JsonKind.Array)
            throw new JsonPatchException(-1, "", $"a patch is an array of operations, not of kind {_patch.Kind(_patch.Root)}");
        _names.Clear();
        _count = 0;
        _root = Closed(document, node);
        _operation = 0;
        foreach (var operation in _patch.Elements(_patch.Root))
        {
            Perform(operation);
            _operation++;
        }
        _output.Clear();
        Write(_root, _output);
        result.Write(_output.WrittenSpan);
    }

    void Perform(int operation)
    {
        if (_patch.Kind(operation) != JsonKind.Object)
            Fail("", "an operation is an object");
        if (!_patch.TryGetProperty(operation, "op"u8, out var op) || _patch.Kind(op) != JsonKind.String)
            Fail("", "the member 'op' is missing or no string");
        var path = PathOf(operation, "path"u8);
        if (_patch.StringEquals(op, "add"u8))
            Add(path, Closed(_patch, ValueOf(operation, path)));
        else if (_patch.StringEquals(op, "remove"u8))
            Remove(path);
        else if (_patch.StringEquals(op, "replace"u8))
            Replace(path, Closed(_patch, ValueOf(operation, path)));
        else if (_patch.StringEquals(op, "move"u8))
            Move(PathOf(operation, "from"u8), path);
        else if (_patch.StringEquals(op, "copy"u8))
            Add(path, Clone(Find(PathOf(operation, "from"u8))));
        else if (_patch.StringEquals(op, "test"u8))
            Test(path, ValueOf(operation, path));
        else
            Fail(path, $"unknown operation '{_patch.GetString(op)}'; there are add, remove, replace, move, copy and test");
    }

    /// <summary>The node of a pointer of the operation, checked to be a string that is empty or starts with a slash.</summary>
    int PathOf(int operation, ReadOnlySpan<byte> member)
    {
        if (!_patch.TryGetProperty(operation, member, out var path) || _patch.Kind(path) != JsonKind.String)
            Fail("", $"the member '{Encoding.UTF8.GetString(member)}' is missing or no string");
        var body = _patch.StringBody(path);
        if (body.Length > 0 && body[0] != '/' && Text(path)[0] != '/')
            Fail(path, "a pointer is empty or starts with '/'");
        return path;
    }

    int ValueOf(int operation, int path)
    {
        if (!_patch.TryGetProperty(operation, "value"u8, out var value))
            Fail(path, "the member 'value' is missing");
        return value;
    }

    void Add(int path, int value)
    {
        if (!TryFindParent(path, out var parent, out var segment))
        {
            _root = value;
            return;
        }
        switch (_cells[parent].Kind)
        {
            case JsonKind.Object:
                var (previous, found) = FindMember(parent, segment);
                if (found != None)
                    Unlink(parent, previous, found);
                NameLike(value, segment);
                Link(parent, previous, value);
                break;
            case JsonKind.Array:
                var index = _cells[parent].Children;
                if (!segment.SequenceEqual("-"u8) && (!JsonPointer.TryParseIndex(segment, out index) || index > _cells[parent].Children))
                    Fail(path, $"'{Encoding.UTF8.GetString(segment)}' is no place in an array of {_cells[parent].Children}");
                Link(parent, index == 0 ? None : ElementAt(parent, index - 1), value);
                break;
            default:
                Fail(path, $"the parent is of kind {_cells[parent].Kind} and has no members");
                break;
        }
    }

    int Remove(int path)
    {
        if (!TryFindParent(path, out var parent, out var segment))
            Fail(path, "the whole document cannot be removed; replace it instead");
        var (previous, found) = FindChild(path, parent, segment);
        Unlink(parent, previous, found);
        return found;
    }

    void Replace(int path, int value)
    {
        if (!TryFindParent(path, out var parent, out var segment))
        {
            _root = value;
            return;
        }
        var (previous, found) = FindChild(path, parent, segment);
        Unlink(parent, previous, found);
        _cells[value].NameOffset = _cells[found].NameOffset;
        _cells[value].NameLength = _cells[found].NameLength;
        Link(parent, previous, value);
    }

    void Move(int from, int path)
    {
        var source = Text(from);
        var target = Text(path);
        if (target == source)
        {
            Find(from);
            return;
        }
        if (target.StartsWith(source + "/", StringComparison.Ordinal))
            Fail(path, $"'{source}' cannot be moved into itself");
        Add(path, Remove(from));
    }

    void Test(int path, int value)
    {
        _output.Clear();
        _expected.Clear();
        Write(Find(path), _output);
        CanonicalJson.Write(_patch, value, _expected);
        if (!_output.WrittenSpan.SequenceEqual(_expected.WrittenSpan))
            Fail(path, "the value is not the one that the operation expects");
    }

    int Find(int path)
    {
        if (!TryFindParent(path, out var parent, out var segment))
            return _root;
        return FindChild(path, parent, segment).Found;
    }

    /// <summary>Walks to the parent of the place that <paramref name="path"/> names; <see langword="false"/> where that is the root.</summary>
    bool TryFindParent(int path, out int parent, out ReadOnlySpan<byte> segment)
    {
        var body = _patch.StringBody(path);
        _path.Clear();
        var length = JsonText.Unescape(body, _path.GetSpan(body.Length));
        _path.Advance(length);
        var rest = MemoryMarshal.AsMemory(_path.WrittenMemory).Span;
        parent = _root;
        segment = default;
        if (rest.IsEmpty)
            return false;
        while (true)
        {
            rest = rest[1..];
            var slash = rest.IndexOf((byte)'/');
            var part = slash < 0 ? rest : rest[..slash];
            var plain = JsonPointer.Unescape(part);
            if (plain < 0)
                Fail(path, "'~' must be followed by 0 or 1");
            segment = part[..plain];
            Open(parent);
            if (slash < 0)
                return true;
            parent = FindChild(path, parent, segment).Found;
            rest = rest[slash..];
        }
    }

    (int Previous, int Found) FindChild(int path, int parent, ReadOnlySpan<byte> segment)
    {
        switch (_cells[parent].Kind)
        {
            case JsonKind.Object:
                var member = FindMember(parent, segment);
                if (member.Found == None)
                    Fail(path, $"there is no member '{Encoding.UTF8.GetString(segment)}'");
                return member;
            case JsonKind.Array:
                if (!JsonPointer.TryParseIndex(segment, out var index) || index >= _cells[parent].Children)
                    Fail(path, $"'{Encoding.UTF8.GetString(segment)}' is no element of an array of {_cells[parent].Children}");
                if (index == 0)
                    return (None, _cells[parent].FirstChild);
                var previous = ElementAt(parent, index - 1);
                return (previous, _cells[previous].NextSibling);
            default:
                Fail(path, $"'{Encoding.UTF8.GetString(segment)}' leads into a value of kind {_cells[parent].Kind}, which has no members");
                return default;
        }
    }

    /// <summary>The member of that name, or none, and the member before its place in canonical order.</summary>
    (int Previous, int Found) FindMember(int parent, ReadOnlySpan<byte> name)
    {
        var previous = None;
        for (var child = _cells[parent].FirstChild; child != None; child = _cells[child].NextSibling)
        {
            var order = Name(child).SequenceCompareTo(name);
            if (order == 0)
                return (previous, child);
            if (order > 0)
                break;
            previous = child;
        }
        return (previous, None);
    }

    int ElementAt(int parent, int index)
    {
        // Appending is the common case and must not make a long patch quadratic.
        if (index == _cells[parent].Children - 1)
            return _cells[parent].LastChild;
        var child = _cells[parent].FirstChild;
        for (; index > 0; index--)
            child = _cells[child].NextSibling;
        return child;
    }

    void Link(int parent, int previous, int child)
    {
        ref var owner = ref _cells[parent];
        ref var next = ref previous == None ? ref owner.FirstChild : ref _cells[previous].NextSibling;
        _cells[child].NextSibling = next;
        if (next == None)
            owner.LastChild = child;
        next = child;
        owner.Children++;
    }

    void Unlink(int parent, int previous, int child)
    {
        ref var owner = ref _cells[parent];
        ref var next = ref previous == None ? ref owner.FirstChild : ref _cells[previous].NextSibling;
        next = _cells[child].NextSibling;
        if (next == None)
            owner.LastChild = previous;
        owner.Children--;
    }

    /// <summary>Makes a container's children cells of their own, members in canonical order and without the duplicates that lose.</summary>
    void Open(int cell)
    {
        var tape = _cells[cell].Tape;
        if (tape is null)
            return;
        var node = _cells[cell].Node;
        var kind = tape.Kind(node);
        if (kind is not (JsonKind.Object or JsonKind.Array))
            return;
        _cells[cell].Tape = null;
        _cells[cell].Children = 0;
        _cells[cell].FirstChild = None;
        _cells[cell].LastChild = None;
        if (kind == JsonKind.Array)
        {
            foreach (var element in tape.Elements(node))
                Link(cell, _cells[cell].LastChild, Closed(tape, element));
            return;
        }
        var members = SortedMembers.OfThisThread;
        var start = members.Top;
        var end = start + members.Push(tape, node);
        for (var i = start; i < end; i++)
        {
            var name = members[i];
            var child = Closed(tape, name + 1);
            var body = tape.StringBody(name);
            var length = JsonText.Unescape(body, _names.GetSpan(body.Length));
            _cells[child].NameOffset = _names.WrittenCount;
            _cells[child].NameLength = length;
            _names.Advance(length);
            Link(cell, _cells[cell].LastChild, child);
        }
        members.Top = start;
    }

    int Closed(JsonTape tape, int node)
    {
        var cell = NewCell();
        _cells[cell] = new Cell { Tape = tape, Node = node, Kind = tape.Kind(node), NextSibling = None, FirstChild = None, LastChild = None };
        return cell;
    }

    int Clone(int original)
    {
        var copy = NewCell();
        _cells[copy] = _cells[original];
        _cells[copy].NextSibling = None;
        if (_cells[original].Tape is not null)
            return copy;
        _cells[copy].FirstChild = None;
        _cells[copy].LastChild = None;
        _cells[copy].Children = 0;
        for (var child = _cells[original].FirstChild; child != None; child = _cells[child].NextSibling)
            Link(copy, _cells[copy].LastChild, Clone(child));
        return copy;
    }

    int NewCell()
    {
        if (_count == _cells.Length)
            Array.Resize(ref _cells, checked(_count * 2));
        return _count++;
    }

    void NameLike(int cell, ReadOnlySpan<byte> name)
    {
        _cells[cell].NameOffset = _names.WrittenCount;
        _cells[cell].NameLength = name.Length;
        _names.Write(name);
    }

    ReadOnlySpan<byte> Name(int cell) => _names.WrittenSpan.Slice(_cells[cell].NameOffset, _cells[cell].NameLength);

    void Write(int cell, PooledBufferWriter output)
    {
        if (_cells[cell].Tape is { } tape)
        {
            CanonicalJson.Write(tape, _cells[cell].Node, output);
            return;
        }
        var isObject = _cells[cell].Kind == JsonKind.Object;
        output.WriteByte(isObject ? (byte)'{' : (byte)'[');
        for (var child = _cells[cell].FirstChild; child != None; child = _cells[child].NextSibling)
        {
            if (child != _cells[cell].FirstChild)
                output.WriteByte((byte)',');
            if (isObject)
            {
                var name = Name(child);
                output.WriteByte((byte)'"');
                output.Advance(JsonText.Escape(name, output.GetSpan(checked(JsonText.MaxEscapedLength * name.Length))));
                output.Write("\":"u8);
            }
            Write(child, output);
        }
        output.WriteByte(isObject ? (byte)'}' : (byte)']');
    }

    string Text(int path) => _patch.GetString(path);

    [DoesNotReturn]
    void Fail(int path, string reason) => Fail(Text(path), reason);

    [DoesNotReturn]
    void Fail(string path, string reason) => throw new JsonPatchException(_operation, path, reason);

    struct Cell
    {
        /// <summary>The tape that holds the value, or <see langword="null"/> once its children are cells.</summary>
        public JsonTape? Tape;
        public int Node;
        public JsonKind Kind;
        public int NameOffset;
        public int NameLength;
        public int FirstChild;
        public int LastChild;
        public int NextSibling;
        public int Children;
    }
}
