namespace Replicator.Core.Rules;

/// <summary>Patterns in which <c>*</c> stands for any number of characters.</summary>
static class Wildcard
{
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        // Where a star took too little, it takes one more: only the last star need ever be tried again.
        int p = 0, t = 0, star = -1, taken = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
                (star, taken) = (p++, t);
            else if (p < pattern.Length && char.ToLowerInvariant(pattern[p]) == char.ToLowerInvariant(text[t]))
                (p, t) = (p + 1, t + 1);
            else if (star >= 0)
                (p, t) = (star + 1, ++taken);
            else
                return false;
        }
        return pattern[p..].IndexOfAnyExcept('*') < 0;
    }
}
