namespace Replicator.Informers;

/// <summary>A part of the API that could not be discovered.</summary>
/// <param name="Group">The group that it concerns; null where it is not of one group.</param>
/// <param name="Message">What is wrong, in one line.</param>
public sealed record DiscoveryProblem(string? Group, string Message);
