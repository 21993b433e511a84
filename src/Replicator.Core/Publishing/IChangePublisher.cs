using Replicator.Core.Events;

namespace Replicator.Core.Publishing;

/// <summary>The bus: takes the events of the log to subscribers.</summary>
public interface IChangePublisher
{
    /// <summary>Publishes the events in their order and returns when the broker has confirmed every one.</summary>
    ValueTask PublishAsync(IReadOnlyList<RecordedEvent> events, CancellationToken cancellationToken);
}
