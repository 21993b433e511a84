namespace Replicator.Informers.Caching;

/// <summary>How one handler of a <see cref="SharedInformer"/> is served.</summary>
public sealed record HandlerOptions
{
    /// <summary>What metrics and problems name it by.</summary>
    public string Name { get; init; } = "handler";

    /// <summary>How many events may wait for it one by one; beyond them what waits of a key is merged.</summary>
    public int BufferedEvents { get; init; } = 1024;

    /// <summary>How often it gets a <see cref="ResourceEventKind.Sync"/> of every object; null for the informer's <see cref="SharedInformerOptions.ResyncPeriod"/>, zero for never.</summary>
    public TimeSpan? ResyncPeriod { get; init; }
}
