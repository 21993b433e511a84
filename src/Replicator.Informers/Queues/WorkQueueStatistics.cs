namespace Replicator.Informers.Queues;

/// <summary>How a <see cref="WorkQueue{T}"/> fares, at one moment.</summary>
public sealed record WorkQueueStatistics
{
    /// <summary>How many items wait for a worker.</summary>
    public required int Depth { get; init; }
    /// <summary>How many items workers have in hand.</summary>
    public required int Processing { get; init; }
    /// <summary>How many items wait for their time to be added.</summary>
    public required int Delayed { get; init; }
    /// <summary>How many times an item was added that did not wait already.</summary>
    public required long Adds { get; init; }
    /// <summary>How many times an item was added that waited already, and so is given out once for both.</summary>
    public required long Deduplicated { get; init; }
    /// <summary>How many times an item was added after a delay.</summary>
    public required long Retries { get; init; }
    /// <summary>How many items were refused because the queue was shutting down, delayed ones that it gave up included.</summary>
    public required long Refused { get; init; }
    /// <summary>For how long the worker that is slowest now has had its item. A stuck worker shows here.</summary>
    public required TimeSpan LongestRunning { get; init; }
}
