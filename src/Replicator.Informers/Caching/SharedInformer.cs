using System.Text;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;

namespace Replicator.Informers.Caching;

/// <summary>
/// Keeps an <see cref="Indexer"/> equal to what the cluster has of one type, over one watch for any number of handlers, and tells each what changed (client-go's SharedIndexInformer).
/// </summary>
/// <remarks>
/// <para>An object's states appear in their order, some may be left out; between objects there is no order. A deletion that was not seen is found by the next list and marked
/// <see cref="ResourceEvent.DeletedFinalStateUnknown"/>. Other than in client-go, an object that was deleted and created anew while nobody could see is a deletion and an addition, not an update.</para>
/// <para>Readers see a list as it arrives; <see cref="HasSynced"/> says that the first was whole.</para>
/// </remarks>
public sealed class SharedInformer : IAsyncDisposable
{
    readonly SharedInformerOptions _options;
    readonly TimeProvider _time;
    readonly Reflector _reflector;
    readonly Indexer _indexer;
    readonly ObjectCompressor _compressor = new();
    readonly JsonTape _tape = new();
    readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly CancellationTokenSource _stop = new();
    readonly KeyValuePair<string, object?> _tag;
    readonly Dictionary<string, string> _scopes = [];

    // Held while a batch is applied, so that a handler joins between two batches and misses nothing.
    readonly Lock _gate = new();
    readonly List<HandlerRegistration> _handlers = [];

    TaskCompletionSource? _ended;
    string? _version;
    int _generation;
    bool _listing, _newEpoch, _hasSynced, _stopped, _disposed;
    long _duplicates;

    /// <summary>Creates an informer; <see cref="RunAsync"/> starts it.</summary>
    /// <param name="client">Its base address is the server's URL, ending in a slash (<see cref="ClusterConnection.Client"/>).</param>
    /// <param name="type">What to watch.</param>
    /// <param name="options">How to go about it.</param>
    /// <param name="time">The clock of everything.</param>
    public SharedInformer(HttpClient client, ResourceType type, SharedInformerOptions options, TimeProvider time)
        : this(new ListerWatcher(client, type), options, time)
    {
    }

    /// <summary>Creates an informer over another source, or part of a type; <see cref="RunAsync"/> starts it.</summary>
    /// <param name="source">Sends the requests.</param>
    /// <param name="options">How to go about it.</param>
    /// <param name="time">The clock of everything.</param>
    public SharedInformer(IListerWatcher source, SharedInformerOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        (_options, _time, Type) = (options, time, source.Type);
        _tag = InformersTelemetry.Tag(Type);
        _indexer = new Indexer(options.Indexes);
        _reflector = new Reflector(source, new Sinks(this), options.Reflector with { BufferBytes = options.BufferBytes, MaxBatchBytes = options.BufferBytes }, time);
    }

    /// <summary>The type.</summary>
    public ResourceType Type { get; }

    /// <summary>The objects. Read-only for all but the informer.</summary>
    public IIndexer Indexer => _indexer;

    /// <summary>Whether one whole list of the type is in the indexer. Says nothing of handlers: <see cref="HandlerRegistration.HasSynced"/> does.</summary>
    public bool HasSynced
    {
        get
        {
            lock (_gate)
                return _hasSynced;
        }
    }

    /// <summary>The resource version up to which the indexer holds everything; null before the first list is whole, and while another is under way.</summary>
    public string? LastSyncResourceVersion
    {
        get
        {
            lock (_gate)
                return _version;
        }
    }

    /// <summary>How many deltas said nothing new: re-deliveries after a reconnect.</summary>
    public long Duplicates
    {
        get
        {
            lock (_gate)
                return _duplicates;
        }
    }

    /// <summary>How its list and watch fare now.</summary>
    public ReflectorHealth Health => _reflector.Health;

    /// <summary>Waits for <see cref="HasSynced"/>.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled, or the informer stopped before.</exception>
    public Task WaitForSyncAsync(CancellationToken cancellationToken) => _synced.Task.WaitAsync(cancellationToken);

    /// <summary>Adds a handler. One that comes late gets what is there as additions, and from then on every change.</summary>
    /// <exception cref="InvalidOperationException">The informer has stopped.</exception>
    public HandlerRegistration AddHandler(IResourceEventHandler handler, HandlerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        options ??= new HandlerOptions();
        lock (_gate)
        {
            if (_stopped)
                throw new InvalidOperationException($"The informer of {Type.GroupResource} has stopped; a handler would never be told anything.");
            var registration = new HandlerRegistration(this, handler, options, options.ResyncPeriod ?? _options.ResyncPeriod, _time);
            foreach (var item in _indexer.List())
                registration.Add(new ResourceEvent(ResourceEventKind.Added, null, item, IsInInitialList: true));
            if (_hasSynced)
                registration.MarkSynced();
            _handlers.Add(registration);
            registration.Signal();
            return registration;
        }
    }

