using System.Collections.Concurrent;
using Replicator.Core.Diagnostics;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Rules;

/// <summary>What the rules of a cluster have suppressed since the process started. Thread-safe.</summary>
public sealed class RuleCounts(string cluster)
{
    readonly ConcurrentDictionary<(string Rule, GroupResource Type), long> _counts = [];

    /// <summary>The counts, by rule and type.</summary>
    public IReadOnlyList<(string Rule, GroupResource Type, long Count)> All =>
        [.. _counts.Select(pair => (pair.Key.Rule, pair.Key.Type, pair.Value)).OrderBy(count => count.Rule, StringComparer.Ordinal).ThenBy(count => count.Type.ToString(), StringComparer.Ordinal)];

    /// <summary>Counts one change, or, for <see cref="RuleKind.DropManagedFields"/>, one state that was recorded without them.</summary>
    internal void Add(RecordingRule rule, GroupResource type)
    {
        _counts.AddOrUpdate((rule.Name, type), 1, (_, count) => count + 1);
        CoreTelemetry.Suppressed.Add(1, [new("cluster", cluster), new("rule", rule.Name), new("resource", type.ToString())]);
    }
}
