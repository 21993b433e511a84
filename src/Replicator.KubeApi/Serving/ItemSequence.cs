using System.Buffers;
using System.Globalization;
using Replicator.Core.Json;

namespace Replicator.KubeApi;

/// <summary>Writes a list, of whatever its items are, as they come. Not thread-safe.</summary>
/// <remarks>The metadata comes first; in a page it comes last, for only then it is known whether there is more.</remarks>
sealed class ItemSequence(ObjectWriter writer, IBufferWriter<byte> body)
{
    readonly List<byte[]> _held = [];
    bool _isFirst = true;

    bool IsTable => writer.Table is not null;

    bool IsOrdered => writer.Table?.RowOrder is not null;

    public void Begin(string resourceVersion, bool isPage)
    {
        var (kind, version) = writer.ListType;
        writer.Write($$"""{"kind":"{{kind}}","apiVersion":"{{version}}",""");
        if (!isPage)
            writer.Write($$"""{{Metadata(resourceVersion, null)}},""");
        if (IsTable)
        {
            writer.WriteColumns();
            body.Write(",\"rows\":"u8);
        }
        else
        {
            body.Write("\"items\":["u8);
        }
    }

    public void Add(ReadOnlyMemory<byte> state)
    {
        if (IsOrdered)
        {
            _held.Add(state.ToArray());
            return;
        }
        Write(state);
    }

    public void End(string resourceVersion, bool isPage, ContinueToken? next)
    {
        foreach (var state in Sorted())
            Write(state);
        if (_isFirst && IsTable)
            body.Write(writer.Table!.EmptyRowsAreNull ? "null"u8 : "[]"u8);
        else
            body.Write("]"u8);
        writer.Write(isPage ? $",{Metadata(resourceVersion, next)}}}" : "}");
    }

    void Write(ReadOnlyMemory<byte> state)
    {
        if (_isFirst && IsTable)
            body.Write("["u8);
        else if (!_isFirst)
            body.Write(","u8);
        _isFirst = false;
        writer.WriteItem(state);
    }

    IEnumerable<byte[]> Sorted()
    {
        if (_held.Count < 2 || writer.Table!.RowOrder is not { } order)
            return _held;
        return _held.Select(state =>
        {
            var tape = new JsonTape();
            tape.Parse(state);
            return (State: state, Tape: tape);
        }).Order(Comparer<(byte[] State, JsonTape Tape)>.Create((left, right) => order(left.Tape, right.Tape))).Select(item => item.State);
    }

    static string Metadata(string resourceVersion, ContinueToken? next)
    {
        var more = next is null ? "" : $",\"continue\":\"{next}\"{(next.Remaining is { } remaining ? string.Create(CultureInfo.InvariantCulture, $",\"remainingItemCount\":{remaining}") : "")}";
        return $"\"metadata\":{{\"resourceVersion\":\"{resourceVersion}\"{more}}}";
    }
}
