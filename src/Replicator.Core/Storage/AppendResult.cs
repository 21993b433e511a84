namespace Replicator.Core.Storage;

/// <summary>Where a batch went.</summary>
/// <param name="LastRevision">The revision of its last event.</param>
/// <param name="LastPosition">The position of its last event.</param>
public readonly record struct AppendResult(long LastRevision, long LastPosition);
