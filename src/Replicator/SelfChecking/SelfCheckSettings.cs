namespace Replicator.SelfChecking;

/// <summary>How the log is compared with the server.</summary>
/// <param name="Period">How often; null for never.</param>
/// <param name="Patience">How long a difference may stand while the watch has not come past the version of the list: a change may still be on its way.</param>
sealed record SelfCheckSettings(TimeSpan? Period, TimeSpan Patience);
