using System.CommandLine;
using System.Diagnostics;
using Replicator.Configuration;
using Replicator.Core.Events;
using Replicator.Core.Projecting;
using Replicator.Core.Recording;
using Replicator.Core.Recordings;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;
using Replicator.Stores;

namespace Replicator.Commands;

/// <summary><c>replicator import</c>.</summary>
static class ImportCommand
{
    public static Command Create()
    {
        var recording = new Argument<string>("RECORDING") { Description = "A folder with watch/ and discovery/." };
        var cluster = new Option<string>("--cluster") { Description = "The id under which it is recorded.", HelpName = "ID", Required = true };
        var data = CommonOptions.Data();
        var (log, snapshots) = CommonOptions.Engines();
        var command = new Command("import", "Brings a recording into the log, with the recorded times as observedAt. May be repeated: what is there is not recorded again.") { recording, cluster, data, log, snapshots };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(recording)!, result.GetValue(cluster)!, result.GetValue(data)!, Settings.Load().Store(result.GetValue(log), result.GetValue(snapshots)), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(string path, string cluster, string data, StoreSettings store, CancellationToken cancellationToken)
    {
        ClusterId.Check(cluster);
        var recording = Recording.Open(path);
        await using var folder = await OpenedStores.OpenAsync(store, data, cancellationToken);
        var redactor = new Redactor(RedactionKey.LoadOrCreate(folder.RedactionKeyPath), Settings.Load().RedactionRules);
        foreach (var skipped in recording.Skipped)
            await Console.Error.WriteLineAsync($"left out {Path.GetFileName(skipped)}: the core group serves the same objects");
        var watch = Stopwatch.StartNew();
        using var progress = new ProgressLine("lines read");
        var (lines, duplicates) = await ImportAsync();
        await RecordDiscoveryAsync(recording, folder.Events, cluster, cancellationToken);
        using var projector = new Projector(folder.Events, folder.Snapshots);
        await projector.CatchUpAsync(cancellationToken);
        progress.Clear();
        Console.WriteLine($"{lines} lines read, {duplicates} known already; the log ends at position {await folder.Events.GetHeadAsync(cancellationToken)} ({watch.Elapsed.TotalSeconds:F1} s)");
        return 0;

        async Task<(long, long)> ImportAsync()
        {
            try
            {
                return await RecordingImport.RunAsync(recording, folder.Events, cluster, redactor, TimeProvider.System, progress, cancellationToken);
            }
            catch (StoreUnavailableException exception)
            {
                throw new CommandException($"{exception.Message} Then import again: what is there already is not recorded twice.");
            }
        }
    }

    /// <summary>Records what the server said that it serves, by which types are found under their short names.</summary>
    static async Task RecordDiscoveryAsync(Recording recording, IEventStore events, string cluster, CancellationToken cancellationToken)
    {
        // The documents of a recording were fetched when its watches had ended.
        var last = DateTimeOffset.MinValue;
        foreach (var stream in await events.ListStreamsAsync($"k8s-{cluster}-", cancellationToken))
        {
            await foreach (var page in events.ReadStreamAsync(stream.Stream, long.MaxValue, backwards: true, new ReadOptions(States: false, MaxCount: 1), cancellationToken))
            {
                using (page)
                {
                    foreach (var recorded in page.Events)
                        last = recorded.Metadata.Cluster == cluster && recorded.Metadata.ObservedAt > last ? recorded.Metadata.ObservedAt : last;
                }
            }
        }
        using var recorder = await DiscoveryRecorder.OpenAsync(events, cluster, cancellationToken);
        await recorder.HandleAsync(recording.ReadDiscoveryDocuments(), last, Provenance.Import, cancellationToken);
    }
}
