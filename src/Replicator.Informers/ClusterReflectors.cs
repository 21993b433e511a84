using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;

namespace Replicator.Informers;

/// <summary>
/// Watches everything that a cluster serves: a <see cref="Reflector"/> per type, new types from when discovery shows them (at once after a change of a CustomResourceDefinition or APIService), vanished ones until a
/// second look confirms it.
/// </summary>
/// <remarks>
/// A type that is no longer served ends with a gap, so that nobody takes its last objects for living ones: they may be stored still (a version or an API was switched off) or gone (their definition was deleted). Served
/// again, the list that follows closes the gap and tells.
/// </remarks>
/// <param name="client">Its base address is the server's URL, ending in a slash (<see cref="ClusterConnection.Client"/>).</param>
/// <param name="sinks">Where the deltas go.</param>
/// <param name="options">How to go about it.</param>
/// <param name="time">The clock of everything.</param>
public sealed class ClusterReflectors(HttpClient client, IDeltaSinkFactory sinks, ClusterReflectorsOptions options, TimeProvider time)
{
    static readonly GroupResource CustomResourceDefinitions = new("apiextensions.k8s.io", "customresourcedefinitions");
    static readonly GroupResource ApiServices = new("apiregistration.k8s.io", "apiservices");

    const string NoLongerServed = "the server no longer serves the type";

    readonly Discovery _discovery = new(client, time, options.Excluded);
    readonly OpenApiReader _openApi = new(client, time);
    Task _readingOpenApi = Task.CompletedTask;
    readonly Channel<bool> _hints = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    readonly ReflectorOptions _reflectorOptions = options.Reflector with { Problem = options.Reflector.Problem ?? options.Problem };
    readonly Lock _gate = new();
    readonly Dictionary<GroupResource, Running> _running = [];
    readonly HashSet<GroupResource> _missing = [];
    readonly TaskCompletionSource _fatal = new(TaskCreationOptions.RunContinuationsAsynchronously);

    DateTimeOffset? _discoveredAt;
    IReadOnlyList<DiscoveryProblem> _problems = [], _openApiProblems = [];
    IReadOnlyList<DiscoveryDocument> _documents = [];
    HashSet<string> _broken = [];

    // What an earlier run recorded and this one does not watch, until it is known whether it is served.
    Dictionary<GroupResource, ResourceType>? _recorded;
    Task<bool>? _hint;

    /// <summary>How all of them fare now. Safe to ask at any time from any thread.</summary>
    public ClusterHealth Health
    {
        get
        {
            lock (_gate)
            {
                return new ClusterHealth(
                    _discoveredAt, [.. _problems, .. _openApiProblems],
                    [.. _running.Values.Select(running => running.Health).OrderBy(health => health.Type.Group, StringComparer.Ordinal).ThenBy(health => health.Type.Resource, StringComparer.Ordinal)]);
            }
        }
    }

