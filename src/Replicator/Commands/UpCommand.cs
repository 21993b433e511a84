using System.CommandLine;
using Replicator.Core.Redaction;
using Replicator.Informers;
using Replicator.KubeApi;
using Replicator.Server;

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
        var demo = new Option<bool>("--demo") { Description = "Replicates a replay of the bundled recording, a busy minute of a small cluster, in place of a real one." };
        var speed = ReplayCommand.SpeedOption();
        speed.Description = "With --demo: by what the recorded times are divided, or max.";
        var command = new Command("up", "Replicates a cluster: records every change, keeps the projection, publishes to the bus, and serves the API. Ctrl-C ends it; the next start goes on where it stopped.")
        {
            kubeconfig, context, cluster, data, listen, demo, speed,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var settings = Settings.Load();
            if (result.GetValue(demo))
                return await DemoAsync(result.GetValue(cluster) ?? "shop", result.GetValue(data)!, result.GetValue(listen) ?? settings.Listen, ReplayCommand.ParseSpeed(result.GetValue(speed)!), settings.RedactionRules, cancellationToken);
            return await RunAsync(new ClusterOptions { KubeconfigPath = result.GetValue(kubeconfig) ?? settings.Kubeconfig, Context = result.GetValue(context) ?? settings.Context },
                result.GetValue(cluster) ?? settings.Cluster, result.GetValue(data)!, result.GetValue(listen) ?? settings.Listen, settings.RedactionRules, cancellationToken);
        });
        return command;
    }

    static async Task<int> DemoAsync(string cluster, string data, string listen, double speed, IReadOnlyList<RedactionRule> rules, CancellationToken cancellationToken)
    {
        await using var replay = await ReplayCommand.StartAsync(new ReplayOptions { RecordingPath = ReplayCommand.BundledRecording, Speed = speed, WaitForWatchers = true }, cancellationToken);
        var kubeconfig = Path.Combine(Path.GetTempPath(), $"replicator-demo-{Environment.ProcessId}.yaml");
        replay.WriteKubeconfig(kubeconfig);
        _ = replay.Completed.ContinueWith(_ => Console.WriteLine($"the recording has ended ({replay.Played} events); its last state stays"), cancellationToken, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
        try
        {
            return await RunAsync(new ClusterOptions { KubeconfigPath = kubeconfig }, cluster, data, listen, rules, cancellationToken);
        }
        finally
        {
            File.Delete(kubeconfig);
        }
    }

    static async Task<int> RunAsync(ClusterOptions options, string? cluster, string data, string listen, IReadOnlyList<RedactionRule> rules, CancellationToken cancellationToken)
    {
        using var connection = ClusterConnection.Open(options);
        var id = cluster ?? ClusterId.From(connection.ContextName);
        ClusterId.Check(id);
        await using var host = await ReplicatorHost.StartAsync(data, listen, publishes: true, cancellationToken);
        using var sinks = new RecorderSinks(host.Data.Events, id, new Redactor(RedactionKey.LoadOrCreate(host.Data.RedactionKeyPath), rules), host.Health, TimeProvider.System);
        var reflectors = new ClusterReflectors(connection.Client, sinks, new ClusterReflectorsOptions { Problem = problem => Console.Error.WriteLine($"{problem.Type?.GroupResource.ToString() ?? "discovery"}: {problem.Message}") }, TimeProvider.System);
        host.Health.SetCollectors(of => of != id ? [] : [.. reflectors.Health.Types.Select(type => new CollectorState(type.Type.GroupResource, type.State.ToString(), type.LastError))]);
        Console.WriteLine($"replicating {connection.ServerUrl} (context {connection.ContextName}) as '{id}' into {host.Data.Path}; API at {host.Url}");
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reporting = ReportAsync(host, reflectors, stopping.Token);
        try
        {
            await reflectors.RunAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Console.WriteLine($"stopped; the log ends at position {await host.Data.Events.GetHeadAsync(CancellationToken.None)}");
        }
        finally
        {
            await stopping.CancelAsync();
            await reporting;
        }
        return 0;
    }

    /// <summary>A line now and then, where something has changed since the last.</summary>
    static async Task ReportAsync(ReplicatorHost host, ClusterReflectors reflectors, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(ReportPeriod);
        var last = -1L;
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                var head = await host.Data.Events.GetHeadAsync(cancellationToken);
                if (head == last)
                    continue;
                var types = reflectors.Health.Types;
                Console.WriteLine($"{head} events; {types.Count(type => type.State == ReflectorState.Watching)} of {types.Count} types watched; projection {head - await host.Data.Snapshots.GetCheckpointAsync(cancellationToken)} behind");
                last = head;
            }
        }
        catch (OperationCanceledException)
        {
            // The run has ended.
        }
    }
}