    /// <summary>Lists and watches until it is cancelled, and then returns; handlers have ended by then. To be called once.</summary>
    /// <exception cref="Exception">What an index function threw: the informer has stopped.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource ended;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            if (_ended is not null)
                throw new InvalidOperationException($"The informer of {Type.GroupResource} was started before; create another.");
            _ended = ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        try
        {
            await _reflector.RunAsync(either.Token).ConfigureAwait(false);
        }
        finally
        {
            await StopAsync().ConfigureAwait(false);
            ended.SetResult();
        }
    }

    /// <summary>Ends the run and waits for it. What the indexer holds stays readable.</summary>
    public async ValueTask DisposeAsync()
    {
        Task? ended;
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            ended = _ended?.Task;
        }
        await _stop.CancelAsync().ConfigureAwait(false);
        await (ended ?? StopAsync().AsTask()).ConfigureAwait(false);
        _stop.Dispose();
    }

    /// <summary>Where the reflector's deltas go.</summary>
    internal IDeltaSink OpenSink() => new Sink(this);

    /// <summary>Ends the handlers, once no delta comes any more.</summary>
    internal async ValueTask StopAsync()
    {
        List<HandlerRegistration> handlers;
        lock (_gate)
        {
            _stopped = true;
            _compressor.Dispose();
            handlers = [.. _handlers];
            _handlers.Clear();
        }
        _synced.TrySetCanceled(CancellationToken.None);
        foreach (var handler in handlers)
            await handler.StopAsync().ConfigureAwait(false);
    }

    internal void Remove(HandlerRegistration registration)
    {
        lock (_gate)
            _handlers.Remove(registration);
    }

    /// <summary>Gives a handler every object once more.</summary>
    internal void Resync(HandlerRegistration registration)
    {
        lock (_gate)
        {
            if (!_handlers.Contains(registration))
                return;
            foreach (var item in _indexer.List())
                registration.Add(new ResourceEvent(ResourceEventKind.Sync, item, item));
            registration.Signal();
        }
    }

    internal void Report(string message) => _options.Reflector.Problem?.Invoke(new ReflectorProblem(Type, OneLine.Of(message)));

    void Apply(IReadOnlyList<Delta> deltas)
    {
        lock (_gate)
        {
            try
            {
                for (var number = 0; number < deltas.Count; number++)
                    Apply(deltas[number]);
            }
            finally
            {
                foreach (var handler in _handlers)
                    handler.Signal();
            }
        }
    }

    void Apply(in Delta delta)
    {
        switch (delta.Kind)
        {
            case DeltaKind.Added or DeltaKind.Modified or DeltaKind.Listed:
                Put(delta);
                break;
            case DeltaKind.Deleted:
                Delete(delta);
                break;
            case DeltaKind.ListStarted:
                _generation++;
                (_listing, _version) = (true, null);
                return;
            case DeltaKind.ListCompleted:
                // What the list does not hold went away while nobody could see.
                foreach (var gone in _indexer.ListOthers(_generation))
                    Remove(gone, gone, unknown: true);
                _listing = _newEpoch = false;
                CompleteSync();
                break;
            case DeltaKind.ListAborted:
                _listing = false;
                return;
            case DeltaKind.Gap:
                _version = null;
                _newEpoch |= delta.StartsEpoch;
                return;
            default:
                break;
        }
        if (!_listing)
            _version = delta.ResourceVersion;
    }

    void CompleteSync()
    {
        if (_hasSynced)
            return;
        _hasSynced = true;
        foreach (var handler in _handlers)
            handler.MarkSynced();
        _synced.TrySetResult();
    }

    void Put(in Delta delta)
    {
        var json = delta.Object.Span;
        Read(json, out var utf8, out var utf8Uid);
        // Objects of a list are of its generation, and so are those that a watch brings after it.
        var known = _indexer.TryGet(utf8, _generation, out var old);
        if (known && IsText(old!.Uid, utf8Uid))
        {
            // In a restored storage the same version may be another state.
            if (old.ResourceVersion == delta.ResourceVersion && !_newEpoch || delta.Kind != DeltaKind.Listed && IsOlder(delta.ResourceVersion, old.ResourceVersion))
            {
                if (delta.Kind != DeltaKind.Listed)
                    CountDuplicate();
                return;
            }
            var updated = Hold(delta, old.Key, old.Uid);
            Store(updated, json, old);
            foreach (var handler in _handlers)
                handler.Add(new ResourceEvent(ResourceEventKind.Updated, old, updated));
            return;
        }
        if (known)
        {
            // The same name with another uid: the old object's deletion was missed.
            if (delta.Kind != DeltaKind.Listed && IsOlder(delta.ResourceVersion, old!.ResourceVersion))
            {
                CountDuplicate();
                return;
            }
            Remove(old!, old!, unknown: true);
        }
        var key = known ? old!.Key : new ObjectKey(Scope(utf8.Namespace), Encoding.UTF8.GetString(utf8.Name));
        var added = Hold(delta, key, Encoding.UTF8.GetString(utf8Uid));
        Store(added, json, null);
        foreach (var handler in _handlers)
            handler.Add(new ResourceEvent(ResourceEventKind.Added, null, added, IsInInitialList: !_hasSynced));
    }

    void Delete(in Delta delta)
    {
        Read(delta.Object.Span, out var utf8, out var utf8Uid);
        // A former bearer of the name may be deleted in a re-delivery, after its successor came.
        if (!_indexer.TryGet(utf8, _generation, out var old) || !IsText(old.Uid, utf8Uid))
        {
            CountDuplicate();
            return;
        }
        Remove(old, Hold(delta, old.Key, old.Uid), unknown: false);
    }

    void Remove(Unstructured held, Unstructured last, bool unknown)
    {
        _indexer.Remove(held.Key);
        SharedInformerTelemetry.Objects.Add(-1, _tag);
        SharedInformerTelemetry.HeldBytes.Add(-held.HeldBytes, _tag);
        foreach (var handler in _handlers)
            handler.Add(new ResourceEvent(ResourceEventKind.Deleted, last, null, DeletedFinalStateUnknown: unknown));
    }

    void Store(Unstructured item, ReadOnlySpan<byte> json, Unstructured? old)
    {
        _indexer.Put(item, json, _generation);
        if (old is null)
            SharedInformerTelemetry.Objects.Add(1, _tag);
        SharedInformerTelemetry.HeldBytes.Add(item.HeldBytes - (old?.HeldBytes ?? 0), _tag);
    }

    Unstructured Hold(in Delta delta, ObjectKey key, string uid)
    {
        var json = delta.Object.Span;
        SampleDictionary? dictionary = null;
        var data = _options.Compact ? _compressor.Compress(json, out dictionary) : json.ToArray();
        return new Unstructured(Type, key, uid, delta.ResourceVersion, data, dictionary, json.Length);
    }

    void Read(ReadOnlySpan<byte> json, out Utf8ObjectKey key, out ReadOnlySpan<byte> uid)
    {
        if (MetadataSkim.TryReadIdentity(json, Type.Namespaced, out key, out uid))
            return;
        // An API server escapes nothing in a name, and writes name and uid; but other servers are allowed to.
        try
        {
            _tape.Parse(json);
        }
        catch (JsonFormatException exception)
        {
            throw new FormatException(exception.Message, exception);
        }
        var header = ObjectHeader.Read(_tape, _tape.Root).Object;
        key = new Utf8ObjectKey(Encoding.UTF8.GetBytes(header.Namespace), Encoding.UTF8.GetBytes(header.Name));
        uid = Encoding.UTF8.GetBytes(header.Uid);
    }

    // Thousands of objects share the name of their namespace.
    string Scope(ReadOnlySpan<byte> utf8)
    {
        var scope = Encoding.UTF8.GetString(utf8);
        return _scopes.TryAdd(scope, scope) ? scope : _scopes[scope];
    }

    void CountDuplicate()
    {
        _duplicates++;
        SharedInformerTelemetry.Duplicates.Add(1, _tag);
    }

    static bool IsText(string text, ReadOnlySpan<byte> utf8) => Ascii.Equals(utf8, text) || !Ascii.IsValid(utf8) && Encoding.UTF8.GetString(utf8) == text;

    static bool IsOlder(string version, string than) =>
        ResourceVersion.IsComparable(version) && ResourceVersion.IsComparable(than) && ResourceVersion.Compare(version, than) < 0;

    sealed class Sinks(SharedInformer informer) : IDeltaSinkFactory
    {
        public ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken) => new(informer.OpenSink());

        public ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }

    sealed class Sink(SharedInformer informer) : IDeltaSink
    {
        public string? ResumeVersion => informer.LastSyncResourceVersion;

        public ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
        {
            informer.Apply(deltas);
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
