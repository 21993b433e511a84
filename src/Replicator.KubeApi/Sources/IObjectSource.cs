using Replicator.Core.Storage;

namespace Replicator.KubeApi;

/// <summary>A cluster at a moment, and what followed it: what <see cref="KubeApiHandler"/> serves. Thread-safe.</summary>
/// <remarks>What it cannot answer it throws as a <see cref="KubeApiException"/>, which the client gets as a Status.</remarks>
public interface IObjectSource
{
    /// <summary>The moment that ages count to. It stands where the source is a moment, and goes on where it is played.</summary>
    DateTimeOffset Now { get; }

    /// <summary>Why nothing can be changed here, in a clause: what a write is refused with.</summary>
    string Refusal { get; }

    /// <summary>What the server served at that moment.</summary>
    ValueTask<ServedResources> GetResourcesAsync(CancellationToken cancellationToken);

    /// <summary>A document that the server served beside its objects, by its path without a leading slash (<c>version</c>, <c>openapi/v3</c>); null where none was recorded.</summary>
    ValueTask<ReadOnlyMemory<byte>?> GetDocumentAsync(string path, CancellationToken cancellationToken);

    /// <summary>The definition of a custom resource as it was at that moment; null for a built-in type.</summary>
    ValueTask<ReadOnlyMemory<byte>?> GetDefinitionAsync(ServedResource resource, CancellationToken cancellationToken);

    /// <summary>What a reader of the type must know of its record at that moment: that it has a gap there, or had not begun. One line each.</summary>
    ValueTask<IReadOnlyList<string>> GetWarningsAsync(ServedResource resource, CancellationToken cancellationToken);

    /// <summary>One object; null where there was none.</summary>
    /// <param name="resource">Its type.</param>
    /// <param name="namespace">Its namespace; empty for cluster-scoped types.</param>
    /// <param name="name">Its name.</param>
    /// <param name="notOlderThan">A resource version; null for that of the moment.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<StoredObject?> GetAsync(ServedResource resource, string @namespace, string name, string? notOlderThan, CancellationToken cancellationToken);

    /// <summary>Opens a list.</summary>
    ValueTask<ObjectListing> ListAsync(ServedResource resource, ListRequest request, CancellationToken cancellationToken);

    /// <summary>Follows a type: with the objects of the moment first, or from a resource version on. It goes on until it is cancelled; an event is valid until the next is asked for.</summary>
    IAsyncEnumerable<WatchEvent> WatchAsync(ServedResource resource, WatchRequest request, CancellationToken cancellationToken);

    /// <summary>The object as it was before a change that a watch has shown; null where it was not there.</summary>
    ValueTask<StoredObject?> GetBeforeAsync(ServedResource resource, WatchEvent change, CancellationToken cancellationToken);
}
