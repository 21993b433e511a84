using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;
using Replicator.Informers;
using Replicator.Server;

namespace Replicator;

/// <summary>Where the reflectors meet the log: a recorder per type.</summary>
sealed class RecorderSinks(IEventStore store, string cluster, Redactor redactor, ReplicatorHealth health, TimeProvider time) : IDeltaSinkFactory, IDisposable
{
    DiscoveryRecorder? _discovery;

    public async ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken) =>
        new Sink(await StreamRecorder.OpenAsync(store, cluster, type.GroupResource, redactor, time, cancellationToken), $"recorder of {type.GroupResource}", health);

    public async ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken)
    {
        _discovery ??= await DiscoveryRecorder.OpenAsync(store, cluster, cancellationToken);
        await _discovery.HandleAsync(snapshot.Documents.Select(document => (document.Path, document.Content)), snapshot.ObservedAt, Provenance.List, cancellationToken);
    }

    public void Dispose() => _discovery?.Dispose();

    sealed class Sink : IDeltaSink
    {
        readonly StreamRecorder _recorder;
        readonly string _name;
        readonly ReplicatorHealth _health;
        bool _faulty;

        public Sink(StreamRecorder recorder, string name, ReplicatorHealth health)
        {
            (_recorder, _name, _health) = (recorder, name, health);
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
            return ValueTask.CompletedTask;
        }
    }
}
