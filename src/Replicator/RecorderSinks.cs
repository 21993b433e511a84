using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.Core.Storage;
using Replicator.Informers;
using Replicator.Server;

namespace Replicator;

/// <summary>Where the reflectors meet the log: a recorder per type.</summary>
/// <param name="store">The log.</param>
/// <param name="cluster">The cluster's id.</param>
/// <param name="rules">What is recorded.</param>
/// <param name="counts">Told what the rules suppress.</param>
/// <param name="redactor">Makes a redactor; each recorder has its own.</param>
/// <param name="health">Told what fails.</param>
/// <param name="time">The clock.</param>
sealed class RecorderSinks(IEventStore store, string cluster, RecordingRules rules, RuleCounts counts, Func<Redactor> redactor, ReplicatorHealth health, TimeProvider time) : IDeltaSinkFactory, IDisposable
{
    DiscoveryRecorder? _discovery;

    public async ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken)
    {
        var redaction = redactor();
        try
        {
            return new Sink(await OpenRecorderAsync(type, redaction, cancellationToken), redaction, $"{cluster}: recorder of {type.GroupResource}", health);
        }
        catch
        {
            redaction.Dispose();
            throw;
        }
    }

    public async ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken)
    {
        if (_discovery is null)
        {
            _discovery = await DiscoveryRecorder.OpenAsync(store, cluster, cancellationToken);
            await MarkExcludedAsync(cancellationToken);
        }
        var documents = snapshot.Documents.Select(document => (document.Path, document.Content)).Append((RecordingRules.DocumentPath, rules.ToJson()));
        await _discovery.HandleAsync(documents, snapshot.ObservedAt, Provenance.List, cancellationToken);
    }

    public void Dispose() => _discovery?.Dispose();

    Task<StreamRecorder> OpenRecorderAsync(ResourceType type, Redactor redaction, CancellationToken cancellationToken) =>
        StreamRecorder.OpenAsync(store, cluster, type.GroupResource, redaction, rules.For(type, counts), time, cancellationToken);

    /// <summary>Ends, with a gap, the streams of types that were recorded once and are excluded now: nobody watches them any more, and a reader must not take their silence for rest.</summary>
    async ValueTask MarkExcludedAsync(CancellationToken cancellationToken)
    {
        foreach (var stream in await store.ListStreamsAsync($"k8s-{cluster}-", cancellationToken))
        {
            var last = await LastAsync(stream.Stream, cancellationToken);
            // The names of another cluster's streams may begin with this one's.
            if (last is null || last.Metadata.Cluster != cluster || last.Metadata.Type == DiscoveryRecorder.DocumentType || rules.Records(last.Metadata.Type))
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

    sealed class Sink : IDeltaSink
    {
        readonly StreamRecorder _recorder;
        readonly Redactor _redactor;
        readonly string _name;
        readonly ReplicatorHealth _health;
        bool _faulty;

        public Sink(StreamRecorder recorder, Redactor redactor, string name, ReplicatorHealth health)
        {
            (_recorder, _redactor, _name, _health) = (recorder, redactor, name, health);
            recorder.StoreUnavailable += exception =>
            {
                _faulty = true;
                health.Report(name, exception.Message);
            };
        }

        public string? ResumeVersion => _recorder.ResumeVersion;

        public string? RecordedVersion => _recorder.RecordedVersion;

        public bool NeedsList => _recorder.NeedsList;

        public async ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
        {
            await _recorder.HandleAsync(deltas, cancellationToken);
            if (_faulty)
            {
                _faulty = false;
                _health.Report(_name, null);
            }
        }

        public ValueTask DisposeAsync()
        {
            _health.Report(_name, null);
            _recorder.Dispose();
            _redactor.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
