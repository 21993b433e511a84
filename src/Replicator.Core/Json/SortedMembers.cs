using System.Buffers;
using System.Buffers.Binary;

namespace Replicator.Core.Json;

/// <summary>
/// A stack of member lists in canonical order: each <see cref="Push"/> adds those of one object, sorted and without the duplicates that lose. One per thread.
/// </summary>
sealed class SortedMembers
{
    /// <summary>Up to here insertion sort, which also profits from the sorted runs of a server's text, beats introsort.</summary>
    const int InsertionSortLimit = 32;

    [ThreadStatic]
    static SortedMembers? _ofThisThread;

    Entry[] _entries = new Entry[256];

    public static SortedMembers OfThisThread => _ofThisThread ??= new SortedMembers();

    /// <summary>Where the next list will start. Set it back to drop the lists above.</summary>
    public int Top { get; set; }

    /// <summary>The node of a member's name, or the complement of the index of the edit that adds the member.</summary>
    public int this[int index] => _entries[index].Name;

    /// <summary>Pushes the members of the object at <paramref name="node"/> and returns their number; they start at the former <see cref="Top"/>.</summary>
    public int Push(JsonTape tape, int node, JsonEdits? edits = null)
    {
        var tokens = tape.Tokens;
        var text = tape.PaddedText;
        var first = Top;
        var end = tokens[node].Next;
        EnsureRoom(tokens[node].Children + (edits?.Count ?? 0));

        for (var name = node + 1; name < end; name = tokens[name + 1].Next)
        {
            ref readonly var token = ref tokens[name];
            _entries[Top] = new Entry(token.IsEscaped ? EscapedKey(tape, name) : Key(text, token), name, Top);
            Top++;
        }

        var sorted = tokens[node].IsSorted;
        if (edits is not null)
        {
            for (var i = edits.LowerBound(node); i < edits.Count && edits.All[i].Node == node; i++)
            {
                if (edits.All[i].Kind != JsonEdits.EditKind.Add)
                    continue;
                _entries[Top] = new Entry(Key(edits.Name(edits.All[i])), ~i, Top);
                Top++;
                sorted = false;
            }
        }
        if (!sorted)
        {
            Sort(_entries.AsSpan(first, Top - first), tape, edits);
            Top = first + DropLosers(_entries.AsSpan(first, Top - first), tape, edits);
        }
        return Top - first;
    }

    /// <summary>The first eight bytes of a name as a number that sorts as they do; zeros stand for what is missing.</summary>
    static ulong Key(byte[] paddedText, in JsonToken token)
    {
        var key = BinaryPrimitives.ReadUInt64BigEndian(paddedText.AsSpan(token.Start + 1, sizeof(ulong)));
        var missing = sizeof(ulong) - (token.Length - 2);
        return missing <= 0 ? key : missing == sizeof(ulong) ? 0 : key >> (8 * missing) << (8 * missing);
    }

    static ulong Key(ReadOnlySpan<byte> name)
    {
        Span<byte> prefix = stackalloc byte[sizeof(ulong)];
        prefix.Clear();
        name[..Math.Min(name.Length, sizeof(ulong))].CopyTo(prefix);
        return BinaryPrimitives.ReadUInt64BigEndian(prefix);
    }

    static ulong EscapedKey(JsonTape tape, int name)
    {
        // Eight bytes of the result come from at most eight escapes of six bytes; a cut escape or pair at the end does not reach the prefix.
        var body = tape.StringBody(name);
        if (!body[..Math.Min(body.Length, sizeof(ulong))].Contains((byte)'\\'))
            return Key(body);
        var rented = ArrayPool<byte>.Shared.Rent(body.Length);
        var key = Key(rented.AsSpan(0, JsonText.Unescape(body, rented)));
        ArrayPool<byte>.Shared.Return(rented);
        return key;
    }

    static void Sort(Span<Entry> entries, JsonTape tape, JsonEdits? edits)
    {
        if (entries.Length > InsertionSortLimit)
        {
            entries.Sort(new ByNameThenOrder(tape, edits));
            return;
        }
        for (var i = 1; i < entries.Length; i++)
        {
            var entry = entries[i];
            var j = i;
            for (; j > 0 && Compare(entries[j - 1], entry, tape, edits) > 0; j--)
                entries[j] = entries[j - 1];
            entries[j] = entry;
        }
    }

    static int DropLosers(Span<Entry> entries, JsonTape tape, JsonEdits? edits)
    {
        var kept = 0;
        for (var i = 0; i < entries.Length; i++)
        {
            if (i + 1 == entries.Length || Compare(entries[i], entries[i + 1], tape, edits) != 0)
                entries[kept++] = entries[i];
        }
        return kept;
    }

    static int Compare(in Entry a, in Entry b, JsonTape tape, JsonEdits? edits)
    {
        if (a.Key != b.Key)
            return a.Key < b.Key ? -1 : 1;
        return JsonText.Compare(
            Name(a.Name, tape, edits), a.Name >= 0 && tape.Tokens[a.Name].IsEscaped,
            Name(b.Name, tape, edits), b.Name >= 0 && tape.Tokens[b.Name].IsEscaped);
    }

    static ReadOnlySpan<byte> Name(int name, JsonTape tape, JsonEdits? edits) =>
        name >= 0 ? tape.StringBody(name) : edits!.Name(edits.All[~name]);

    void EnsureRoom(int more)
    {
        if (_entries.Length - Top < more)
            Array.Resize(ref _entries, checked((int)Math.Max(_entries.Length * 2L, (long)Top + more)));
    }

    /// <param name="Key">The first eight bytes of the unescaped name.</param>
    /// <param name="Name">The node of the name, or the complement of the index of an edit.</param>
    /// <param name="Order">The place in the text: of equal names the last wins.</param>
    readonly record struct Entry(ulong Key, int Name, int Order);

    readonly struct ByNameThenOrder(JsonTape tape, JsonEdits? edits) : IComparer<Entry>
    {
        public int Compare(Entry x, Entry y) => SortedMembers.Compare(x, y, tape, edits) is var order and not 0 ? order : x.Order - y.Order;
    }
}
