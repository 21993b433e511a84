namespace Replicator.Informers.Caching;

/// <summary>Is told of what happens to the objects of a <see cref="SharedInformer"/>.</summary>
/// <remarks>
/// <para>Calls never overlap, and those for one key come in order. The informer's indexer shows an event's outcome, or a later one, before the handler is told.</para>
/// <para>A handler that is slower than the cluster delays nobody: once its buffer is full, what waits of a key is merged into what leads from the state that the handler last saw to the present one.</para>
/// <para>An exception is counted and reported, and the next event comes: a handler that has to retry puts keys into a <see cref="Queues.WorkQueue{T}"/>.</para>
/// </remarks>
public interface IResourceEventHandler
{
    /// <summary>Handles an event. The token is cancelled when the handler is removed or the informer stops.</summary>
    ValueTask HandleAsync(ResourceEvent change, CancellationToken cancellationToken);
}
