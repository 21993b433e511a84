using System.Collections.Concurrent;
using Replicator.Core.Kubernetes;
using Replicator.Core.SelfChecking;

namespace Replicator.Server;

/// <summary>How the parts of this process stand; they say so themselves. Thread-safe.</summary>
public sealed class ReplicatorHealth
{
    readonly ConcurrentDictionary<string, string> _faults = [];
    readonly ConcurrentDictionary<string, Func<CollectorActivity>> _collectors = [];

    /// <summary>What is wrong, by the part that says so.</summary>
    public IReadOnlyDictionary<string, string> Faults => _faults;

    /// <summary>Says that a part does not work, or (null) that it does again.</summary>
    public void Report(string part, string? fault)
    {
        if (fault is null)
            _faults.TryRemove(part, out _);
        else
            _faults[part] = fault;
    }

    /// <summary>Whether this process carries the log to the bus. Set once, before anybody asks.</summary>
    public bool Publishes { get; set; }

    /// <summary>Examines what this process has to do with; null where there is nothing. Set once, before anybody asks.</summary>
    public Func<CancellationToken, IAsyncEnumerable<Finding>>? Examination { get; set; }

    /// <summary>The clusters that this process collects.</summary>
    public IReadOnlyList<string> Collected => [.. _collectors.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Names who knows how the collector of a cluster stands.</summary>
    public void SetCollector(string cluster, Func<CollectorActivity> activity) => _collectors[cluster] = activity;

    /// <summary>How the collector of a cluster stands; null where none runs in this process.</summary>
    public CollectorActivity? GetCollector(string cluster) => _collectors.TryGetValue(cluster, out var activity) ? activity() : null;
}

/// <summary>How the collector of a cluster stands.</summary>
/// <param name="State"><c>Starting</c>, <c>Collecting</c>, <c>Unreachable</c>, <c>Failed</c> or <c>Stopped</c>.</param>
/// <param name="Error">What is wrong, in one line; null where nothing is.</param>
/// <param name="Types">Its reflectors.</param>
/// <param name="Suppressed">What the recording rules have kept out of the log since the process started.</param>
/// <param name="Checks">The last self-check of each type.</param>
public sealed record CollectorActivity(string State, string? Error, IReadOnlyList<CollectorState> Types, IReadOnlyList<(string Rule, GroupResource Type, long Count)> Suppressed, IReadOnlyList<TypeCheck> Checks);

/// <summary>How a reflector stands.</summary>
/// <param name="Type">Its type.</param>
/// <param name="State">Such as <c>Listing</c>, <c>Watching</c>, <c>Backoff</c>, <c>Stopped</c>.</param>
/// <param name="Error">The last error; null where there was none.</param>
public sealed record CollectorState(GroupResource Type, string State, string? Error);
