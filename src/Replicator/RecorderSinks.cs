using System.Collections.Concurrent;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.Core.SelfChecking;
using Replicator.Core.Storage;
using Replicator.Informers;
using Replicator.Server;

namespace Replicator;

/// <summary>Where the reflectors meet the log: a recorder per type.</summary>
/// <param name="store">The log.</param>
/// <param name="fence">Tells who collects the cluster, where another process appends too.</param>
/// <param name="cluster">The cluster's id.</param>
/// <param name="rules">What is recorded.</param>
/// <param name="counts">Told what the rules suppress.</param>
/// <param name="redactor">Makes a redactor; each recorder has its own.</param>
/// <param name="health">Told what fails.</param>
/// <param name="log">Told when recording begins and ceases to wait for the store.</param>
/// <param name="time">The clock.</param>
sealed class RecorderSinks(IEventStore store, CollectorFence fence, string cluster, RecordingRules rules, RuleCounts counts, Func<Redactor> redactor, ReplicatorHealth health, ILogger log, TimeProvider time) : IDeltaSinkFactory, IDisposable
{
    static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    readonly ConcurrentDictionary<GroupResource, Sink> _open = [];
    readonly Waiting _waiting = new(health, log);
    DiscoveryRecorder? _discovery, _openApi;
    bool _claimed;

    string Cluster => cluster;

    /// <summary>The recorder of a type, where it is open.</summary>
    public Sink? Find(GroupResource type) => _open.GetValueOrDefault(type);

