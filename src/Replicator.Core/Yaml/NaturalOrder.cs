namespace Replicator.Core.Yaml;

/// <summary>The order in which go.yaml.in/yaml/v2 writes members (<c>keyList.Less</c>): letters behind other characters, numbers inside names by their value.</summary>
sealed class NaturalOrder : IComparer<string>
{
    public static NaturalOrder Comparer { get; } = new();

    public int Compare(string? x, string? y) => x == y ? 0 : Less(x!, y!) ? -1 : 1;

    static bool Less(string a, string b)
    {
        for (var index = 0; index < a.Length && index < b.Length; index++)
        {
            if (a[index] == b[index])
                continue;
            var (aLetter, bLetter) = (char.IsLetter(a[index]), char.IsLetter(b[index]));
            if (aLetter && bLetter)
                return a[index] < b[index];
            if (aLetter || bLetter)
                return bLetter;
            var (aNumber, bNumber) = (0UL, 0UL);
            if (a[index] == '0' || b[index] == '0')
            {
                for (var before = index - 1; before >= 0 && char.IsAsciiDigit(a[before]); before--)
                {
                    if (a[before] != '0')
                    {
                        (aNumber, bNumber) = (1, 1);
                        break;
                    }
                }
            }
            var (aEnd, bEnd) = (index, index);
            for (; aEnd < a.Length && char.IsAsciiDigit(a[aEnd]); aEnd++)
                aNumber = unchecked(aNumber * 10 + a[aEnd] - '0');
            for (; bEnd < b.Length && char.IsAsciiDigit(b[bEnd]); bEnd++)
                bNumber = unchecked(bNumber * 10 + b[bEnd] - '0');
            return aNumber != bNumber ? aNumber < bNumber : aEnd != bEnd ? aEnd < bEnd : a[index] < b[index];
        }
        return a.Length < b.Length;
    }
}
