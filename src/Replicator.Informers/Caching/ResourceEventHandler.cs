namespace Replicator.Informers.Caching;

/// <summary>A handler made of functions.</summary>
public sealed class ResourceEventHandler : IResourceEventHandler
{
    readonly Func<ResourceEvent, CancellationToken, ValueTask> _handle;

    /// <summary>A handler that may wait.</summary>
    public ResourceEventHandler(Func<ResourceEvent, CancellationToken, ValueTask> handle) => _handle = handle;

    /// <summary>A handler that does not wait, such as one that puts keys into a work queue.</summary>
    public ResourceEventHandler(Action<ResourceEvent> handle) => _handle = (change, _) =>
    {
        handle(change);
        return ValueTask.CompletedTask;
    };

    /// <inheritdoc/>
    public ValueTask HandleAsync(ResourceEvent change, CancellationToken cancellationToken) => _handle(change, cancellationToken);
}
