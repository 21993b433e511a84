using Replicator.Configuration;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.Core.SelfChecking;
using Replicator.Core.Storage;
using Replicator.Examining;
using Replicator.Informers;
using Replicator.SelfChecking;
using Replicator.Server;

namespace Replicator;

/// <summary>Collects one cluster into the log of a host. What goes wrong with it is its own affair: it is shown in the health and tried again, and stops no other cluster.</summary>
sealed class ClusterCollector
{
    static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(2);
    static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    readonly ClusterSettings _settings;
    readonly ReplicatorHost _host;
    readonly bool _isOnly;
    readonly TimeProvider _time;
    readonly RuleCounts _counts;
    readonly byte[] _key;
    readonly CollectorFence _fence;
    volatile ClusterReflectors? _reflectors;
    volatile ClusterSelfCheck? _selfCheck;
    volatile HttpClient? _client;
    volatile string? _failure;
    volatile bool _stopped;

    /// <summary>Creates a collector; <see cref="RunAsync"/> starts it.</summary>
    /// <param name="id">The cluster's id.</param>
    /// <param name="settings">Where the cluster is, and what to record of it.</param>
    /// <param name="host">The log.</param>
    /// <param name="isOnly">Whether there is no other: then a cluster that cannot be reached at the start ends the run, for the one who started it is there to mend it.</param>
    /// <param name="time">The clock.</param>
    public ClusterCollector(string id, ClusterSettings settings, ReplicatorHost host, bool isOnly, TimeProvider time)
    {
        (Id, _settings, _host, _isOnly, _time, _counts) = (id, settings, host, isOnly, time, new RuleCounts(id));
        // Here and not in the run, for the runs of several collectors would make it at once.
        _key = RedactionKey.LoadOrCreate(host.Data.RedactionKeyPath);
        // One for all runs: one that starts over must not drive out who has taken over meanwhile.
        _fence = new CollectorFence(host.Data.Events, id, time);
        host.Health.SetCollector(id, () => Activity);
    }

    /// <summary>The cluster's id.</summary>
    public string Id { get; }

    /// <summary>How it stands.</summary>
    public CollectorActivity Activity
    {
        get
        {
            var health = _reflectors?.Health;
            var types = health?.Types ?? [];
            var (state, error) = Judge(health);
            return new CollectorActivity(state, error, [.. types.Select(type => new CollectorState(type.Type.GroupResource, type.State.ToString(), type.LastError))], _counts.All, _selfCheck?.Last ?? []);
        }
    }

    /// <summary>Looks whether the server gives what collecting needs.</summary>
    public IAsyncEnumerable<Finding> ExamineAsync(CancellationToken cancellationToken)
    {
        if (_client is { } client && _failure is null)
            return new AccessExamination(Id, client, _settings.Rules, _time).ExamineAsync(cancellationToken);
        var (_, error) = Judge(_reflectors?.Health);
        return new[] { new Finding("server", Id, FindingLevel.Problem, error ?? "the collector has not begun yet", "See that kubeconfig and context are right, that the server runs, and that the credentials are valid.") }.ToAsyncEnumerable();
    }

    /// <summary>Compares what the log holds of every watched type with the server, type by type; nothing where the cluster was not reached yet.</summary>
    public IAsyncEnumerable<TypeCheck> CheckAsync(CancellationToken cancellationToken) =>
        _selfCheck is { } selfCheck && _reflectors is { } reflectors ? selfCheck.CheckAsync(WatchedTypes(reflectors), cancellationToken) : AsyncEnumerable.Empty<TypeCheck>();

    /// <summary>Collects until it is cancelled. Where it is not the only one, it starts over after whatever another try may mend.</summary>
    /// <exception cref="Exception">What ended it for good.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (var delay = FirstDelay; ; delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, LongestDelay.Ticks)))
            {
                try
                {
                    await CollectAsync(cancellationToken);
                    return;
                }
                // Another collector that has taken over would only be driven out in turn.
                catch (Exception exception) when (!_isOnly && exception is not (ClusterTakenOverException or WrongExpectedRevisionException) && ExitCodes.IsExpected(exception))
                {
                    _failure = exception.Message;
                    _host.Log.LogWarning("{Cluster}: {Fault} Trying again in {Seconds} s.", Id, exception.Message, Math.Round(delay.TotalSeconds));
                    await Task.Delay(delay, _time, cancellationToken);
                }
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            _failure = exception.Message;
            if (!_isOnly)
                _host.Log.LogError("{Cluster}: {Fault} This cluster is not collected any more.", Id, exception.Message);
            throw;
        }
        finally
        {
            _stopped = true;
        }
    }

    async Task CollectAsync(CancellationToken cancellationToken)
    {
        using var connection = ClusterConnection.Open(new ClusterOptions { KubeconfigPath = _settings.Kubeconfig, Context = _settings.Context });
        using var sinks = new RecorderSinks(_host.Data.Events, _fence, Id, _settings.Rules, _counts, () => new Redactor(_key, _settings.Redact), _host.Health, _host.Log, _time);
        var reflectors = new ClusterReflectors(connection.Client, sinks, new ClusterReflectorsOptions
        {
            Reflector = new ReflectorOptions { Cluster = Id, Budget = _host.Budget },
            Watches = _settings.Rules.Records,
            FailWhenUnreachableAtStart = _isOnly,
            ReadsOpenApi = true,
            Problem = problem => _host.Log.LogWarning("{Cluster}: {Resource}: {Problem}", Id, problem.Type?.GroupResource.ToString() ?? "discovery", problem.Message),
        }, _time);
        using var selfCheck = new ClusterSelfCheck(Id, connection.Client, sinks, _settings.SelfCheck, _host.Health, _host.Log, _time);
        (_reflectors, _selfCheck, _client, _failure) = (reflectors, selfCheck, connection.Client, null);
        Console.WriteLine($"replicating {connection.ServerUrl} (context {connection.ContextName}) as '{Id}' into {_host.Data.Name}; {_host.Served}");
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var checking = selfCheck.RunAsync(() => WatchedTypes(reflectors), ending.Token);
        try
        {
            await reflectors.RunAsync(cancellationToken);
        }
        finally
        {
            await ending.CancelAsync();
            await checking;
        }
    }

    static IReadOnlyList<ResourceType> WatchedTypes(ClusterReflectors reflectors) =>
        [.. reflectors.Health.Types.Where(type => type.State != ReflectorState.Stopped).Select(type => type.Type)];

    (string State, string? Error) Judge(ClusterHealth? health)
    {
        if (_failure is { } failure)
            return ("Failed", failure);
        if (_stopped)
            return ("Stopped", null);
        // Problems that are not of one group are those of the server itself.
        var problem = health?.Problems.FirstOrDefault(problem => problem.Group is null)?.Message;
        if (health?.DiscoveredAt is null)
            return problem is null ? ("Starting", null) : ("Unreachable", problem);
        var active = health.Types.Where(type => type.State != ReflectorState.Stopped).ToList();
        // Each tries again at its own time, so that not all wait at once; and one that came through again has an error until its next line.
        if (active.TrueForAll(type => type.LastError is not null) && active.Find(type => type.State == ReflectorState.Backoff) is { } waiting)
            return ("Unreachable", waiting.LastError);
        return ("Collecting", problem ?? (health.Problems.Count > 0 ? health.Problems[0].Message : null));
    }
}