    /// <summary>Runs until it is cancelled, and then returns; every reflector has ended and every sink is disposed by then. To be called once.</summary>
    /// <exception cref="ClusterUnreachableException">The server could not be reached at the start, and <see cref="ClusterReflectorsOptions.FailWhenUnreachableAtStart"/> is set.</exception>
    /// <exception cref="Exception">What a sink or the factory threw: all reflectors were stopped for it.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var turns = new ListTurns(options.ConcurrentLists);
        var supervising = SuperviseAsync(turns, stop.Token);
        await Task.WhenAny(supervising, _fatal.Task).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);

        Exception? failure = null;
        try
        {
            await supervising.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        // It is thrown again below, once nothing runs any more.
        catch (Exception exception)
        {
            failure = exception;
        }
        await Task.WhenAll(_running.Values.Select(running => running.Task).Append(_readingOpenApi)).ConfigureAwait(false);
        if (_fatal.Task.IsFaulted)
            failure = _fatal.Task.Exception.InnerException;
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    async Task SuperviseAsync(ListTurns turns, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(time, _reflectorOptions.Jitter);
        var confirm = false;
        while (true)
        {
            var wait = options.DiscoveryInterval;
            try
            {
                var snapshot = await _discovery.DiscoverAsync(cancellationToken).ConfigureAwait(false);
                var uncertain = await ApplyAsync(snapshot, turns, cancellationToken).ConfigureAwait(false);
                // Beside us: a server that is slow with its documents must not keep a new type waiting. What changes meanwhile is seen at the next look.
                if (options.ReadsOpenApi && _readingOpenApi.IsCompleted)
                    _readingOpenApi = ReadOpenApiAsync(cancellationToken);
                if (uncertain || confirm)
                    wait = options.DiscoveryConfirmation;
                confirm = false;
            }
            catch (ClusterUnreachableException exception) when (_discoveredAt is not null || !options.FailWhenUnreachableAtStart)
            {
                wait = backoff.Next();
                lock (_gate)
                    _problems = [new DiscoveryProblem(null, exception.Message)];
                Report($"{exception.Message} Looking for types again in {wait.TotalSeconds:0.0} s.");
            }
            if (await HintedWithinAsync(wait, cancellationToken).ConfigureAwait(false))
            {
                // A definition changes several times while it is established; but one that never rests must not keep the others waiting.
                var since = time.GetTimestamp();
                while (time.GetElapsedTime(since) < options.DiscoveryConfirmation && await HintedWithinAsync(options.DiscoveryDebounce, cancellationToken).ConfigureAwait(false))
                {
                }
                confirm = true;
            }
        }
    }

    /// <summary>Starts what is new and stops what is gone for the second time. True where another look is needed soon.</summary>
    async ValueTask<bool> ApplyAsync(DiscoverySnapshot snapshot, ListTurns turns, CancellationToken cancellationToken)
    {
        if (!SameDocuments(_documents, snapshot.Documents))
        {
            await sinks.HandleDiscoveryAsync(snapshot, cancellationToken).ConfigureAwait(false);
            _documents = snapshot.Documents;
        }
        foreach (var problem in snapshot.Problems.Except(_problems))
            Report(problem.Message);

        _recorded ??= (await sinks.ListRecordedAsync(cancellationToken).ConfigureAwait(false)).ToDictionary(type => type.GroupResource);
        var served = snapshot.Types.Where(options.Watches).ToDictionary(type => type.GroupResource);
        var broken = snapshot.Problems.Where(problem => problem.Group is not null).Select(problem => problem.Group!).ToHashSet(StringComparer.Ordinal);
        var everythingBroken = snapshot.Problems.Any(problem => problem.Group is null);
        var uncertain = false;
        foreach (var (key, running) in _running.Where(pair => !pair.Value.Ended).ToList())
        {
            // What a broken group's document says, or leaves out, proves nothing.
            if (broken.Contains(key.Group) || everythingBroken && !served.ContainsKey(key))
                continue;
            if (!served.TryGetValue(key, out var type))
            {
                if (_missing.Add(key))
                {
                    uncertain = true;
                    continue;
                }
                await running.StopAsync(NoLongerServed).ConfigureAwait(false);
                await ConfessAsync(running.Type, NoLongerServed, cancellationToken).ConfigureAwait(false);
                Report($"{key} is no longer served; its reflector has stopped.");
            }
            else if (type != running.Type)
            {
                // The same objects in another version: go on where the last one ended.
                await running.StopAsync($"the server now prefers version {type.Version}").ConfigureAwait(false);
            }
        }
        foreach (var (key, type) in _recorded.ToList())
        {
            if (!served.ContainsKey(key))
            {
                if (broken.Contains(key.Group) || everythingBroken)
                    continue;
                if (_missing.Add(key))
                {
                    uncertain = true;
                    continue;
                }
                await ConfessAsync(type, options.Excluded.Contains(key) || !options.Watches(type) ? "the type is excluded from being watched" : NoLongerServed, cancellationToken).ConfigureAwait(false);
            }
            _recorded.Remove(key);
        }
        _missing.RemoveWhere(served.ContainsKey);

        foreach (var (key, type) in served)
        {
            if (_running.TryGetValue(key, out var known) && !known.Ended)
                continue;
            cancellationToken.ThrowIfCancellationRequested();
            var hinting = key == CustomResourceDefinitions || key == ApiServices;
            var reflector = new Reflector(client, type, hinting ? new HintingSinks(sinks, _hints.Writer) : sinks, _reflectorOptions with { Restored = TellOthers }, time, turns);
            var started = new Running(reflector, _fatal, cancellationToken);
            lock (_gate)
                _running[key] = started;
        }
        // A server that has healed is not to be waited for until its reflectors' back-off ends.
        foreach (var running in _running.Values.Where(running => _broken.Contains(running.Type.Group) && !broken.Contains(running.Type.Group)))
            running.RetryNow();
        _broken = broken;
        lock (_gate)
        {
            _discoveredAt = snapshot.ObservedAt;
            _problems = snapshot.Problems;
        }
        return uncertain;
    }

    /// <summary>Never fails: what ended it is in the completion source.</summary>
    async Task ReadOpenApiAsync(CancellationToken cancellationToken)
    {
        try
        {
            var problems = new List<DiscoveryProblem>();
            await foreach (var document in _openApi.ReadChangedAsync(problems, cancellationToken).ConfigureAwait(false))
                await sinks.HandleOpenApiAsync(document, time.GetUtcNow(), cancellationToken).ConfigureAwait(false);
            foreach (var problem in problems.Except(_openApiProblems))
                Report(problem.Message);
            lock (_gate)
                _openApiProblems = problems;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
        // The first to fail ends the run, with its exception.
        catch (Exception exception)
        {
            _fatal.TrySetException(exception);
        }
    }

    /// <summary>Built-in types and custom resources lie in one etcd: what one reflector found holds for the others, those too whose versions the server has come past again.</summary>
    void TellOthers(Reflector finder, string reason)
    {
        // A group of another name may be that of an aggregated API, with a storage of its own.
        var group = finder.Type.Group;
        if (group.Contains('.', StringComparison.Ordinal) && !group.EndsWith(".k8s.io", StringComparison.Ordinal))
            return;
        List<Running> others;
        lock (_gate)
            others = [.. _running.Values.Where(running => !running.Ended && !running.Runs(finder))];
        foreach (var running in others)
            running.StorageWasRestored($"{reason} (found by {finder.Type.GroupResource})");
    }

    /// <summary>Records that nothing is known of a type from now on; what is not synced says so already.</summary>
    async ValueTask ConfessAsync(ResourceType type, string reason, CancellationToken cancellationToken)
    {
        while (!await TryConfessAsync(type, reason, cancellationToken).ConfigureAwait(false))
        {
        }
    }

    /// <summary>False where somebody else wrote to what is behind the sink at this moment.</summary>
    async ValueTask<bool> TryConfessAsync(ResourceType type, string reason, CancellationToken cancellationToken)
    {
        var sink = await sinks.OpenAsync(type, cancellationToken).ConfigureAwait(false);
        await using var disposal = sink.ConfigureAwait(false);
        if (sink.ResumeVersion is null)
            return true;
        try
        {
            await sink.HandleAsync(
                [new Delta { Kind = DeltaKind.Gap, ResourceVersion = "", ObservedAt = time.GetUtcNow(), Provenance = Core.Events.Provenance.Watch, Type = type, Reason = reason }], cancellationToken).ConfigureAwait(false);
        }
        catch (SinkOutdatedException)
        {
            return false;
        }
        InformersTelemetry.Gaps.Add(1, InformersTelemetry.Tag(type));
        return true;
    }

    async ValueTask<bool> HintedWithinAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        // One waiter is kept across calls: each abandoned one would stay in the channel.
        _hint ??= _hints.Reader.WaitToReadAsync(cancellationToken).AsTask();
        try
        {
            await _hint.WaitAsync(wait, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return false;
        }
        _hint = null;
        _hints.Reader.TryRead(out _);
        return true;
    }

    static bool SameDocuments(IReadOnlyList<DiscoveryDocument> left, IReadOnlyList<DiscoveryDocument> right) =>
        left.Count == right.Count
        && left.Zip(right).All(pair => pair.First.Path == pair.Second.Path && pair.First.MediaType == pair.Second.MediaType && pair.First.Content.Span.SequenceEqual(pair.Second.Content.Span));

    void Report(string message) => (options.Problem ?? options.Reflector.Problem)?.Invoke(new ReflectorProblem(null, OneLine.Of(message)));

    /// <summary>A reflector and the task that runs it.</summary>
    sealed class Running
    {
        readonly Reflector _reflector;
        readonly CancellationTokenSource _stop;
        string? _stopped;

        public Running(Reflector reflector, TaskCompletionSource fatal, CancellationToken cancellationToken)
        {
            _reflector = reflector;
            _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task = Task.Run(() => RunAsync(fatal), CancellationToken.None);
        }

        public ResourceType Type => _reflector.Type;

        /// <summary>Never fails: what ended it is in the completion source.</summary>
        public Task Task { get; }

        public bool Ended => _stopped is not null;

        public ReflectorHealth Health => _stopped is { } reason ? _reflector.Health with { LastError = reason } : _reflector.Health;

        public void RetryNow() => _reflector.RetryNow();

        public bool Runs(Reflector reflector) => _reflector == reflector;

        public void StorageWasRestored(string reason) => _reflector.StorageWasRestored(reason);

        public async ValueTask StopAsync(string reason)
        {
            _stopped = reason;
            await _stop.CancelAsync().ConfigureAwait(false);
            await Task.ConfigureAwait(false);
        }

        async Task RunAsync(TaskCompletionSource fatal)
        {
            try
            {
                await _reflector.RunAsync(_stop.Token).ConfigureAwait(false);
            }
            // The first to fail ends the run, with its exception.
            catch (Exception exception)
            {
                fatal.TrySetException(exception);
            }
            finally
            {
                _stop.Dispose();
            }
        }
    }

    /// <summary>Hints at new types when definitions change.</summary>
    sealed class HintingSinks(IDeltaSinkFactory inner, ChannelWriter<bool> hints) : IDeltaSinkFactory
    {
        bool _opened;

        public async ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken)
        {
            var sink = await inner.OpenAsync(type, cancellationToken).ConfigureAwait(false);
            // What somebody else recorded in place of the last sink is not handed to this one.
            if (_opened)
                hints.TryWrite(true);
            _opened = true;
            return new HintingSink(sink, hints);
        }

        public ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken) => inner.HandleDiscoveryAsync(snapshot, cancellationToken);
    }

    sealed class HintingSink(IDeltaSink inner, ChannelWriter<bool> hints) : IDeltaSink
    {
        public string? ResumeVersion => inner.ResumeVersion;

        public string? RecordedVersion => inner.RecordedVersion;

        public bool NeedsList => inner.NeedsList;

        public async ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
        {
            // A whole list, the first one too, may hold what came after the last look.
            var isHint = false;
            foreach (var delta in deltas)
                isHint |= delta.Kind is DeltaKind.Added or DeltaKind.Modified or DeltaKind.Deleted or DeltaKind.ListCompleted;
            await inner.HandleAsync(deltas, cancellationToken).ConfigureAwait(false);
            if (isHint)
                hints.TryWrite(true);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
