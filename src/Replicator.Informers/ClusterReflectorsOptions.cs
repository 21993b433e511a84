using Replicator.Core.Kubernetes;

namespace Replicator.Informers;

/// <summary>How <see cref="ClusterReflectors"/> goes about it.</summary>
public sealed record ClusterReflectorsOptions
{
    /// <summary>How each type is watched.</summary>
    public ReflectorOptions Reflector { get; init; } = new();

    /// <summary>Types not to watch.</summary>
    public IReadOnlyCollection<GroupResource> Excluded { get; init; } = [];

    /// <summary>Whether to watch a type that is served; called again whenever discovery is.</summary>
    public Func<ResourceType, bool> Watches { get; init; } = _ => true;

    /// <summary>How many types may take their snapshots at a time.</summary>
    public int ConcurrentLists { get; init; } = 8;

    /// <summary>How often to look for new types even where nothing hints at any.</summary>
    public TimeSpan DiscoveryInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a custom resource definition or API service must have been left alone before the server is asked what it serves now.</summary>
    public TimeSpan DiscoveryDebounce { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>When to ask again after such a change (the server's own discovery lags behind it), and before a type that is served no more is given up.</summary>
    public TimeSpan DiscoveryConfirmation { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether to read the server's OpenAPI documents too, whenever it is asked what it serves: those that have changed, a document at a time.</summary>
    public bool ReadsOpenApi { get; init; }

    /// <summary>Whether a server that cannot be reached at the start ends the run; otherwise it is waited for. Later the server is always waited for.</summary>
    public bool FailWhenUnreachableAtStart { get; init; } = true;

    /// <summary>Told of what goes wrong, as it does; must be quick. Takes the place of <see cref="ReflectorOptions.Problem"/> where that is null.</summary>
    public Action<ReflectorProblem>? Problem { get; init; }
}
