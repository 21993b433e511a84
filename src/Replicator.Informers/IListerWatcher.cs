using Replicator.Core.Kubernetes;

namespace Replicator.Informers;

/// <summary>Sends a <see cref="Reflector"/>'s requests (client-go's ListerWatcher): the seam for whoever has another way to a server, or a fault to inject.</summary>
/// <remarks>An answer is returned once its headers are there, whatever its status; the body is read by the caller, who also disposes it.</remarks>
public interface IListerWatcher
{
    /// <summary>What is listed and watched.</summary>
    ResourceType Type { get; }

    /// <summary>Asks for a list.</summary>
    /// <param name="query">The query parameters, <c>limit=500</c>; empty for none.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    Task<HttpResponseMessage> ListAsync(string query, CancellationToken cancellationToken);

    /// <summary>Asks for a watch, or a streaming list.</summary>
    /// <param name="query">The query parameters, <c>watch=true</c> among them.</param>
    /// <param name="cancellationToken">Ends the request, and the watch.</param>
    Task<HttpResponseMessage> WatchAsync(string query, CancellationToken cancellationToken);
}
