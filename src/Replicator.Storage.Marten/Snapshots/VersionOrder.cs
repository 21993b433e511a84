using System.Globalization;
using Replicator.Core.Kubernetes;

namespace Replicator.Storage.Marten.Snapshots;

/// <summary>A resource version as a column of collation <c>"C"</c> holds it, so that PostgreSQL's order is KEP-5504's: the number of digits in five digits, then the digits. Empty, before all, where it cannot be ordered.</summary>
static class VersionOrder
{
    public static string From(string version) =>
        ResourceVersion.IsComparable(version) ? string.Create(CultureInfo.InvariantCulture, $"{version.Length:00000}{version}") : "";
}
