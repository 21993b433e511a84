namespace Replicator.Core.Copying;

/// <summary>What a copy did.</summary>
/// <param name="Copied">Events appended to the target.</param>
/// <param name="Held">Events that the target held before.</param>
/// <param name="Streams">Streams of the source.</param>
public sealed record LogCopyResult(long Copied, long Held, int Streams);
