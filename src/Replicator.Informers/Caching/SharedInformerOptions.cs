namespace Replicator.Informers.Caching;

/// <summary>How a <see cref="SharedInformer"/> goes about it.</summary>
public sealed record SharedInformerOptions
{
    /// <summary>How the type is listed and watched.</summary>
    public ReflectorOptions Reflector { get; init; } = new();

    /// <summary>The indexes by name. More can be added at any time.</summary>
    public IReadOnlyDictionary<string, IndexFunction> Indexes { get; init; } = new Dictionary<string, IndexFunction>();

    /// <summary>How often a handler that says nothing else gets a <see cref="ResourceEventKind.Sync"/> of every object; zero for never.</summary>
    public TimeSpan ResyncPeriod { get; init; }

    /// <summary>Whether objects are held compressed (about 0.3 to 0.7 KB for a pod of 5.4 KB, decoded in some 2 µs) or as they came.</summary>
    public bool Compact { get; init; } = true;
}
