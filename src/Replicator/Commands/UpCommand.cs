using System.CommandLine;
using Replicator.Configuration;
using Replicator.Core.Storage;
using Replicator.Examining;
using Replicator.Informers;
using Replicator.Informers.Queues;
using Replicator.KubeApi;
using Replicator.Stores;

namespace Replicator.Commands;

/// <summary><c>replicator up</c>.</summary>
static class UpCommand
{
    static readonly TimeSpan ReportPeriod = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        var kubeconfig = new Option<string?>("--kubeconfig") { Description = "The kubeconfig; else $KUBECONFIG, ~/.kube/config, or the pod's service account.", HelpName = "FILE" };
        var context = new Option<string?>("--context") { Description = "The context; else the current one.", HelpName = "NAME" };
        var cluster = new Option<string?>("--cluster") { Description = "The id under which the cluster is recorded; else made from the context's name.", HelpName = "ID" };
        var listen = new Option<string?>("--listen") { Description = "Where the API listens [default: http://127.0.0.1:7070].", HelpName = "URL" };
        var data = CommonOptions.Data();
        var (log, snapshots) = CommonOptions.Engines();
        var demo = new Option<bool>("--demo") { Description = "Replicates a replay of the bundled recording, a busy minute of a small cluster, in place of a real one." };
        var speed = ReplayCommand.SpeedOption();
        speed.Description = "With --demo: by what the recorded times are divided, or max.";
        var roles = new Option<string?>("--roles") { Description = "What this process does: some of collector, projector, publisher, api, with commas between them [default: all].", HelpName = "ROLES" };
        var command = new Command("up", "Replicates a cluster: records every change, keeps the projection, publishes to the bus, and serves the API. Ctrl-C ends it; the next start goes on where it stopped.")
        {
            kubeconfig, context, cluster, data, log, snapshots, listen, roles, demo, speed,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var settings = Settings.Load();
            var address = result.GetValue(listen) ?? settings.Listen;
            var chosen = RoleNames.Parse(result.GetValue(roles) ?? settings.Roles);
            var store = settings.Store(result.GetValue(log), result.GetValue(snapshots));
            if (store.Log == LogEngine.Sqlite)
                RoleNames.CheckEmbedded(chosen, result.GetValue(data)!);
            if (result.GetValue(demo) && !chosen.HasFlag(Roles.Collector))
                throw new CommandException($"--demo is a cluster to collect from, and the roles '{RoleNames.Format(chosen)}' do not collect: add collector to --roles, or leave --demo out.");
            if (result.GetValue(demo))
                return await DemoAsync(settings.Cluster with { Id = result.GetValue(cluster) ?? "shop" }, result.GetValue(data)!, store, address, chosen, ReplayCommand.ParseSpeed(result.GetValue(speed)!), cancellationToken);
            return await RunAsync(settings.Choose(result.GetValue(kubeconfig), result.GetValue(context), result.GetValue(cluster)), result.GetValue(data)!, store, address, chosen, cancellationToken);
        });
        return command;
    }

    static async Task<int> DemoAsync(ClusterSettings cluster, string data, StoreSettings store, string listen, Roles roles, double speed, CancellationToken cancellationToken)
    {
        await using var replay = await ReplayCommand.StartAsync(new ReplayOptions { RecordingPath = ReplayCommand.BundledRecording, Speed = speed, WaitForWatchers = true }, cancellationToken);
        var kubeconfig = Path.Combine(Path.GetTempPath(), $"replicator-demo-{Environment.ProcessId}.yaml");
        replay.WriteKubeconfig(kubeconfig);
        _ = replay.Completed.ContinueWith(_ => Console.WriteLine($"the recording has ended ({replay.Played} events); its last state stays"), cancellationToken, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
        try
        {
            return await RunAsync([cluster with { Kubeconfig = kubeconfig, Context = null }], data, store, listen, roles, cancellationToken);
        }
        finally
        {
            File.Delete(kubeconfig);
        }
    }

    static async Task<int> RunAsync(IReadOnlyList<ClusterSettings> clusters, string data, StoreSettings store, string listen, Roles roles, CancellationToken cancellationToken)
    {
        var named = (roles.HasFlag(Roles.Collector) ? clusters : []).Select(cluster => (Id: cluster.Id ?? NameOf(cluster), Settings: cluster)).ToList();
        foreach (var (id, _) in named)
            ClusterId.Check(id);
        var access = Settings.Load().Access;
        ReplicatorHost.CheckAddress(listen, access);
        if (access.Tls is not null && !listen.StartsWith(Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase))
            throw new CommandException($"tls.certificate is set, but '{listen}' would listen without it: write https:// there, or leave tls out.");
        await using var host = await ReplicatorHost.StartAsync(await OpenedStores.OpenAsync(store, data, cancellationToken), listen, roles, cancellationToken);
        if (access.Kubernetes)
            host.Reviewers = new ClusterReviewers([.. clusters.Select(cluster => (cluster.Id ?? NameOf(cluster), cluster))]);
        host.Budget = new ByteBudget(Settings.Load().BufferBytes);
        var collectors = named.Select(cluster => new ClusterCollector(cluster.Id, cluster.Settings, host, isOnly: named.Count == 1, TimeProvider.System)).ToList();
        host.Health.Examination = cancelled => Examination.OfCollectorsAsync(host, collectors, cancelled);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reporting = ReportAsync(host, collectors, stopping.Token);
        try
        {
            if (collectors.Count == 0)
            {
                Console.WriteLine($"running as {RoleNames.Format(roles)} over {host.Data.Name}; {host.Served}");
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }
            await Task.WhenAll(collectors.Select(collector => collector.RunAsync(cancellationToken)));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C is how it ends.
        }
        finally
        {
            await stopping.CancelAsync();
            await reporting;
        }
        Console.WriteLine(await TryReadAsync(() => host.Data.Events.GetHeadAsync(CancellationToken.None)) is { } last ? $"stopped; the log ends at position {last}" : "stopped; the log cannot be read now");
        return 0;
    }

    static string NameOf(ClusterSettings cluster)
    {
        using var connection = ClusterConnection.Open(new ClusterOptions { KubeconfigPath = cluster.Kubeconfig, Context = cluster.Context });
        return ClusterId.From(connection.ContextName);
    }

    /// <summary>A line now and then, where something has changed since the last.</summary>
    static async Task ReportAsync(ReplicatorHost host, IReadOnlyList<ClusterCollector> collectors, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(ReportPeriod);
        var last = -1L;
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                if (await TryReadAsync(() => host.Data.Events.GetHeadAsync(cancellationToken)) is not { } head || head == last)
                    continue;
                var projected = host.Roles.HasFlag(Roles.Projector) ? await TryReadAsync(() => host.Data.Snapshots.GetCheckpointAsync(cancellationToken)) : null;
                var types = collectors.SelectMany(collector => collector.Activity.Types).ToList();
                Console.WriteLine($"{head} events{(collectors.Count == 0 ? "" : $"; {types.Count(type => type.State == nameof(ReflectorState.Watching))} of {types.Count} types watched")}{(projected is { } position ? $"; projection {head - position} behind" : "")}");
                last = head;
            }
        }
        catch (OperationCanceledException)
        {
            // The run has ended.
        }
    }

    /// <summary>Null while the store is away: those who work on it say so.</summary>
    static async Task<long?> TryReadAsync(Func<ValueTask<long>> read)
    {
        try
        {
            return await read();
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }
}