    public async ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken)
    {
        var redaction = redactor();
        try
        {
            var recorder = await PersistAsync($"{cluster}: recorder of {type.GroupResource}", () => OpenRecorderAsync(type, redaction, cancellationToken), cancellationToken);
            var sink = new Sink(this, type.GroupResource, recorder, redaction, rules.For(type, null));
            _open[type.GroupResource] = sink;
            return sink;
        }
        catch
        {
            redaction.Dispose();
            throw;
        }
    }

    public async ValueTask<IReadOnlyList<ResourceType>> ListRecordedAsync(CancellationToken cancellationToken) =>
        // What the rules exclude is marked by their own event.
        [.. (await PersistAsync($"{cluster}: list of recorded types", async () => await RecordedTypes.ListAsync(store, cluster, cancellationToken), cancellationToken)).Where(rules.Records)];

    public async ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken)
    {
        var name = $"{cluster}: recorder of discovery";
        if (!_claimed)
        {
            _discovery = await PersistAsync(name, () => fence.ClaimAsync(cancellationToken), cancellationToken);
            await PersistAsync(name, async () =>
            {
                await MarkExcludedAsync(cancellationToken);
                return true;
            }, cancellationToken);
            _claimed = true;
        }
        var documents = snapshot.Documents.Select(document => (document.Path, document.Content)).Append((RecordingRules.DocumentPath, rules.ToJson())).ToList();
        await PersistAsync(name, async () =>
        {
            _discovery ??= await DiscoveryRecorder.OpenAsync(store, cluster, cancellationToken);
            try
            {
                await _discovery.HandleAsync(documents, snapshot.ObservedAt, Provenance.List, cancellationToken);
            }
            catch (WrongExpectedRevisionException)
            {
                // It does not know any more where the stream stands.
                _discovery.Dispose();
                _discovery = null;
                throw;
            }
            return true;
        }, cancellationToken);
    }

    public async ValueTask HandleOpenApiAsync(DiscoveryDocument document, DateTimeOffset observedAt, CancellationToken cancellationToken)
    {
        var name = $"{cluster}: recorder of OpenAPI";
        await PersistAsync(name, async () =>
        {
            _openApi ??= await DiscoveryRecorder.OpenOpenApiAsync(store, cluster, cancellationToken);
            try
            {
                await _openApi.HandleAsync([(document.Path, document.Content)], observedAt, Provenance.List, cancellationToken);
            }
            catch (WrongExpectedRevisionException)
            {
                _openApi.Dispose();
                _openApi = null;
                throw;
            }
            return true;
        }, cancellationToken);
    }

    /// <summary>Asks the log, and asks again where another process has written to the stream and yet the cluster is this one's: what is asked then must look where the stream stands.</summary>
    async Task<T> PersistAsync<T>(string name, Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await OutlastAsync(name, ask, cancellationToken);
            }
            catch (WrongExpectedRevisionException exception)
            {
                await ConfirmAsync(name, exception, cancellationToken);
            }
        }
    }

    /// <summary>Returns where the cluster is this process's still, and throws where another one has taken it over.</summary>
    Task<bool> ConfirmAsync(string name, WrongExpectedRevisionException refusal, CancellationToken cancellationToken) => OutlastAsync(name, async () =>
    {
        await fence.ConfirmAsync(refusal, cancellationToken);
        return true;
    }, cancellationToken);

    /// <summary>Asks the log again and again while it is away: who records waits for it, and does not end.</summary>
    async Task<T> OutlastAsync<T>(string name, Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var answer = await ask();
                _waiting.End(name);
                return answer;
            }
            catch (StoreUnavailableException exception)
            {
                _waiting.Begin(name, exception.Message);
                await Task.Delay(RetryDelay, time, cancellationToken);
            }
        }
    }

    public void Dispose()
    {
        _discovery?.Dispose();
        _openApi?.Dispose();
    }

    Task<StreamRecorder> OpenRecorderAsync(ResourceType type, Redactor redaction, CancellationToken cancellationToken) =>
        StreamRecorder.OpenAsync(store, cluster, type.GroupResource, redaction, rules.For(type, counts), time, cancellationToken);

    /// <summary>Ends, with a gap, the streams of types that were recorded once and are excluded now: nobody watches them any more, and a reader must not take their silence for rest.</summary>
    async ValueTask MarkExcludedAsync(CancellationToken cancellationToken)
    {
        foreach (var stream in await store.ListStreamsAsync($"k8s-{cluster}-", cancellationToken))
        {
            var last = await LastAsync(stream.Stream, cancellationToken);
            // The names of another cluster's streams may begin with this one's.
            if (last is null || last.Metadata.Cluster != cluster || DiscoveryRecorder.IsDocument(last.Metadata.Type.GroupResource) || rules.Records(last.Metadata.Type))
                continue;
            // Marked at an earlier start: such a stream may be long, and need not be read again.
            if (last.Type == EventType.RulesObserved && last.Metadata.Reason == rules.For(last.Metadata.Type, counts)!.Text)
                continue;
            using var redaction = redactor();
            using var recorder = await OpenRecorderAsync(last.Metadata.Type, redaction, cancellationToken);
            await recorder.RecordRulesAsync(last.Metadata.Type, time.GetUtcNow(), cancellationToken);
        }
    }

    async ValueTask<RecordedEvent?> LastAsync(StreamId stream, CancellationToken cancellationToken)
    {
        await foreach (var page in store.ReadStreamAsync(stream, long.MaxValue, backwards: true, new ReadOptions(States: false, MaxCount: 1), cancellationToken))
        {
            using (page)
                return page.Events.Count > 0 ? page.Events[0] : null;
        }
        return null;
    }

    /// <summary>The recorder of one type, and what a self-check asks of it. Calls wait for each other.</summary>
    public sealed class Sink : IDeltaSink
    {
        readonly RecorderSinks _owner;
        readonly GroupResource _type;
        readonly StreamRecorder _recorder;
        readonly Redactor _redactor;
        readonly TypeRules? _rules;
        readonly string _name;
        readonly SemaphoreSlim _gate = new(1, 1);
        bool _closed;
        WrongExpectedRevisionException? _refusal;

        internal Sink(RecorderSinks owner, GroupResource type, StreamRecorder recorder, Redactor redactor, TypeRules? rules)
        {
            (_owner, _type, _recorder, _redactor, _rules, _name) = (owner, type, recorder, redactor, rules, $"{owner.Cluster}: recorder of {type}");
            recorder.StoreUnavailable += exception => owner._waiting.Begin(_name, exception.Message);
        }

        public string? ResumeVersion => _recorder.ResumeVersion;

        public string? RecordedVersion => _recorder.RecordedVersion;

        public bool NeedsList => _recorder.NeedsList;

        public async ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
        {
            await _gate.WaitAsync(cancellationToken);
            try
            {
                if (_refusal is not null)
                    throw _refusal;
                await _recorder.HandleAsync(deltas, cancellationToken);
            }
            catch (WrongExpectedRevisionException exception)
            {
                _closed = true;
                await _owner.ConfirmAsync(_name, exception, cancellationToken);
                throw new SinkOutdatedException($"another process has appended to its stream; cluster '{_owner.Cluster}' is this one's, which goes on behind that", exception);
            }
            catch
            {
                // It is of no more use, nor is what it would tell a self-check.
                _closed = true;
                throw;
            }
            finally
            {
                _gate.Release();
            }
            _owner._waiting.End(_name);
        }

        /// <summary>Whether the rules leave out a namespace.</summary>
        public bool Excludes(string @namespace) => _rules?.Excludes(@namespace) == true;

        /// <inheritdoc cref="StreamRecorder.BeginFold"/>
        public ValueTask<bool> BeginFoldAsync(CancellationToken cancellationToken) => ExclusivelyAsync(recorder => recorder.BeginFold(), cancellationToken);

        /// <inheritdoc cref="StreamRecorder.FoldAt"/>
        public ValueTask<LogFold?> FoldAtAsync(string version, CancellationToken cancellationToken) => ExclusivelyAsync(recorder => recorder.FoldAt(version), cancellationToken);

        /// <inheritdoc cref="StreamRecorder.EndFold"/>
        public async ValueTask EndFoldAsync(string? proven, DateTimeOffset at, CancellationToken cancellationToken) => await ExclusivelyAsync(recorder =>
        {
            recorder.EndFold(proven, at);
            return true;
        }, cancellationToken);

        /// <inheritdoc cref="StreamRecorder.ConfessAsync"/>
        public async ValueTask ConfessAsync(ResourceType type, string reason, DateTimeOffset observedAt, CancellationToken cancellationToken)
        {
            await _gate.WaitAsync(cancellationToken);
            try
            {
                if (!_closed)
                    await _recorder.ConfessAsync(type, reason, observedAt, cancellationToken);
            }
            catch (WrongExpectedRevisionException exception)
            {
                // The recorder does not know any more where the stream stands. The next deltas find out whose the cluster is, and the next check what differs still.
                (_closed, _refusal) = (true, exception);
            }
            finally
            {
                _gate.Release();
            }
        }

        public async ValueTask DisposeAsync()
        {
            _owner._open.TryRemove(new KeyValuePair<GroupResource, Sink>(_type, this));
            // A self-check may hold on to it; the gate has no handle to give back.
            await _gate.WaitAsync();
            _closed = true;
            _owner._waiting.Forget(_name);
            _recorder.Dispose();
            _redactor.Dispose();
            _gate.Release();
        }

        async ValueTask<T?> ExclusivelyAsync<T>(Func<StreamRecorder, T> ask, CancellationToken cancellationToken)
        {
            await _gate.WaitAsync(cancellationToken);
            try
            {
                return _closed ? default : ask(_recorder);
            }
            finally
            {
                _gate.Release();
            }
        }
    }

    /// <summary>Which recorders wait for the store: each is a fault in the health, and the first and the last are a line of the log. Thread-safe.</summary>
    sealed class Waiting(ReplicatorHealth health, ILogger log)
    {
        readonly Lock _lock = new();
        readonly HashSet<string> _names = [];
        volatile bool _any;

        public void Begin(string name, string message)
        {
            lock (_lock)
            {
                health.Report(name, message);
                if (_names.Count == 0)
                    log.LogWarning("{Fault} Recording waits for it, loses nothing meanwhile, and goes on by itself.", message);
                _names.Add(name);
                _any = true;
            }
        }

        public void End(string name)
        {
            if (_any && Forget(name))
                log.LogWarning("the log can be written again; recording goes on");
        }

        /// <summary>True where it was the last.</summary>
        public bool Forget(string name)
        {
            lock (_lock)
            {
                health.Report(name, null);
                var was = _names.Remove(name);
                _any = _names.Count > 0;
                return was && !_any;
            }
        }
    }
}
