using Replicator.Core.Events;

namespace Replicator.Core.Publishing;

/// <summary>The bus: takes the events of the log to subscribers.</summary>
public interface IChangePublisher
{
    /// <summary>What is published to, as the health names it: <c>RabbitMQ at rabbit:5672</c>.</summary>
    string Destination { get; }

    /// <summary>The last error of a publish that is being tried again; null where there is none. The broker's own words.</summary>
    string? LastError { get; }

    /// <summary>Publishes the events and returns when the broker has confirmed every one; waits for a broker that is away or short of memory or disk, however long.</summary>
    /// <remarks>
    /// An object's events go out in their order, and an event about the observer itself neither before what precedes it in the log nor after what follows. What was confirmed before a fault is not sent again by this call; what was not may arrive twice.
    /// </remarks>
    ValueTask PublishAsync(IReadOnlyList<RecordedEvent> events, CancellationToken cancellationToken);
}
