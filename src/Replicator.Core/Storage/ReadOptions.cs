namespace Replicator.Core.Storage;

/// <summary>What a read of the log brings.</summary>
/// <param name="States">Whether events bring the object's state; metadata alone is much cheaper.</param>
/// <param name="StreamPrefix">Only streams whose name starts with this; empty for all.</param>
/// <param name="MaxCount">At most so many events.</param>
public sealed record ReadOptions(bool States = true, string StreamPrefix = "", long MaxCount = long.MaxValue);
