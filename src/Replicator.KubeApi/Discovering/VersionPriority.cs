using System.Globalization;

namespace Replicator.KubeApi;

/// <summary>The order in which a server prefers the versions of a custom resource: stable before beta before alpha, newer before older, anything else last by name (k8s.io/apimachinery/pkg/version).</summary>
static class VersionPriority
{
    public static Comparer<string> Comparer { get; } = Comparer<string>.Create((left, right) =>
    {
        var (a, b) = (Parse(left), Parse(right));
        if (a is null || b is null)
            return a is null && b is null ? string.CompareOrdinal(left, right) : a is null ? 1 : -1;
        return b.Value.CompareTo(a.Value);
    });

    static (int Stage, int Major, int Minor)? Parse(string version)
    {
        if (version.Length < 2 || version[0] != 'v')
            return null;
        var end = version.AsSpan(1).IndexOfAnyExceptInRange('0', '9');
        var major = end < 0 ? version.AsSpan(1) : version.AsSpan(1, end);
        if (!int.TryParse(major, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return null;
        if (end < 0)
            return (2, number, 0);
        var rest = version.AsSpan(1 + end);
        var (stage, word) = rest.StartsWith("beta") ? (1, 4) : rest.StartsWith("alpha") ? (0, 5) : (-1, 0);
        return stage >= 0 && int.TryParse(rest[word..], NumberStyles.None, CultureInfo.InvariantCulture, out var minor) ? (stage, number, minor) : null;
    }
}
