using System.Collections.Concurrent;
using Replicator.Core.Kubernetes;

namespace Replicator.Server;

/// <summary>How the parts of this process stand; they say so themselves. Thread-safe.</summary>
public sealed class ReplicatorHealth
{
    readonly ConcurrentDictionary<string, string> _faults = [];
    Func<string, IReadOnlyList<CollectorState>> _collectors = _ => [];

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

    /// <summary>Names who knows how the reflectors of a cluster stand.</summary>
    public void SetCollectors(Func<string, IReadOnlyList<CollectorState>> collectors) => _collectors = collectors;

    /// <summary>The reflectors of a cluster that run in this process.</summary>
    public IReadOnlyList<CollectorState> GetCollectors(string cluster) => _collectors(cluster);
}

/// <summary>How a reflector stands.</summary>
/// <param name="Type">Its type.</param>
/// <param name="State">Such as <c>Listing</c>, <c>Watching</c>, <c>Backoff</c>, <c>Stopped</c>.</param>
/// <param name="Error">The last error; null where there was none.</param>
public sealed record CollectorState(GroupResource Type, string State, string? Error);
