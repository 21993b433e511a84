using MassTransit;
using Replicator.Contracts;
using Replicator.Core.Events;
using Replicator.Core.Publishing;

namespace Replicator.Bus;

/// <summary>Publishes <see cref="ResourceChanged"/> messages through MassTransit, one after the other, so that no object's changes overtake each other.</summary>
public sealed class MassTransitPublisher(IBus bus) : IChangePublisher
{
    /// <summary>The header that carries the W3C trace context of the watch line.</summary>
    public const string TraceParentHeader = "traceparent";

    /// <inheritdoc/>
    public async ValueTask PublishAsync(IReadOnlyList<RecordedEvent> events, CancellationToken cancellationToken)
    {
        foreach (var recorded in events)
        {
            await bus.Publish(Message(recorded), context =>
            {
                context.MessageId = recorded.Id;
                if (recorded.Metadata.TraceParent is { } traceParent)
                    context.Headers.Set(TraceParentHeader, traceParent);
            }, cancellationToken).ConfigureAwait(false);
        }
    }

    static ResourceChanged Message(RecordedEvent recorded)
    {
        var metadata = recorded.Metadata;
        return new ResourceChanged
        {
            EventId = recorded.Id,
            Position = recorded.Position,
            Stream = recorded.Stream.Name,
            Revision = recorded.Revision,
            Type = EventNames.Of(recorded.Type),
            Cluster = metadata.Cluster,
            Group = metadata.Type.Group,
            Version = metadata.Type.Version,
            Resource = metadata.Type.Resource,
            Kind = metadata.Type.Kind,
            Namespace = metadata.Object.Namespace,
            Name = metadata.Object.Name,
            Uid = metadata.Object.Uid,
            ResourceVersion = metadata.ResourceVersion,
            ObservedAt = metadata.ObservedAt,
            Provenance = EventNames.Of(metadata.Provenance),
            Hash = Convert.ToHexStringLower(recorded.Hash.Span),
        };
    }
}
