namespace Replicator.Informers.Caching;

/// <summary>How a <see cref="SharedInformer"/> goes about it.</summary>
public sealed record SharedInformerOptions
{
    /// <summary>How the type is listed and watched; but for <see cref="ReflectorOptions.BufferBytes"/> and <see cref="ReflectorOptions.MaxBatchBytes"/>, which are <see cref="BufferBytes"/>.</summary>
    public ReflectorOptions Reflector { get; init; } = new();

    /// <summary>How many bytes may have been read that the indexer does not show yet. Little is enough: nothing that it waits for is slow, and handlers have buffers of their own.</summary>
    public int BufferBytes { get; init; } = 1024 * 1024;

    /// <summary>The indexes by name. More can be added at any time.</summary>
    public IReadOnlyDictionary<string, IndexFunction> Indexes { get; init; } = new Dictionary<string, IndexFunction>();

    /// <summary>How often a handler that says nothing else gets a <see cref="ResourceEventKind.Sync"/> of every object; zero for never.</summary>
    public TimeSpan ResyncPeriod { get; init; }

    /// <summary>Whether objects are held compressed (about 0.5 KB for a pod of 5.4 KB, decoded in some 2 µs) or as they came.</summary>
    public bool Compact { get; init; } = true;
}
