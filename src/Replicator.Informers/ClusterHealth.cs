namespace Replicator.Informers;

/// <summary>How the reflectors of a cluster fare, at one moment.</summary>
/// <param name="DiscoveredAt">When discovery last succeeded, in UTC; null before it first did.</param>
/// <param name="Problems">What could not be discovered then, or why discovery fails since.</param>
/// <param name="Types">Every type that was ever watched in this run, ordered by group and resource.</param>
public sealed record ClusterHealth(DateTimeOffset? DiscoveredAt, IReadOnlyList<DiscoveryProblem> Problems, IReadOnlyList<ReflectorHealth> Types);
