namespace Replicator.Core.Kubernetes;

/// <summary>Comparison of resource versions as KEP-5504 defines it.</summary>
public static class ResourceVersion
{
    /// <summary>Whether the text is a decimal integer without leading zeros, and so comparable within one type of one server.</summary>
    public static bool IsComparable(ReadOnlySpan<char> version) =>
        version.Length > 0 && (version[0] != '0' || version.Length == 1) && version.IndexOfAnyExceptInRange('0', '9') < 0;

    /// <summary>Compares two decimal versions of any length: by length, then by digits.</summary>
    /// <exception cref="FormatException">One of them is not a decimal integer: only equality and order of arrival count then.</exception>
    public static int Compare(ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        if (!IsComparable(left) || !IsComparable(right))
            throw new FormatException($"Resource versions '{left}' and '{right}' cannot be ordered: at least one is not a decimal integer (KEP-5504).");
        return left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.SequenceCompareTo(right);
    }
}
