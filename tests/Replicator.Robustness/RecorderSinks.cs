using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;
using Replicator.Informers;

namespace Replicator.Robustness;

/// <summary>Reflectors into recorders, as the collector has them, with a way to hold the sink back.</summary>
public sealed class RecorderSinks(IEventStore store, string cluster, TimeProvider time) : IDeltaSinkFactory, IDisposable
{
    DiscoveryRecorder? _discovery;

    /// <summary>Called before deltas are recorded.</summary>
    public Func<IReadOnlyList<Delta>, CancellationToken, Task>? BeforeHandle { get; set; }

    /// <summary>Called with every discovery that is handed over.</summary>
    public Action<DiscoverySnapshot>? Discovered { get; set; }

    /// <inheritdoc/>
    public async ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken) =>
        new Sink(this, await StreamRecorder.OpenAsync(store, cluster, type.GroupResource, new Redactor(new byte[RedactionKey.Length]), time, cancellationToken));

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<ResourceType>> ListRecordedAsync(CancellationToken cancellationToken) => await RecordedTypes.ListAsync(store, cluster, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken)
    {
        Discovered?.Invoke(snapshot);
        _discovery ??= await DiscoveryRecorder.OpenAsync(store, cluster, cancellationToken);
        await _discovery.HandleAsync(snapshot.Documents.Select(document => (document.Path, document.Content)), snapshot.ObservedAt, Provenance.List, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _discovery?.Dispose();

    sealed class Sink(RecorderSinks owner, StreamRecorder recorder) : IDeltaSink
    {
        public string? ResumeVersion => recorder.ResumeVersion;

        public string? RecordedVersion => recorder.RecordedVersion;

        public bool NeedsList => recorder.NeedsList;

        public async ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
        {
            if (owner.BeforeHandle is { } before)
                await before(deltas, cancellationToken);
            await recorder.HandleAsync(deltas, cancellationToken);
        }

        public ValueTask DisposeAsync()
        {
            recorder.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
