using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Replicator.Core.Diagnostics;
using Replicator.Core.Kubernetes;
using Replicator.Core.SelfChecking;
using Replicator.Informers;
using Replicator.Server;

namespace Replicator.SelfChecking;

/// <summary>
/// Compares what the log holds of a cluster with what the server lists, type by type and each as of one resource version. A difference is recorded as a gap and relisted, whatever lost the change: etcd and the API server
/// have lost watch events before (etcd issues 17529, 18089, 19179), and so might we.
/// </summary>
/// <remarks>After KEP-4988, which compares a digest of namespace, name and resource version every five minutes within an API server.</remarks>
sealed class ClusterSelfCheck(string cluster, HttpClient client, RecorderSinks sinks, SelfCheckSettings settings, ReplicatorHealth health, ILogger log, TimeProvider time) : IDisposable
{
    static readonly TimeSpan PollPeriod = TimeSpan.FromSeconds(1);

    readonly VersionLister _lister = new(client, time);
    readonly SemaphoreSlim _checking = new(1, 1);
    readonly ConcurrentDictionary<GroupResource, TypeCheck> _last = [];

    /// <summary>The last check of each type.</summary>
    public IReadOnlyList<TypeCheck> Last => [.. _last.Values.OrderBy(check => check.Type.GroupResource.ToString(), StringComparer.Ordinal)];

    /// <summary>Checks every type that is watched, at the period, until it is cancelled.</summary>
    public async Task RunAsync(Func<IReadOnlyList<ResourceType>> types, CancellationToken cancellationToken)
    {
        if (settings.Period is not { } period)
            return;
        var part = $"{cluster}: self-check";
        using var timer = new PeriodicTimer(period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                try
                {
                    await foreach (var check in CheckAsync(types(), cancellationToken))
                    {
                        if (check.Outcome == CheckOutcome.Differs)
                            log.LogWarning("{Cluster}: {Resource}: {Reason}", cluster, check.Type.GroupResource, check.Reason);
                    }
                    health.Report(part, null);
                }
                // What the store refuses befalls the recorders too, and theirs is the word that ends the run.
                catch (Exception exception) when (exception is not OperationCanceledException && ExitCodes.IsExpected(exception))
                {
                    health.Report(part, exception.Message);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The run has ended.
        }
    }

    /// <summary>Checks types one after the other.</summary>
    public async IAsyncEnumerable<TypeCheck> CheckAsync(IReadOnlyList<ResourceType> types, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var type in types)
        {
            await _checking.WaitAsync(cancellationToken);
            TypeCheck check;
            try
            {
                check = await CheckAsync(type, cancellationToken);
            }
            finally
            {
                _checking.Release();
            }
            _last[type.GroupResource] = check;
            CoreTelemetry.SelfChecks.Add(1, [new("cluster", cluster), new("resource", type.GroupResource.ToString()), new("outcome", check.Outcome.ToString())]);
            if (check.Differing > 0)
                CoreTelemetry.SelfCheckDifferences.Add(check.Differing, [new("cluster", cluster), new("resource", type.GroupResource.ToString())]);
            yield return check;
        }
    }

    public void Dispose() => _checking.Dispose();

    async Task<TypeCheck> CheckAsync(ResourceType type, CancellationToken cancellationToken)
    {
        TypeCheck Skipped(string reason) => new() { Type = type, CheckedAt = time.GetUtcNow(), Outcome = CheckOutcome.Skipped, Reason = reason };

        if (sinks.Find(type.GroupResource) is not { } sink || !await sink.BeginFoldAsync(cancellationToken))
            return Skipped("the type is not watched yet, or a list is under way");
        string? proven = null;
        try
        {
            // Asked for after the fold began, a list of the server's newest is at least as new as everything recorded before: what is newer than it can be taken back.
            var (listed, version) = await _lister.ListAsync(type, exactly: null, cancellationToken);
            var objects = listed.Where(one => !sink.Excludes(one.Namespace)).ToList();
            var started = time.GetTimestamp();
            while (true)
            {
                if (await sink.FoldAtAsync(version, cancellationToken) is not { } fold)
                    return Skipped(ResourceVersion.IsComparable(version) ? "a list or a gap came between" : $"resource version '{version}' cannot be compared (KEP-5504)");
                var check = FoldComparison.Judge(type, version, time.GetUtcNow(), fold, objects);
                if (check.Outcome == CheckOutcome.Equal)
                {
                    proven = version;
                    return check;
                }
                var hasComePast = fold.SeenVersion == version || ResourceVersion.IsComparable(fold.SeenVersion) && ResourceVersion.Compare(fold.SeenVersion, version) > 0;
                if (hasComePast || time.GetElapsedTime(started) >= settings.Patience)
                {
                    await sink.ConfessAsync(type, check.Reason!, time.GetUtcNow(), cancellationToken);
                    return check;
                }
                await Task.Delay(PollPeriod, time, cancellationToken);
            }
        }
        catch (VersionListException exception)
        {
            return Skipped(exception.Message);
        }
        finally
        {
            await sink.EndFoldAsync(proven, time.GetUtcNow(), CancellationToken.None);
        }
    }
}
