namespace Replicator.KubeApi.Tables;

/// <summary>Parts of a cell that are sorted before they are joined, as Go sorts what comes out of a map.</summary>
sealed class CellPieces : IComparer<CellPieces.Piece>
{
    readonly List<Piece> _pieces = [];
    int _start;
    int _keyLength;

    /// <summary>The text of the piece that is being put together.</summary>
    public CellText Text { get; } = new();

    public int Count => _pieces.Count;

    public void Clear()
    {
        _pieces.Clear();
        Text.Clear();
        (_start, _keyLength) = (0, 0);
    }

    /// <summary>What was written since the last piece ends the key by which this piece is sorted; it is no part of what is joined.</summary>
    public void EndKey() => _keyLength = Text.Length - _start;

    /// <summary>What was written since the last piece is a piece, sorted by its key if it has one and else by itself.</summary>
    public void EndPiece()
    {
        var text = _start + _keyLength;
        _pieces.Add(_keyLength > 0 ? new Piece(_start, _keyLength, text, Text.Length - text) : new Piece(text, Text.Length - text, text, Text.Length - text));
        (_start, _keyLength) = (Text.Length, 0);
    }

    /// <summary>Adds the pieces in the order of their bytes to <paramref name="target"/>; those of one key keep the order in which they came.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="separator">What goes between two.</param>
    /// <param name="distinct">Whether equal pieces are one, as in a set.</param>
    public void Join(CellText target, ReadOnlySpan<byte> separator, bool distinct = false)
    {
        if (_pieces.Count > 1)
            _pieces.Sort(this);
        for (var i = 0; i < _pieces.Count; i++)
        {
            var text = Slice(_pieces[i].Start, _pieces[i].Length);
            if (distinct && i > 0 && text.SequenceEqual(Slice(_pieces[i - 1].Start, _pieces[i - 1].Length)))
                continue;
            if (i > 0)
                target.Add(separator);
            target.Add(text);
        }
    }

    int IComparer<Piece>.Compare(Piece x, Piece y)
    {
        var order = Slice(x.KeyStart, x.KeyLength).SequenceCompareTo(Slice(y.KeyStart, y.KeyLength));
        return order != 0 ? order : x.Start.CompareTo(y.Start);
    }

    ReadOnlySpan<byte> Slice(int start, int length) => Text.Written.Slice(start, length);

    internal readonly record struct Piece(int KeyStart, int KeyLength, int Start, int Length);
}
