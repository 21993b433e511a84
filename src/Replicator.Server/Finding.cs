using Replicator.Core.SelfChecking;

namespace Replicator.Server;

/// <summary>What an examination found of one thing.</summary>
/// <param name="Check">What was looked at: <c>data folder</c>, <c>disk</c>, <c>chain</c>, <c>server</c>, <c>clock</c>, <c>rights</c>, <c>self-check</c>.</param>
/// <param name="Cluster">The cluster that it concerns; null where it is not of one.</param>
/// <param name="Level">How it stands.</param>
/// <param name="Detail">What was found, in one line.</param>
/// <param name="Remedy">What to do about it; null where there is nothing to do.</param>
/// <param name="Type">The comparison of a type with the server, for <c>self-check</c>.</param>
public sealed record Finding(string Check, string? Cluster, FindingLevel Level, string Detail, string? Remedy = null, TypeCheck? Type = null);

/// <summary>How a thing stands.</summary>
public enum FindingLevel
{
    /// <summary>As it should.</summary>
    Ok,
    /// <summary>It could not be looked at now, or is worth knowing.</summary>
    Note,
    /// <summary>It will become a problem.</summary>
    Warning,
    /// <summary>Something is wrong: the log misses something, or soon will.</summary>
    Problem,
}
