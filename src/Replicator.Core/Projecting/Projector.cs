using Replicator.Core.Diagnostics;
using Replicator.Core.Storage;

namespace Replicator.Core.Projecting;

/// <summary>Keeps a projection at the end of the log, and builds a new generation of it beside the one that readers use.</summary>
public sealed class Projector(IEventStore events, ISnapshotStore snapshots) : IDisposable
{
    // Held while a page is applied, and while a rebuilt generation takes the last events and the old one's place: the follower then finds everything that it had applied, and skips it.
    readonly SemaphoreSlim _applying = new(1, 1);

    /// <summary>Follows the log from the projection's checkpoint until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var checkpoint = await snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false);
        await foreach (var page in ReadAhead.Of(token => events.SubscribeAsync(checkpoint, new ReadOptions(), token), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                await ApplyAsync(page, cancellationToken).ConfigureAwait(false);
                CoreTelemetry.EventsProjected.Add(page.Events.Count);
            }
        }
    }

    /// <summary>Brings the projection to the end that the log has now.</summary>
    public async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        var checkpoint = await snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false);
        await foreach (var page in ReadAhead.Of(token => events.ReadAllAsync(checkpoint, new ReadOptions(), token), cancellationToken).ConfigureAwait(false))
        {
            using (page)
                await ApplyAsync(page, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Folds the log anew; readers keep the old generation until the new one is whole. One that was interrupted goes on where it stopped.</summary>
    public async Task RebuildAsync(IProgress<RebuildProgress>? progress, CancellationToken cancellationToken)
    {
        await using var rebuild = await snapshots.BeginRebuildAsync(cancellationToken).ConfigureAwait(false);
        await FoldAsync(rebuild, progress, cancellationToken).ConfigureAwait(false);
        await _applying.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await FoldAsync(rebuild, progress, cancellationToken).ConfigureAwait(false);
            await rebuild.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _applying.Dispose();

    async Task FoldAsync(ISnapshotRebuild rebuild, IProgress<RebuildProgress>? progress, CancellationToken cancellationToken)
    {
        var checkpoint = await rebuild.GetCheckpointAsync(cancellationToken).ConfigureAwait(false);
        var head = await events.GetHeadAsync(cancellationToken).ConfigureAwait(false);
        await foreach (var page in ReadAhead.Of(token => events.ReadAllAsync(checkpoint, new ReadOptions(), token), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                await rebuild.ApplyAsync(page, cancellationToken).ConfigureAwait(false);
                progress?.Report(new RebuildProgress(page.Position, Math.Max(head, page.Position)));
            }
        }
    }

    async ValueTask ApplyAsync(EventPage page, CancellationToken cancellationToken)
    {
        await _applying.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await snapshots.ApplyAsync(page, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _applying.Release();
        }
    }
}
