using System.Runtime.CompilerServices;
using Replicator.Configuration;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.SelfChecking;
using Replicator.Core.Storage;
using Replicator.Informers;
using Replicator.Server;

namespace Replicator.Examining;

/// <summary>Everything that <c>replicator doctor</c> looks at.</summary>
static class Examination
{
    /// <summary>Of a process that collects: its clusters are compared as they are watched, and what differs is recorded and healed.</summary>
    public static async IAsyncEnumerable<Finding> OfCollectorsAsync(ReplicatorHost host, IReadOnlyList<ClusterCollector> collectors, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var finding in FolderExamination.ExamineAsync(host.Data.Path, host.Data.Events, cancellationToken))
            yield return finding;
        foreach (var (part, fault) in host.Health.Faults)
            yield return new Finding("process", null, FindingLevel.Problem, $"{part}: {fault}");
        foreach (var collector in collectors)
        {
            await foreach (var finding in collector.ExamineAsync(cancellationToken))
                yield return finding;
            await foreach (var check in collector.CheckAsync(cancellationToken))
                yield return Of(collector.Id, check, "It is recorded as a gap; the type is listed anew with the next line of its watch, and the list's findings are recorded.");
        }
    }

    /// <summary>Of a log that nobody writes now: it is compared as of its own last version, where the server still has that one.</summary>
    public static async IAsyncEnumerable<Finding> StandaloneAsync(string data, IEventStore? events, IReadOnlyList<ClusterSettings> clusters, TimeProvider time, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var finding in FolderExamination.ExamineAsync(data, events, cancellationToken))
            yield return finding;
        foreach (var settings in clusters)
        {
            var (connection, failure) = Open(settings);
            if (connection is null)
            {
                yield return new Finding("server", settings.Id, FindingLevel.Problem, failure!, "Name the right kubeconfig and context, in replicator.yaml or with --kubeconfig and --context.");
                continue;
            }
            using (connection)
            {
                var id = settings.Id ?? ClusterId.From(connection.ContextName);
                var access = new AccessExamination(id, connection.Client, settings.Rules, time);
                await foreach (var finding in access.ExamineAsync(cancellationToken))
                    yield return finding;
                if (events is null)
                    continue;
                var lister = new VersionLister(connection.Client, time);
                foreach (var type in access.Types)
                    yield return Of(id, await CheckAsync(events, id, type, settings, lister, time, cancellationToken), "Start 'replicator up': its own check records the gap and heals it.");
            }
        }
    }

    static Finding Of(string cluster, TypeCheck check, string remedy) => new("self-check", cluster,
        check.Outcome switch { CheckOutcome.Equal => FindingLevel.Ok, CheckOutcome.Differs => FindingLevel.Problem, _ => FindingLevel.Note },
        check.Reason ?? $"{check.Type.GroupResource}: {check.Objects} objects as of resource version {check.ResourceVersion}", check.Outcome == CheckOutcome.Differs ? remedy : null, check);

    static (ClusterConnection? Connection, string? Failure) Open(ClusterSettings settings)
    {
        try
        {
            return (ClusterConnection.Open(new ClusterOptions { KubeconfigPath = settings.Kubeconfig, Context = settings.Context }), null);
        }
        catch (ClusterConfigurationException exception)
        {
            return (null, exception.Message);
        }
    }

    static async Task<TypeCheck> CheckAsync(IEventStore events, string cluster, ResourceType type, ClusterSettings settings, VersionLister lister, TimeProvider time, CancellationToken cancellationToken)
    {
        TypeCheck Skipped(string reason) => new() { Type = type, CheckedAt = time.GetUtcNow(), Outcome = CheckOutcome.Skipped, Reason = $"{type.GroupResource}: {reason}" };

        // Nothing is written, so that no value needs a fingerprint.
        using var redactor = new Redactor(new byte[RedactionKey.Length]);
        var rules = settings.Rules.For(type, null);
        using var recorder = await StreamRecorder.OpenAsync(events, cluster, type.GroupResource, redactor, rules, time, cancellationToken);
        if (recorder.ResumeVersion is not { } version || !recorder.BeginFold())
            return Skipped($"stream '{new StreamId(cluster, type.GroupResource)}' does not end in a state that can be compared: nothing is recorded yet, or a gap is open; 'replicator up' lists the type");
        try
        {
            var (listed, listedAt) = await lister.ListAsync(type, version, cancellationToken);
            if (listedAt != version)
                return Skipped($"the server listed it as of {listedAt}, and the log ends at {version}: 'replicator up' catches up and compares");
            if (recorder.FoldAt(version) is not { } fold)
                return Skipped($"resource version '{version}' cannot be compared (KEP-5504)");
            var objects = listed.Where(one => rules?.Excludes(one.Namespace) != true).ToList();
            return FoldComparison.Judge(type, version, time.GetUtcNow(), fold, objects);
        }
        catch (VersionListException exception)
        {
            return Skipped(exception.Status == System.Net.HttpStatusCode.Gone ? $"the server no longer has resource version {version}, where the log ends: 'replicator up' catches up and compares" : exception.Message);
        }
    }
}
