using Replicator.Core.SelfChecking;

namespace Replicator.Server;

/// <summary>A comparison of the log with the server, as the API shows it.</summary>
/// <param name="CheckedAt">When.</param>
/// <param name="Outcome"><c>Equal</c>, <c>Differs</c> or <c>Skipped</c>.</param>
/// <param name="ResourceVersion">As of which both were compared.</param>
/// <param name="Objects">How many objects the server has.</param>
/// <param name="Digest">Over their namespaces, names and versions.</param>
/// <param name="Differing">How many differ.</param>
/// <param name="First">The first of them.</param>
/// <param name="Reason">Why it was not made, or what the difference means.</param>
sealed record SelfCheckState(string CheckedAt, string Outcome, string? ResourceVersion, long Objects, string? Digest, long Differing, IReadOnlyList<Difference> First, string? Reason)
{
    public static SelfCheckState Of(TypeCheck check) =>
        new(Times.Text(check.CheckedAt), check.Outcome.ToString(), check.ResourceVersion, check.Objects, check.Digest, check.Differing, check.First, check.Reason);
}
