using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.SelfChecking;

/// <summary>Compares what a log holds as live with what a server lists, both as of one resource version, as KEP-4988 does within an API server.</summary>
public static class FoldComparison
{
    /// <summary>How many differences are named.</summary>
    public const int Named = 10;

    /// <summary>A number over namespace, name and resource version of all objects that does not depend on their order: the sum of their SHA-256, the first 16 bytes of each.</summary>
    public static string Digest(IEnumerable<ObjectVersion> objects)
    {
        UInt128 sum = 0;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        foreach (var (@namespace, name, version) in objects)
        {
            SHA256.HashData(Encoding.UTF8.GetBytes($"{@namespace}\n{name}\n{version}"), hash);
            sum += BinaryPrimitives.ReadUInt128BigEndian(hash);
        }
        return sum.ToString("x32", System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Compares and says what came of it.</summary>
    /// <param name="type">The type.</param>
    /// <param name="version">The resource version as of which both are.</param>
    /// <param name="at">When.</param>
    /// <param name="fold">What the log holds.</param>
    /// <param name="listed">What the server lists, without what the rules leave out.</param>
    public static TypeCheck Judge(ResourceType type, string version, DateTimeOffset at, LogFold fold, IReadOnlyCollection<ObjectVersion> listed)
    {
        var differences = Compare(fold, listed);
        var first = differences.Take(Named).ToList();
        return new TypeCheck
        {
            Type = type,
            CheckedAt = at,
            Outcome = differences.Count == 0 ? CheckOutcome.Equal : CheckOutcome.Differs,
            ResourceVersion = version,
            Objects = listed.Count,
            Digest = Digest(listed),
            Differing = differences.Count,
            First = first,
            Reason = differences.Count == 0 ? null
                : $"self-check: as of resource version {version} the log and the server differ in {differences.Count} {(differences.Count == 1 ? "object" : "objects")}: {string.Join(", ", first)}{(differences.Count > first.Count ? ", ..." : "")}",
        };
    }

    /// <summary>The objects that differ, by namespace and name.</summary>
    /// <param name="fold">What the log holds.</param>
    /// <param name="listed">What the server lists.</param>
    public static IReadOnlyList<Difference> Compare(LogFold fold, IReadOnlyCollection<ObjectVersion> listed)
    {
        var differences = new List<Difference>();
        var server = listed.ToDictionary(one => (one.Namespace, one.Name), one => one.ResourceVersion);
        foreach (var (key, version) in server)
        {
            if (!fold.Versions.TryGetValue(key, out var known))
                differences.Add(new Difference(key.Namespace, key.Name, null, version));
            else if (known.ResourceVersion != version && !(known.IsUncertain && IsNewer(version, known.ResourceVersion)))
                differences.Add(new Difference(key.Namespace, key.Name, known.ResourceVersion, version));
        }
        foreach (var (key, known) in fold.Versions)
        {
            if (!server.ContainsKey(key))
                differences.Add(new Difference(key.Namespace, key.Name, known.ResourceVersion, null));
        }
        differences.Sort((left, right) => string.CompareOrdinal(left.Namespace, right.Namespace) is var order and not 0 ? order : string.CompareOrdinal(left.Name, right.Name));
        return differences;
    }

    static bool IsNewer(string version, string than) => ResourceVersion.IsComparable(version) && ResourceVersion.IsComparable(than) && ResourceVersion.Compare(version, than) > 0;
}
