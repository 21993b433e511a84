using System.Runtime.InteropServices;
using Replicator.Core.Diagnostics;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.Core.SelfChecking;
using Replicator.Core.Storage;

namespace Replicator.Core.Recording;

/// <summary>
/// Turns what a reflector learned into the events of its stream: redacted, in canonical form, chained by hash, each change exactly once. When <see cref="HandleAsync"/> returns, the deltas are durable.
/// </summary>
/// <remarks>
/// One instance is the one writer of its stream: it appends with the revision it believes in, and a store that disagrees ends it. Not thread-safe.
/// </remarks>
public sealed class StreamRecorder : IDisposable
{
    const string FirstStart = "first start: what was before is not known";

    // A batch goes out in parts where the store lets it, so that one is parsed and hashed while the last is on its way to the disk.
    const int PartEvents = 64;
    const int PartBytes = 512 * 1024;

    static readonly TimeSpan ProgressPeriod = TimeSpan.FromMinutes(1);
    static readonly TimeSpan FirstRetryDelay = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan LongestRetryDelay = TimeSpan.FromSeconds(10);

    readonly IEventStore _store;
    readonly string _cluster;
    readonly StreamId _stream;
    readonly GroupResource _type;
    readonly Redactor _redactor;
    readonly TypeRules? _rules;
    readonly TimeProvider _time;
    readonly HashChain _chain = new();
    readonly JsonTape _tape = new();
    readonly JsonEdits _edits = new();
    readonly List<Part> _parts = [];
    readonly Dictionary<(string Namespace, string Name), Live> _live = [];
    readonly HashSet<(string Namespace, string Name)> _listed = [];
    readonly byte[] _hash = new byte[HashChain.HashLength];

    Part _part;
    int _sent;
    long _revision = -1;
    int _epoch;
    bool _listing, _listOpen, _everSynced, _synced;
    string _recordedRules = TypeRules.NoText;
    string? _resumeVersion, _seenVersion;
    FoldJournal? _journal;
    (string Version, DateTimeOffset At)? _proven;
    DateTimeOffset? _lastObserved, _lastRecorded, _listStarted;

    StreamRecorder(IEventStore store, string cluster, GroupResource type, Redactor redactor, TypeRules? rules, TimeProvider time)
    {
        (_store, _cluster, _type, _redactor, _rules, _time) = (store, cluster, type, redactor, rules, time);
        _stream = new StreamId(cluster, type);
        _parts.Add(_part = new Part());
    }

    /// <summary>The last durable resource version to resume from; null where a list is needed.</summary>
    public string? ResumeVersion => _synced ? _resumeVersion : null;

    /// <summary>The last resource version that is recorded of this epoch, whether or not it can be resumed from: a server that is behind it has been restored from a backup. Null where there is none.</summary>
    public string? RecordedVersion => _resumeVersion;

    /// <summary>Whether a change proved that earlier ones were never sent: a gap is recorded, and only a list can close it.</summary>
    public bool NeedsList { get; private set; }

    /// <summary>From what time on a source that is read again has something new: that of the last event, or of the list that was broken off; null for an empty stream.</summary>
    public DateTimeOffset? ResumeTime => _synced ? _lastRecorded : _listStarted;

    /// <summary>Whether a batch that the store cannot take now is tried again until it can (the default), or thrown back: this recorder must stop then.</summary>
    public bool WaitsForStore { get; set; } = true;

    /// <summary>How many deltas said nothing new: re-deliveries after a reconnect.</summary>
    public long Duplicates { get; private set; }

    /// <summary>Opens a stream that records everything: folds what it holds to learn where to go on.</summary>
    public static Task<StreamRecorder> OpenAsync(
        IEventStore store, string cluster, GroupResource type, Redactor redactor, TimeProvider time, CancellationToken cancellationToken) =>
        OpenAsync(store, cluster, type, redactor, rules: null, time, cancellationToken);

    /// <summary>Opens a stream: folds what it holds to learn where to go on. Where it was recorded by other rules, the first deltas are preceded by the new ones; where those let in what the old ones left out, a list is needed.</summary>
    public static async Task<StreamRecorder> OpenAsync(
        IEventStore store, string cluster, GroupResource type, Redactor redactor, TypeRules? rules, TimeProvider time, CancellationToken cancellationToken)
    {
        var recorder = new StreamRecorder(store, cluster, type, redactor, rules, time);
        await foreach (var page in store.ReadStreamAsync(recorder._stream, 0, backwards: false, new ReadOptions(States: false), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                    recorder.Recover(recorded);
            }
        }
        if (TypeRules.Widens(recorder._recordedRules, recorder.RulesText))
            recorder._synced = false;
        return recorder;
    }

