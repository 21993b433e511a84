using System.Globalization;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Questions;

/// <summary>Says where an answer as of an instant rests on what was not observed: before the record of a type began, or within a gap.</summary>
public static class RecordDoubts
{
    /// <summary>The doubts, a sentence each; none where everything was observed.</summary>
    /// <param name="snapshots">The projection.</param>
    /// <param name="cluster">The cluster.</param>
    /// <param name="types">The types that the answer is about; null for all.</param>
    /// <param name="cut">The instant.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    public static async ValueTask<IReadOnlyList<string>> FindAsync(ISnapshotStore snapshots, string cluster, IReadOnlyCollection<GroupResource>? types, Cut cut, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        if (cut.Kind is not (CutKind.Time or CutKind.ResourceVersion))
            return [];
        var gaps = (await snapshots.GetGapsAsync(cluster, null, cancellationToken).ConfigureAwait(false)).Where(gap => types?.Contains(gap.Type) != false && IsWithin(gap, cut)).ToList();
        var doubts = new List<string>();
        var early = gaps.Where(gap => gap.FromResourceVersion.Length == 0).ToList();
        if (early.Count > 0)
        {
            var began = early.Select(gap => gap.To).Min() is { } to ? $" (the first began at {Text(to)})" : "";
            doubts.Add($"{Of(early)} had not been recorded yet at that instant{began}");
        }
        foreach (var same in gaps.Where(gap => gap.FromResourceVersion.Length > 0).GroupBy(gap => (gap.From, gap.To, gap.Reason)))
            doubts.Add($"{Of([.. same])} {(same.Count() == 1 ? "has" : "have")} a gap from {(same.Key.From is { } from ? Text(from) : "an unknown time")} to {(same.Key.To is { } to ? Text(to) : "now")}: {same.Key.Reason}");
        return doubts;
    }

    static string Of(List<GapStatus> gaps) => gaps.Select(gap => gap.Type.ToString()).Distinct().ToList() is { Count: <= 3 } few ? string.Join(", ", few) : string.Create(CultureInfo.InvariantCulture, $"{gaps.Select(gap => gap.Type).Distinct().Count()} types");

    static bool IsWithin(GapStatus gap, Cut cut)
    {
        if (cut.Kind == CutKind.Time)
        {
            var time = HashChain.FromMicroseconds(cut.Value);
            return (gap.From is null || time > gap.From) && (gap.To is null || time < gap.To);
        }
        bool Comparable(string? version) => version is not null && ResourceVersion.IsComparable(version);
        return (gap.FromResourceVersion.Length == 0 || (Comparable(gap.FromResourceVersion) && ResourceVersion.Compare(cut.Version!, gap.FromResourceVersion) > 0))
            && (gap.ToResourceVersion is null || (Comparable(gap.ToResourceVersion) && ResourceVersion.Compare(cut.Version!, gap.ToResourceVersion) < 0));
    }

    static string Text(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
