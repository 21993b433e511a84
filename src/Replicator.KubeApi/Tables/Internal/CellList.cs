namespace Replicator.KubeApi.Tables;

/// <summary>A cell that shows the first few of many, and counts the others: <c>a,b,c + 2 more...</c></summary>
struct CellList(CellText text, int most)
{
    int _count;

    /// <summary>Begins the next element, behind a comma if need be; <see langword="false"/> for one that is only counted.</summary>
    public bool Next()
    {
        if (_count++ >= most)
            return false;
        if (_count > 1)
            text.Add(","u8);
        return true;
    }

    public readonly void End()
    {
        if (_count > most)
            text.Add(" + "u8).Add(_count - most).Add(" more..."u8);
    }
}