    /// <summary>Records the deltas in their order and returns when they are durable.</summary>
    /// <exception cref="WrongExpectedRevisionException">Another writer appends to the stream. The recorder is of no more use.</exception>
    /// <exception cref="FormatException">A delta's object is not what an API server sends. Nothing from it on was recorded; what came before it may have been. The recorder is of no more use: open another.</exception>
    /// <exception cref="StoreUnavailableException">The store cannot take it now; only where it is not to be waited for.</exception>
    public async ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
    {
        try
        {
            if (deltas.Count > 0 && _recordedRules != RulesText)
                DraftRules(deltas[0]);
            for (var index = 0; index < deltas.Count; index++)
            {
                Draft(deltas[index]);
                if (_store.TakesAppendsAhead && (_part.Drafts.Count >= PartEvents || _part.States.WrittenCount >= PartBytes))
                    Send(cancellationToken);
            }
            if (_part.Drafts.Count > 0)
                Send(cancellationToken);
        }
        finally
        {
            // Whatever happens, what is on its way points into our buffers until it is answered.
            for (var index = 0; index < _sent; index++)
                await _parts[index].Appending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await ConfirmAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Records the rules where they differ from those that the stream holds, for a type that they exclude and that therefore nobody watches. Returns whether they did.</summary>
    public async ValueTask<bool> RecordRulesAsync(ResourceType type, DateTimeOffset observedAt, CancellationToken cancellationToken)
    {
        if (_recordedRules == RulesText)
            return false;
        DraftRules(new Delta { Kind = DeltaKind.Gap, ResourceVersion = "", ObservedAt = observedAt, Provenance = Provenance.Watch, Type = type });
        Send(cancellationToken);
        await ConfirmAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>Begins to remember what changes, so that <see cref="FoldAt"/> can go back to a version from now on. False where a list is needed or under way.</summary>
    public bool BeginFold()
    {
        _journal = _synced && !NeedsList ? new FoldJournal() : null;
        return _journal is not null;
    }

    /// <summary>What the stream holds as live as of a version that the server bore after <see cref="BeginFold"/>, the rules' excluded namespaces left out; null where that cannot be told: a list came between, or too much has changed.</summary>
    public LogFold? FoldAt(string version)
    {
        if (_journal is not { IsWhole: true } || _seenVersion is null || !ResourceVersion.IsComparable(version))
            return null;
        var fold = _live.ToDictionary(pair => pair.Key, pair => (pair.Value.ResourceVersion, IsUncertain: _rules?.MayHaveIgnored(new ObjectIdentity(pair.Key.Namespace, pair.Key.Name, pair.Value.Uid)) == true));
        _journal.GoBack(fold, change => IsOlder(version, change));
        if (_rules is not null)
        {
            foreach (var key in fold.Keys.Where(key => _rules.Excludes(key.Namespace)).ToList())
                fold.Remove(key);
        }
        return new LogFold(fold, _seenVersion);
    }

    /// <summary>Ends what <see cref="BeginFold"/> began.</summary>
    /// <param name="proven">The version as of which log and server were found to say the same: a gap that a later check opens begins there. Null where they were not.</param>
    /// <param name="at">When.</param>
    public void EndFold(string? proven, DateTimeOffset at)
    {
        if (_journal is { IsWhole: true } && proven is not null)
            _proven = (proven, at);
        _journal = null;
    }

    /// <summary>Records that the log does not say what the server does: a gap from where it was last known to be true, which only a list can close (<see cref="NeedsList"/>).</summary>
    public async ValueTask ConfessAsync(ResourceType type, string reason, DateTimeOffset observedAt, CancellationToken cancellationToken)
    {
        if (!_synced)
            return;
        NeedsList = true;
        var (seen, observed) = (_seenVersion, _lastObserved);
        if (_proven is { } proven)
            (_seenVersion, _lastObserved) = (proven.Version, proven.At);
        DraftGap(new Delta { Kind = DeltaKind.Gap, ResourceVersion = "", ObservedAt = observedAt, Provenance = Provenance.Watch, Type = type, Reason = reason });
        (_seenVersion, _lastObserved) = (seen, observed);
        Send(cancellationToken);
        await ConfirmAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Raised each time the store could not take a batch, before it is tried again.</summary>
    public event Action<StoreUnavailableException>? StoreUnavailable;

    /// <inheritdoc/>
    public void Dispose()
    {
        _chain.Dispose();
        _edits.Dispose();
        foreach (var part in _parts)
            part.Dispose();
        _rules?.Dispose();
    }

    /// <summary>Sends what is drafted on its way, and begins another part.</summary>
    void Send(CancellationToken cancellationToken)
    {
        _part.Seal(_revision);
        _part.Appending = AppendAsync(_part, cancellationToken);
        if (++_sent == _parts.Count)
            _parts.Add(new Part());
        _part = _parts[_sent];
    }

    async Task AppendAsync(Part part, CancellationToken cancellationToken) =>
        await _store.AppendAsync(_stream, part.Expected, part.Events, cancellationToken).ConfigureAwait(false);

    /// <summary>Sees to it that every part is durable, in their order.</summary>
    async Task ConfirmAsync(CancellationToken cancellationToken)
    {
        var failed = false;
        try
        {
            for (var index = 0; index < _sent; index++)
            {
                var part = _parts[index];
                // What stood behind one that failed was refused for its sake.
                if (failed)
                    part.Appending = AppendAsync(part, cancellationToken);
                // Ids are deterministic, so the same batch may be sent until it is acknowledged: nothing is lost while the store is away, and nothing doubled when only its answer was.
                for (var delay = FirstRetryDelay; ; delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, LongestRetryDelay.Ticks)))
                {
                    try
                    {
                        await part.Appending.ConfigureAwait(false);
                        break;
                    }
                    catch (StoreUnavailableException exception) when (WaitsForStore)
                    {
                        failed = true;
                        CoreTelemetry.AppendRetries.Add(1, new KeyValuePair<string, object?>("stream", _stream.Name));
                        StoreUnavailable?.Invoke(exception);
                        await Task.Delay(delay, _time, cancellationToken).ConfigureAwait(false);
                        part.Appending = AppendAsync(part, cancellationToken);
                    }
                }
                CoreTelemetry.EventsRecorded.Add(part.Events.Count, new KeyValuePair<string, object?>("stream", _stream.Name));
            }
        }
        finally
        {
            for (var index = 0; index < _sent; index++)
                _parts[index].Clear();
            _part = _parts[_sent = 0];
        }
    }

    string RulesText => _rules?.Text ?? TypeRules.NoText;

    void Draft(in Delta delta)
    {
        switch (delta.Kind)
        {
            case DeltaKind.Added or DeltaKind.Modified or DeltaKind.Deleted:
                DraftChange(delta, delta.Kind == DeltaKind.Deleted);
                break;
            case DeltaKind.ListStarted:
                _listing = true;
                _synced = NeedsList = false;
                _journal?.Break();
                _listed.Clear();
                if (_revision < 0)
                    DraftObservation(delta with { Reason = FirstStart }, EventType.GapObserved);
                DraftObservation(delta, EventType.SyncStarted);
                BeginList();
                break;
            case DeltaKind.Listed:
                DraftChange(delta, deleted: false);
                break;
            case DeltaKind.ListCompleted when IsOlder(delta.ResourceVersion, _resumeVersion):
                // What it lacks may be younger than it. A server that has been restored is told from a stale one by who asked.
                _listing = false;
                _listed.Clear();
                NeedsList = true;
                break;
            case DeltaKind.ListCompleted:
                // What is recorded as live and was not listed went away while nobody could see.
                foreach (var (key, live) in _live.Where(pair => !_listed.Contains(pair.Key)).OrderBy(pair => pair.Key).ToList())
                    DraftMissed(delta, key, live);
                _listing = false;
                _listed.Clear();
                _synced = _everSynced = true;
                _listOpen = false;
                _resumeVersion = _seenVersion = delta.ResourceVersion;
                DraftObservation(delta, EventType.SyncCompleted);
                _proven = (delta.ResourceVersion, _lastRecorded!.Value);
                break;
            case DeltaKind.ListAborted:
                _listing = false;
                _listed.Clear();
                break;
            case DeltaKind.Bookmark:
                DraftProgress(delta);
                break;
            case DeltaKind.Gap:
                DraftGap(delta);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(delta), delta.Kind, "Unknown kind of delta.");
        }
    }

    void DraftChange(in Delta delta, bool deleted)
    {
        _tape.Parse(delta.Object);
        var header = ObjectHeader.Read(_tape, _tape.Root);
        var key = (header.Object.Namespace, header.Object.Name);
        var version = header.ResourceVersion;
        if (_listing)
            _listed.Add(key);
        if (_rules?.Excludes(key.Namespace) == true)
        {
            DraftExcluded(delta, header, deleted);
            return;
        }

        var known = _live.TryGetValue(key, out var live);
        if (known && live.Uid == header.Object.Uid)
        {
            if (!deleted && live.Epoch == _epoch && (live.ResourceVersion == version || IsOlder(version, live.ResourceVersion)))
            {
                if (!_listing)
                    Duplicates++;
                return;
            }
        }
        else if (!_listing && _synced && (deleted || IsNotNewer(version, _resumeVersion)))
        {
            // A deletion of what the log does not know as live, or a change from before the resume point: it has been recorded already.
            if (deleted && !IsNotNewer(version, _resumeVersion))
            {
                ConfessMissed(delta, header, "deleted, and the log knows of no such object");
                DraftObject(delta, EventType.ObjectDeleted, header);
            }
            else
            {
                Duplicates++;
            }
            return;
        }
        else if (known)
        {
            // The same name with another uid: the old object's deletion was missed.
            if (!_listing)
                ConfessMissed(delta, header, $"another object than the one with uid {live.Uid}, whose deletion was never sent");
            DraftMissed(delta, key, live);
            known = false;
        }
        else if (!_listing && delta.Kind == DeltaKind.Modified)
        {
            ConfessMissed(delta, header, "modified, and the log knows of no such object");
        }

        if (!deleted && _rules?.Ignores(_tape, header.Object, isModification: known && live.Epoch == _epoch) == true)
        {
            // The next change that is recorded brings the whole new state; until then only the version moves on, so that a list finds nothing new.
            Keep(key, new Live(header.Object.Uid, version, _epoch));
            DraftProgress(delta);
            return;
        }

        var type = deleted ? EventType.ObjectDeleted : known ? EventType.ObjectModified : EventType.ObjectAdded;
        DraftObject(delta, type, header);
        if (deleted)
            Forget(header.Object, version);
        else
            Keep(key, new Live(header.Object.Uid, version, _epoch));
        if (!_listing)
            _resumeVersion = _seenVersion = version;
    }

    /// <summary>A watch that is whole cannot say this: etcd and the API server have lost watch events before (etcd issues 17529, 18089, 19179). What else was lost only a list can tell.</summary>
    void ConfessMissed(in Delta delta, ObjectHeader header, string what)
    {
        if (!_synced)
            return;
        NeedsList = true;
        DraftGap(delta with { ResourceVersion = "", Reason = $"changes before resource version {header.ResourceVersion} were never sent: {header.Object} is {what}" });
    }

    void DraftGap(in Delta delta)
    {
        _synced = _listOpen = false;
        _journal?.Break();
        if (delta.StartsEpoch)
            _epoch++;
        DraftObservation(delta, EventType.GapObserved);
        // The bound that the gap names is the last version of the epoch before.
        if (delta.StartsEpoch)
            _resumeVersion = _seenVersion = null;
        _listStarted = _lastRecorded;
    }

    // A list that is begun again after it was broken off is the same list to a source that is read again, which has to give it from its first beginning: a part of it would pass for the whole.
    void BeginList()
    {
        if (!_listOpen)
            _listStarted = _lastRecorded;
        _listOpen = true;
    }

    void DraftObject(in Delta delta, EventType type, ObjectHeader header)
    {
        var start = _part.States.WrittenCount;
        _edits.Clear();
        if (_redactor.Concerns(_type))
            _redactor.Redact(_type, _tape, _tape.Root, header.Object, _edits);
        _rules?.Strip(_tape, header.Object.Namespace, _edits);
        CanonicalJson.Write(_tape, _tape.Root, _part.States, _edits);
        var metadata = Metadata(delta, header.Object, header.ResourceVersion);
        Add(type, metadata, start);
    }

    void DraftMissed(in Delta delta, (string Namespace, string Name) key, Live live) =>
        DraftGone(delta, new ObjectIdentity(key.Namespace, key.Name, live.Uid), Provenance.Relist);

    /// <summary>A deletion whose last state is not recorded.</summary>
    void DraftGone(in Delta delta, ObjectIdentity identity, Provenance provenance)
    {
        var metadata = Metadata(delta, identity, delta.ResourceVersion) with { Provenance = provenance };
        Add(EventType.ObjectDeleted, metadata, _part.States.WrittenCount);
        Forget(identity, delta.ResourceVersion);
    }

    void DraftExcluded(in Delta delta, ObjectHeader header, bool deleted)
    {
        var (key, uid) = ((header.Object.Namespace, header.Object.Name), header.Object.Uid);
        // What the log holds from before the rule ends when it is gone, though without its content: the past must not show it for ever.
        if (_live.TryGetValue(key, out var live) && (deleted || live.Uid != uid) && (live.Epoch != _epoch || !IsOlder(header.ResourceVersion, live.ResourceVersion)))
            DraftGone(delta, new ObjectIdentity(key.Namespace, key.Name, live.Uid), _listing ? Provenance.Relist : delta.Provenance);
        _rules!.CountExcluded(key.Namespace);
        DraftProgress(delta);
    }

    /// <summary>Nothing that is to be recorded happened up to the delta's version: said sparingly, so that a restart need not go far back.</summary>
    void DraftProgress(in Delta delta)
    {
        // A bookmark that is late says nothing that the changes before it have not said.
        if (!_synced || _listing || IsOlder(delta.ResourceVersion, _seenVersion))
            return;
        _lastObserved = delta.ObservedAt;
        _seenVersion = delta.ResourceVersion;
        if (delta.ResourceVersion == _resumeVersion || delta.ObservedAt - _lastRecorded < ProgressPeriod)
            return;
        _resumeVersion = delta.ResourceVersion;
        DraftObservation(delta, EventType.Progressed);
    }

    void DraftRules(in Delta delta)
    {
        if (_revision < 0)
        {
            DraftObservation(delta with { Reason = FirstStart }, EventType.GapObserved);
        }
        else if (_rules is { ExcludesType: true } || TypeRules.Widens(_recordedRules, RulesText))
        {
            DraftGap(delta with { StartsEpoch = false, Reason = _rules is { ExcludesType: true } ? "the rules exclude the type from here on" : "the rules let in what they left out before" });
        }
        var observed = _lastObserved;
        DraftObservation(delta with { ResourceVersion = _resumeVersion ?? "", Reason = RulesText }, EventType.RulesObserved);
        // The rules say nothing of the cluster: a gap that opens now still begins where it was last seen.
        _lastObserved = observed;
        _recordedRules = RulesText;
    }

    void Keep((string Namespace, string Name) key, Live live)
    {
        _journal?.Add(key, _live.TryGetValue(key, out var last) ? last.ResourceVersion : null, live.ResourceVersion);
        _live[key] = live;
    }

    void Forget(ObjectIdentity identity, string version)
    {
        var key = (identity.Namespace, identity.Name);
        _journal?.Add(key, _live.TryGetValue(key, out var last) ? last.ResourceVersion : null, version);
        _live.Remove(key);
        _rules?.Forget(identity);
    }

    void DraftObservation(in Delta delta, EventType type)
    {
        var metadata = Metadata(delta, new ObjectIdentity("", "", ""), delta.ResourceVersion);
        if (type == EventType.GapObserved)
            metadata = metadata with { GapFrom = _seenVersion ?? "", GapFromTime = _lastObserved, Reason = delta.Reason };
        else if (type == EventType.RulesObserved)
            metadata = metadata with { Reason = delta.Reason };
        Add(type, metadata, _part.States.WrittenCount, EventId.ForPlace(_stream, _revision + 1, type));
    }

    // A clock may be set back; the times of a stream never run backwards, so that a time always cuts it in two.
    DateTimeOffset Latest(DateTimeOffset observed) => observed < _lastRecorded ? _lastRecorded.Value : observed;

    EventMetadata Metadata(in Delta delta, ObjectIdentity identity, string version) => new()
    {
        Cluster = _cluster,
        Type = delta.Type,
        Object = identity,
        ResourceVersion = version,
        ObservedAt = Microseconds(Latest(delta.ObservedAt)),
        Provenance = _listing && _everSynced ? Provenance.Relist : delta.Provenance,
        Epoch = _epoch,
        TraceParent = delta.TraceParent,
    };

    void Add(EventType type, EventMetadata metadata, int start, Guid? id = null)
    {
        _chain.Compute(_revision < 0 ? default : _hash, type, metadata, _part.States.WrittenSpan[start..], _hash);
        _revision++;
        _lastObserved = _lastRecorded = metadata.ObservedAt;
        _part.Drafts.Add(new Drafted(id, type, metadata, start, _part.States.WrittenCount - start));
        _part.Hashes.Write(_hash);
    }

    void Recover(RecordedEvent recorded)
    {
        _revision = recorded.Revision;
        recorded.Hash.Span.CopyTo(_hash);
        var metadata = recorded.Metadata;
        if (metadata.Epoch != _epoch)
            (_epoch, _resumeVersion) = (metadata.Epoch, null);
        _lastRecorded = metadata.ObservedAt;
        if (recorded.Type != EventType.RulesObserved)
            _lastObserved = metadata.ObservedAt;
        var key = (metadata.Object.Namespace, metadata.Object.Name);
        switch (recorded.Type)
        {
            case EventType.ObjectAdded or EventType.ObjectModified:
                _live[key] = new Live(metadata.Object.Uid, metadata.ResourceVersion, metadata.Epoch);
                if (_synced)
                    _resumeVersion = metadata.ResourceVersion;
                break;
            case EventType.ObjectDeleted:
                // The deletion of a former bearer of the name may follow its successor's creation.
                if (_live.TryGetValue(key, out var live) && live.Uid == metadata.Object.Uid)
                    _live.Remove(key);
                if (_synced)
                    _resumeVersion = metadata.ResourceVersion;
                break;
            case EventType.SyncStarted:
                _synced = false;
                BeginList();
                break;
            case EventType.GapObserved:
                _synced = _listOpen = false;
                _listStarted = metadata.ObservedAt;
                break;
            case EventType.SyncCompleted:
                _synced = _everSynced = true;
                _listOpen = false;
                _resumeVersion = metadata.ResourceVersion;
                _proven = (metadata.ResourceVersion, metadata.ObservedAt);
                break;
            case EventType.Progressed:
                _resumeVersion = metadata.ResourceVersion;
                break;
            case EventType.RulesObserved:
                _recordedRules = metadata.Reason!;
                break;
            default:
                break;
        }
        _seenVersion = _resumeVersion;
    }

    static bool IsOlder(string version, string? than) =>
        than is not null && ResourceVersion.IsComparable(version) && ResourceVersion.IsComparable(than) && ResourceVersion.Compare(version, than) < 0;

    static bool IsNotNewer(string version, string? than) =>
        version == than || IsOlder(version, than);

    static DateTimeOffset Microseconds(DateTimeOffset time) => HashChain.FromMicroseconds(HashChain.Microseconds(time));

    readonly record struct Live(string Uid, string ResourceVersion, int Epoch);

    readonly record struct Drafted(Guid? Id, EventType Type, EventMetadata Metadata, int Start, int Length);

    /// <summary>Consecutive events of a batch, and the buffers that hold their bytes; used again for the next batch.</summary>
    sealed class Part : IDisposable
    {
        public PooledBufferWriter States { get; } = new();

        public PooledBufferWriter Hashes { get; } = new();

        public List<Drafted> Drafts { get; } = [];

        public List<ProposedEvent> Events { get; } = [];

        public ExpectedRevision Expected { get; private set; }

        public Task Appending { get; set; } = Task.CompletedTask;

        /// <summary>Makes events of the drafts, now that the buffers will not move any more.</summary>
        public void Seal(long lastRevision)
        {
            var (states, hashes) = (States.WrittenMemory, Hashes.WrittenMemory);
            foreach (ref readonly var draft in CollectionsMarshal.AsSpan(Drafts))
            {
                var (state, hash) = (states.Slice(draft.Start, draft.Length), hashes.Slice(Events.Count * HashChain.HashLength, HashChain.HashLength));
                Events.Add(draft.Id is { } id
                    ? new ProposedEvent { Id = id, Type = draft.Type, Metadata = draft.Metadata, State = state, Hash = hash }
                    : new ProposedEvent { Type = draft.Type, Metadata = draft.Metadata, State = state, Hash = hash });
            }
            Expected = ExpectedRevision.Exactly(lastRevision - Events.Count);
        }

        public void Clear()
        {
            States.Clear();
            Hashes.Clear();
            Drafts.Clear();
            Events.Clear();
        }

        public void Dispose()
        {
            States.Dispose();
            Hashes.Dispose();
        }
    }
}
