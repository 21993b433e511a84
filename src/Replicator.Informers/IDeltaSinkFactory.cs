using Replicator.Core.Kubernetes;

namespace Replicator.Informers;

/// <summary>Opens a sink per type, and takes what discovery found.</summary>
public interface IDeltaSinkFactory
{
    /// <summary>Opens the sink of a type. Called for several types at a time, never for one type again before its last sink was disposed. An exception ends the run.</summary>
    ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken);

    /// <summary>The types that were recorded before, whether or not they are served still. Asked once, before the first discovery is applied: what is served no more is confessed.</summary>
    ValueTask<IReadOnlyList<ResourceType>> ListRecordedAsync(CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<ResourceType>>([]);

    /// <summary>Takes what discovery found, whenever its documents differ from the last ones, and before a type that is new in them is opened. An exception ends the run.</summary>
    ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken);

    /// <summary>Takes an OpenAPI document of the server, where those are read (<see cref="ClusterReflectorsOptions.ReadsOpenApi"/>), once and whenever it has changed, one after another, and beside whatever else is handled. An exception ends the run.</summary>
    ValueTask HandleOpenApiAsync(DiscoveryDocument document, DateTimeOffset observedAt, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
