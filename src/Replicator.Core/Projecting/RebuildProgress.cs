namespace Replicator.Core.Projecting;

/// <summary>How far a rebuild has come.</summary>
/// <param name="Position">The last applied position.</param>
/// <param name="Head">The position where it will be done.</param>
public readonly record struct RebuildProgress(long Position, long Head);
