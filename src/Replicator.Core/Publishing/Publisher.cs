using Replicator.Core.Diagnostics;
using Replicator.Core.Storage;

namespace Replicator.Core.Publishing;

/// <summary>Follows the log and carries it to the bus. The log is the outbox: publish, await the confirmation, then store the position; so a crash in between publishes again, never skips.</summary>
public sealed class Publisher(IEventStore events, ICheckpointStore checkpoints, IChangePublisher bus, string name = "publisher")
{
    /// <summary>Follows the log from the stored position until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var checkpoint = await checkpoints.ReadAsync(name, cancellationToken).ConfigureAwait(false);
        await foreach (var page in events.SubscribeAsync(checkpoint, new ReadOptions(States: false), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                await bus.PublishAsync(page.Events, cancellationToken).ConfigureAwait(false);
                await checkpoints.WriteAsync(name, page.Position, cancellationToken).ConfigureAwait(false);
                CoreTelemetry.ChangesPublished.Add(page.Events.Count);
            }
        }
    }
}
