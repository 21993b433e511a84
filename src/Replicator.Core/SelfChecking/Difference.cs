namespace Replicator.Core.SelfChecking;

/// <summary>An object of which log and server do not say the same.</summary>
/// <param name="Namespace">Its namespace; empty for cluster-scoped objects.</param>
/// <param name="Name">Its name.</param>
/// <param name="LogVersion">The version that the log has; null where it has no such object.</param>
/// <param name="ServerVersion">The version that the server has; null where it has no such object.</param>
public sealed record Difference(string Namespace, string Name, string? LogVersion, string? ServerVersion)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"{(Namespace.Length == 0 ? Name : $"{Namespace}/{Name}")} ({(LogVersion is null ? "not in the log" : $"in the log at {LogVersion}")}, {(ServerVersion is null ? "not on the server" : $"on the server at {ServerVersion}")})";
}
