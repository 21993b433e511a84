namespace Replicator.Core.Copying;

/// <summary>How far a copy has come.</summary>
/// <param name="Position">The last position of the source that was dealt with.</param>
/// <param name="Head">The position where it will be done.</param>
public readonly record struct LogCopyProgress(long Position, long Head);
