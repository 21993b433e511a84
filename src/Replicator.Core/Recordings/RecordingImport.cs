using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;

namespace Replicator.Core.Recordings;

/// <summary>Brings a recording into the log, with the recorded times as observedAt. What is there already is not recorded again, so that an import that was broken off may simply be repeated.</summary>
public static class RecordingImport
{
    const int BatchDeltas = 512;

    /// <summary>Imports a recording.</summary>
    /// <param name="recording">The recording.</param>
    /// <param name="store">The log.</param>
    /// <param name="cluster">The id under which it is recorded.</param>
    /// <param name="redactor">What must not be recorded.</param>
    /// <param name="time">The clock of retries.</param>
    /// <param name="progress">Told how many lines were read.</param>
    /// <param name="cancellationToken">Ends the import between two batches.</param>
    /// <returns>How many lines were read, and how many of them said nothing new.</returns>
    /// <exception cref="RecordingException">A file is truncated or malformed; what came before it is recorded.</exception>
    /// <exception cref="StoreUnavailableException">The log cannot be written now (a full disk, say); what came before is recorded.</exception>
    public static async Task<(long Lines, long Duplicates)> RunAsync(
        Recording recording, IEventStore store, string cluster, Redactor redactor, TimeProvider time, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var streams = new Dictionary<GroupResource, (StreamRecorder Recorder, Task Pending, DateTimeOffset From, bool Synced)>();
        var (lines, known) = (0L, 0L);
        try
        {
            var batch = new List<Delta>();
            using var deltas = recording.ReadDeltas().GetEnumerator();
            while (await NextAsync().ConfigureAwait(false))
            {
                var delta = deltas.Current;
                if (batch.Count > 0 && (batch.Count == BatchDeltas || batch[0].Type.GroupResource != delta.Type.GroupResource))
                {
                    await SendAsync(batch).ConfigureAwait(false);
                    batch = [];
                    progress?.Report(lines);
                }
                lines++;
                if (await IsKnownAsync(delta).ConfigureAwait(false))
                    known++;
                else
                    batch.Add(delta);
            }
            if (batch.Count > 0)
                await SendAsync(batch).ConfigureAwait(false);
            await Task.WhenAll(streams.Values.Select(stream => stream.Pending)).ConfigureAwait(false);
            progress?.Report(lines);
            return (lines, known + streams.Values.Sum(stream => stream.Recorder.Duplicates));

            async ValueTask<bool> NextAsync()
            {
                try
                {
                    return deltas.MoveNext();
                }
                catch (RecordingException) when (batch.Count > 0)
                {
                    await SendAsync(batch).ConfigureAwait(false);
                    throw;
                }
            }
        }
        finally
        {
            // A batch that is on its way uses its recorder until it is answered.
            foreach (var (recorder, pending, _, _) in streams.Values)
            {
                await pending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                recorder.Dispose();
            }
        }

        // An old list must not be compared with a newer state, so what the stream has already seen is left out by its time; at the very moment where it ends, the recorder knows what is new.
        async ValueTask<bool> IsKnownAsync(Delta delta)
        {
            var type = delta.Type.GroupResource;
            if (!streams.TryGetValue(type, out var stream))
            {
                var recorder = await StreamRecorder.OpenAsync(store, cluster, type, redactor, time, cancellationToken).ConfigureAwait(false);
                // Whoever imports can make room and import again; a command that stands still says less.
                recorder.WaitsForStore = false;
                streams[type] = stream = (recorder, Task.CompletedTask, recorder.ResumeTime ?? DateTimeOffset.MinValue, recorder.ResumeVersion is not null);
            }
            return delta.ObservedAt < stream.From || (stream.Synced && delta.ObservedAt == stream.From && delta.Kind is (DeltaKind.ListStarted or DeltaKind.Listed or DeltaKind.ListCompleted));
        }

        // Batches go out in the order of time and are not waited for one by one, so that the store commits many streams' together.
        async Task SendAsync(List<Delta> batch)
        {
            var type = batch[0].Type.GroupResource;
            var stream = streams[type];
            await stream.Pending.ConfigureAwait(false);
            streams[type] = stream with { Pending = stream.Recorder.HandleAsync(batch, cancellationToken).AsTask() };
        }
    }
}
