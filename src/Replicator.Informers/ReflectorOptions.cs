using Replicator.Informers.Queues;

namespace Replicator.Informers;

/// <summary>How a <see cref="Reflector"/> goes about it. The defaults suit the largest clusters.</summary>
public sealed record ReflectorOptions
{
    /// <summary>How long a watch is asked to last: between once and twice this, at random, so that not all end together. client-go's value.</summary>
    public TimeSpan WatchTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A watch that was silent, bookmarks included, for as long as it was to last and this besides is taken for dead. HTTP/2 pings find a dead connection sooner.</summary>
    public TimeSpan SilenceMargin { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A list that was silent for this long is taken for dead.</summary>
    public TimeSpan ListSilence { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A streaming list that was silent for this long before its end is given up for pages, and so are those of all types that list after it. client-go begins to warn at the same length.</summary>
    public TimeSpan StreamSilence { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait for an answer to begin; an API server gives up at one minute.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(75);

    /// <summary>How many objects to ask for in a page of a list. kubectl's and client-go's value.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>Whether to ask for streaming lists (KEP-3157) where the server grants them.</summary>
    public bool StreamingLists { get; init; } = true;

    /// <summary>How many bytes may have been read that the sink has not taken. Beyond them the socket is left alone, and the server will cut the watch in the end, which costs a reconnect and no change.</summary>
    public int BufferBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>How many bytes all reflectors that share it may have read that are not durable yet; null where nothing but <see cref="BufferBytes"/> bounds each of them.</summary>
    public ByteBudget? Budget { get; init; }

    /// <summary>How many deltas the sink gets at a time, at most.</summary>
    public int MaxBatchDeltas { get; init; } = 512;

    /// <summary>After how many bytes of objects the sink gets what there is.</summary>
    public int MaxBatchBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>A line or list item beyond this is taken for garbage. An API server stores 1.5 MB per object.</summary>
    public int MaxObjectBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>What metrics name the cluster by; null where they need not.</summary>
    public string? Cluster { get; init; }

    /// <summary>Told of what goes wrong, as it does; called on the reflector's own thread, so it must be quick.</summary>
    public Action<ReflectorProblem>? Problem { get; init; }

    /// <summary>Told that the server's storage was found restored from a backup, by whom, and how that shows: whoever runs reflectors of the same storage tells them.</summary>
    internal Action<Reflector, string>? Restored { get; init; }

    /// <summary>Numbers in [0, 1) that spread back-offs and watch lengths.</summary>
    internal Func<double> Jitter { get; init; } = Random.Shared.NextDouble;
}
