namespace Replicator.Core.SelfChecking;

/// <summary>What has changed since a fold began, so that it can be taken back.</summary>
sealed class FoldJournal
{
    /// <summary>A type that changes more than this during one list is checked another time.</summary>
    const int MostChanges = 250_000;

    readonly List<((string Namespace, string Name) Key, string? Last, string Change)> _changes = [];

    /// <summary>Whether nothing is missing in it.</summary>
    public bool IsWhole { get; private set; } = true;

    /// <summary>An object had a version, or none, and a change of another version came.</summary>
    public void Add((string Namespace, string Name) key, string? last, string change)
    {
        if (!IsWhole)
            return;
        if (_changes.Count == MostChanges)
            Break();
        else
            _changes.Add((key, last, change));
    }

    /// <summary>Something came that is no change: it cannot be taken back from here.</summary>
    public void Break()
    {
        IsWhole = false;
        _changes.Clear();
    }

    /// <summary>Takes back the changes that came too late.</summary>
    public void GoBack(Dictionary<(string Namespace, string Name), (string ResourceVersion, bool IsUncertain)> fold, Func<string, bool> isTooLate)
    {
        for (var i = _changes.Count - 1; i >= 0; i--)
        {
            var (key, last, change) = _changes[i];
            if (!isTooLate(change))
                continue;
            if (last is null)
                fold.Remove(key);
            else
                fold[key] = (last, fold.TryGetValue(key, out var now) && now.IsUncertain);
        }
    }
}
