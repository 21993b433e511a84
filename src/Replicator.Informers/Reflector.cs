using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;

namespace Replicator.Informers;

/// <summary>
/// Lists and watches one type over all namespaces and hands every change to its sink, in the order of the watch, each at least once; where changes may have been missed it says so by a <see cref="DeltaKind.Gap"/> and
/// takes a new snapshot. Whatever goes wrong on the way is retried for ever.
/// </summary>
/// <remarks>
/// <para>The resume point moves only with what the sink has acknowledged. It does not move within a snapshot, whose objects come in no particular order, and it is never moved past a line that could not be read.</para>
/// <para>Two tasks share the work: one reads the socket into a bounded buffer and does nothing else, the other cuts lines, looks for type and resource version, and gives the sink all that is there. Objects are slices of what was read.</para>
/// <para>Protocol: https://kubernetes.io/docs/reference/using-api/api-concepts/, KEP-365 (paging), KEP-956 (bookmarks), KEP-3157 (streaming lists). Back-off and timeouts are those of client-go's reflector.</para>
/// </remarks>
public sealed class Reflector
{
    // How often a version that the server does not know yet is asked for again before the snapshot: a server that fell behind catches up within seconds, one restored from a backup never does.
    const int TooLargeTries = 3;

    // A second streaming list that breaks off is followed by a paged one, which makes progress in smaller steps.
    const int StreamingTries = 2;

    const int LongestStatus = 64 * 1024;

    // Two reflectors that find a restore within this time have found the same one.
    static readonly TimeSpan SameRestore = TimeSpan.FromMinutes(1);

    static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(1);

    // A watch that ends this long before it was to end was not ended by its timeout: the server may be another one afterwards.
    static readonly TimeSpan Early = TimeSpan.FromSeconds(5);

    // What a server may demand with Retry-After: less would be a busy loop, more would leave us blind on a proxy's word.
    static readonly TimeSpan ShortestRetry = TimeSpan.FromSeconds(1);
    static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(5);

    readonly IListerWatcher _source;
    readonly IDeltaSinkFactory _sinks;
    readonly ReflectorOptions _options;
    readonly TimeProvider _time;
    readonly ListTurns? _turns;
    readonly Backoff _backoff;
    readonly DeltaBatch _batch;
    readonly JsonTape _tape = new();
    readonly byte[] _header, _kindHeader, _apiVersionHeader;
    readonly KeyValuePair<string, object?>[] _tags;
    readonly Lock _gate = new();

    IDeltaSink? _sink;
    string? _version, _recorded, _lookedAt;
    bool _holdsSlot, _listStarted, _streamingRefused, _unpaged;

    // Whether the server may have gone back behind what is recorded since it was last known not to have.
    bool _doubtful = true;
    int _streamingFailures, _tooLarge;

    // Written by the task that runs the reflector (activity: by the pump), read under the lock by whoever asks for health.
    ReflectorState _state = ReflectorState.Waiting;
    string? _lastError;
    DateTimeOffset? _lastActivity;
    long _deltas, _watches, _lists, _gaps, _malformed;
    CancellationToken _stopping;
    CancellationTokenSource? _waiting;

    // What another type's reflector found: the storage that they share was restored.
    string? _restored;
    CancellationTokenSource? _attempt;
    long? _epochStarted;

    /// <summary>Creates a reflector; <see cref="RunAsync"/> starts it.</summary>
    /// <param name="client">Its base address is the server's URL, ending in a slash (<see cref="ClusterConnection.Client"/>).</param>
    /// <param name="type">What to watch.</param>
    /// <param name="sinks">Opens the sink when the reflector starts, and again after a sink could not read an object.</param>
    /// <param name="options">How to go about it.</param>
    /// <param name="time">The clock of back-offs, watchdogs and <see cref="Delta.ObservedAt"/>.</param>
    public Reflector(HttpClient client, ResourceType type, IDeltaSinkFactory sinks, ReflectorOptions options, TimeProvider time)
        : this(client, type, sinks, options, time, turns: null)
    {
    }

    /// <summary>Creates a reflector over another source, or part of a type; <see cref="RunAsync"/> starts it.</summary>
    /// <param name="source">Sends the requests.</param>
    /// <param name="sinks">Opens the sink when the reflector starts, and again after a sink could not read an object.</param>
    /// <param name="options">How to go about it.</param>
    /// <param name="time">The clock of back-offs, watchdogs and <see cref="Delta.ObservedAt"/>.</param>
    public Reflector(IListerWatcher source, IDeltaSinkFactory sinks, ReflectorOptions options, TimeProvider time)
        : this(source, sinks, options, time, turns: null)
    {
    }

    internal Reflector(HttpClient client, ResourceType type, IDeltaSinkFactory sinks, ReflectorOptions options, TimeProvider time, ListTurns? turns)
        : this(new ListerWatcher(client, type), sinks, options, time, turns)
    {
    }

    Reflector(IListerWatcher source, IDeltaSinkFactory sinks, ReflectorOptions options, TimeProvider time, ListTurns? turns)
    {
        var type = source.Type;
        (_source, Type, _sinks, _options, _time, _turns) = (source, type, sinks, options, time, turns);
        _backoff = new Backoff(time, options.Jitter);
        _batch = new DeltaBatch(options.MaxBatchDeltas, options.MaxBatchBytes);
        _tags = InformersTelemetry.Tags(type, options.Cluster);
        var (apiVersion, kind) = (JavaScriptEncoder.Default.Encode(type.ApiVersion), JavaScriptEncoder.Default.Encode(type.Kind));
        _header = Encoding.UTF8.GetBytes($"{{\"kind\":\"{kind}\",\"apiVersion\":\"{apiVersion}\"");
        _kindHeader = Encoding.UTF8.GetBytes($"{{\"kind\":\"{kind}\"");
        _apiVersionHeader = Encoding.UTF8.GetBytes($"{{\"apiVersion\":\"{apiVersion}\"");
    }

    /// <summary>The type.</summary>
    public ResourceType Type { get; }

    /// <summary>How it fares now. Safe to ask at any time from any thread.</summary>
    public ReflectorHealth Health
    {
        get
        {
            lock (_gate)
            {
                return new ReflectorHealth
                {
                    Type = Type,
                    State = _state,
                    ResourceVersion = _version,
                    LastError = _lastError,
                    LastActivity = _lastActivity,
                    Deltas = _deltas,
                    Reconnects = Math.Max(0, _watches - 1),
                    Relists = Math.Max(0, _lists - 1),
                    Gaps = _gaps,
                    Malformed = _malformed,
                };
            }
        }
    }

    /// <summary>Runs until it is cancelled, and then returns; the sink is disposed by then. To be called once.</summary>
    /// <exception cref="Exception">Whatever the sink or its factory throws, save what <see cref="IDeltaSink"/> excepts: the reflector has stopped.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _stopping = cancellationToken;
        try
        {
            await OpenSinkAsync(cancellationToken).ConfigureAwait(false);
            while (true)
            {
                var outcome = await AttemptAsync(cancellationToken).ConfigureAwait(false);
                await ConcludeAsync(outcome, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The snapshot that is under way is left open: who resumes takes a new one.
        }
        catch (Exception exception)
        {
            SetError($"stopped: {OneLine.Of(exception)}");
            throw;
        }
        finally
        {
            ReleaseSlot();
            SetState(ReflectorState.Stopped);
            _batch.Clear();
            if (_sink is not null)
                await _sink.DisposeAsync().ConfigureAwait(false);
        }
    }

    async ValueTask<Outcome> AttemptAsync(CancellationToken cancellationToken)
    {
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        lock (_gate)
        {
            if (TakeRestore() is { } known)
                return known;
            _attempt = attempt;
        }
        try
        {
            return await CheckForRestoreAsync(attempt.Token).ConfigureAwait(false)
                ?? (_version is null ? await ListAsync(attempt.Token).ConfigureAwait(false) : await WatchAsync(attempt.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Outcome? known;
            lock (_gate)
                (_attempt, known) = (null, TakeRestore());
            if (known is not { } outcome)
                throw;
            return await AbortListAsync(outcome).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
                _attempt = null;
        }
    }

    /// <summary>
    /// Tells that another reflector of the same server found its storage restored. What this one would resume from may be of the past that the restore undid, even where its version is not beyond what the server has
    /// reached: it starts an epoch as well, unless it has just done so. Safe to call at any time from any thread.
    /// </summary>
    internal void StorageWasRestored(string reason)
    {
        lock (_gate)
        {
            if (_epochStarted is { } started && _time.GetElapsedTime(started) < SameRestore)
                return;
            _restored = reason;
            // Not Cancel: the reflector would go on on this thread, within the lock.
            _ = _attempt?.CancelAsync();
            _ = _waiting?.CancelAsync();
        }
    }

    // Under the lock.
    Outcome? TakeRestore()
    {
        if (_restored is not { } reason)
            return null;
        _restored = null;
        return new Outcome(OutcomeKind.RestoredElsewhere, reason);
    }

    async ValueTask OpenSinkAsync(CancellationToken cancellationToken)
    {
        _sink = await _sinks.OpenAsync(Type, cancellationToken).ConfigureAwait(false);
        SetVersion(_sink.ResumeVersion);
        _recorded = _sink.RecordedVersion;
    }

    /// <summary>Decides what a list's or watch's end means, and waits where that is right.</summary>
    async ValueTask ConcludeAsync(Outcome outcome, CancellationToken cancellationToken)
    {
        switch (outcome.Kind)
        {
            case OutcomeKind.Listed:
                return;
            case OutcomeKind.Ended:
                if (outcome.Message.Length > 0)
                    Report($"the watch broke off ({outcome.Message}); resuming from {_version ?? "a new list"}");
                return;
            case OutcomeKind.NoStreaming:
                if (_turns?.IsFirstRefusal() != false)
                    Report(outcome.Message);
                return;
            case OutcomeKind.NoPaging:
                Report(outcome.Message);
                return;
            case OutcomeKind.Silent:
                Report($"the watch was silent ({outcome.Message}); resuming from {_version}");
                return;
            case OutcomeKind.Expired when _version is not null:
                await LoseResumePointAsync(outcome.Message, startsEpoch: false, cancellationToken).ConfigureAwait(false);
                return;
            case OutcomeKind.TooLarge when _version is not null && ++_tooLarge > TooLargeTries:
                await LoseResumePointAsync($"the server does not come to know resource version {_version} ({outcome.Message})", startsEpoch: false, cancellationToken).ConfigureAwait(false);
                return;
            case OutcomeKind.Restored:
                await LoseResumePointAsync(outcome.Message, startsEpoch: true, cancellationToken).ConfigureAwait(false);
                _options.Restored?.Invoke(this, outcome.Message);
                return;
            case OutcomeKind.RestoredElsewhere:
                // Where nothing is recorded, nothing can be of another past.
                if ((_version ?? _recorded) is not null)
                    await LoseResumePointAsync(outcome.Message, startsEpoch: true, cancellationToken).ConfigureAwait(false);
                return;
            case OutcomeKind.Incomplete:
                // The sink has recorded the gap. A server that goes on like this is not to be listed without end.
                SetVersion(null);
                await WaitAsync(_backoff.Next(), outcome.Message, cancellationToken).ConfigureAwait(false);
                return;
            case OutcomeKind.Throttled:
                await WaitAsync(RetryDelay(outcome), outcome.Message, cancellationToken).ConfigureAwait(false);
                return;
            case OutcomeKind.SinkRefused:
                await _sink!.DisposeAsync().ConfigureAwait(false);
                await WaitAsync(_backoff.Next(), outcome.Message, cancellationToken).ConfigureAwait(false);
                await OpenSinkAsync(cancellationToken).ConfigureAwait(false);
                return;
            default:
                await WaitAsync(_backoff.Next(), outcome.Message, cancellationToken).ConfigureAwait(false);
                return;
        }
    }

    async ValueTask LoseResumePointAsync(string reason, bool startsEpoch, CancellationToken cancellationToken)
    {
        _tooLarge = 0;
        CountGap();
        Report($"changes after resource version {_version ?? _recorded} may have been missed: {reason}; listing");
        // On its own, and before the list is asked for: however long that takes to succeed, the log says since when it was blind.
        _batch.Clear();
        _batch.Add(Marker(DeltaKind.Gap, "", Provenance.Watch) with { Reason = OneLine.Of(reason), StartsEpoch = startsEpoch });
        if (startsEpoch)
        {
            _recorded = null;
            lock (_gate)
                (_epochStarted, _restored) = (_time.GetTimestamp(), null);
        }
        var refused = await DeliverAsync().ConfigureAwait(false);
        SetVersion(null);
        if (refused is { } outcome)
            await ConcludeAsync(outcome, cancellationToken).ConfigureAwait(false);
    }

    async ValueTask WaitAsync(TimeSpan delay, string message, CancellationToken cancellationToken)
    {
        InformersTelemetry.Backoffs.Add(1, _tags);
        Report($"{message}; trying again in {delay.TotalSeconds:0.0} s");
        using var hurry = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var waiting = Task.Delay(delay, _time, hurry.Token);
        lock (_gate)
            (_waiting, _state) = (hurry, ReflectorState.Backoff);
        await waiting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
            _waiting = null;
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Ends a wait after a failure: what failed is known to be well again. Safe to call at any time from any thread.</summary>
    internal void RetryNow()
    {
        // Not Cancel: the reflector would go on on this thread, within the lock.
        lock (_gate)
            _ = _waiting?.CancelAsync();
    }

    TimeSpan RetryDelay(in Outcome outcome)
    {
        if (outcome.RetryAfter is not { } asked)
            return _backoff.Next();
        return asked < ShortestRetry ? ShortestRetry : asked > LongestRetry ? LongestRetry : asked;
    }

    void CountGap()
    {
        lock (_gate)
            _gaps++;
        InformersTelemetry.Gaps.Add(1, _tags);
    }

    // ---- Watch

    async ValueTask<Outcome> WatchAsync(CancellationToken cancellationToken)
    {
        var timeout = WatchTimeout();
        SetState(ReflectorState.Watching);
        lock (_gate)
            _watches++;
        var query = $"watch=true&allowWatchBookmarks=true&resourceVersion={Uri.EscapeDataString(_version!)}&timeoutSeconds={timeout.TotalSeconds:0}";
        var (response, refusal) = await SendAsync(query, "watch", cancellationToken).ConfigureAwait(false);
        if (response is null)
            return refusal;
        using (response)
            return await ReadWatchAsync(response, listing: false, timeout + _options.SilenceMargin, cancellationToken).ConfigureAwait(false);
    }

    async ValueTask<Outcome> ReadWatchAsync(HttpResponseMessage response, bool listing, TimeSpan silence, CancellationToken cancellationToken)
    {
        var opened = _time.GetTimestamp();
        var (anything, from) = (false, _version);
        var (position, returned) = (0L, 0L);
        var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        // A streaming list that stalls is no list: a server that ignores sendInitialEvents never ends it.
        var pump = new ResponsePump(body, listing ? _options.StreamSilence : silence, _options.BufferBytes, _time, Received, _options.Budget, cancellationToken);
        await using var disposal = pump.ConfigureAwait(false);
        while (true)
        {
            var result = await pump.ReadAsync(cancellationToken).ConfigureAwait(false);
            var buffer = result.Buffer;
            using (var activity = listing || buffer.IsEmpty ? null : InformersTelemetry.StartChanges())
            {
                activity?.SetTag("resource", Type.GroupResource.ToString());
                var trace = activity is { Recorded: true } ? activity.Id : null;
                while (TryTakeLine(ref buffer, out var line, out var taken))
                {
                    position += taken;
                    if (line.IsEmpty)
                        continue;
                    anything = true;
                    var verdict = line.Length > _options.MaxObjectBytes ? Malformed(TooLong("line")) : Interpret(line, pump.ReceivedAt(position), trace, ref listing);
                    if (verdict is null && !_batch.IsFull)
                        continue;
                    // What came before a line that ends the watch is as good as ever.
                    var refused = await DeliverAsync().ConfigureAwait(false);
                    if ((refused ?? verdict) is { } outcome)
                        return listing ? await AbortListAsync(outcome).ConfigureAwait(false) : outcome;
                    if (!listing)
                        pump.Silence = silence;
                }
                if (await DeliverAsync().ConfigureAwait(false) is { } refusal)
                    return listing ? await AbortListAsync(refusal).ConfigureAwait(false) : refusal;
            }
            if (!listing)
                pump.Silence = silence;
            if (buffer.Length > _options.MaxObjectBytes)
            {
                var outcome = Malformed(TooLong("line"));
                return listing ? await AbortListAsync(outcome).ConfigureAwait(false) : outcome;
            }
            var completed = result.IsCompleted;
            // What is left has no line feed: a beginning, or the torn end of a cut connection, which is never delivered.
            pump.Reader.AdvanceTo(buffer.Start, buffer.End);
            pump.Return(position - returned);
            returned = position;
            if (completed)
                break;
        }
        if (listing)
        {
            _streamingFailures += pump.Ending == ResponseEnding.Cut ? 1 : StreamingTries;
            if (pump.Ending == ResponseEnding.Silent)
                _turns?.ReportStall();
            return await AbortListAsync(
                new Outcome(OutcomeKind.Failed, $"the streaming list broke off before its end ({pump.Failure ?? "the server closed it"})")).ConfigureAwait(false);
        }
        var lasted = _time.GetElapsedTime(opened);
        _doubtful |= pump.Ending != ResponseEnding.Closed || !anything || lasted + Early < silence - _options.SilenceMargin;
        if (pump.Ending == ResponseEnding.Silent)
            return new Outcome(OutcomeKind.Silent, pump.Failure!);
        if (_version == from && lasted < AtOnce)
            return new Outcome(OutcomeKind.EndedAtOnce, $"the watch ended after {lasted.TotalMilliseconds:0} ms and brought nothing new{(pump.Failure is { } failure ? $" ({failure})" : "")}");
        if (anything)
            return new Outcome(OutcomeKind.Ended, pump.Failure ?? "");
        return pump.Ending == ResponseEnding.Cut ? new Outcome(OutcomeKind.Ended, pump.Failure!) : new Outcome(OutcomeKind.Silent, $"it ended after {lasted.TotalSeconds:0} s without a line");
    }

    /// <summary>Puts what a line says into the batch. A result ends the watch.</summary>
    Outcome? Interpret(ReadOnlyMemory<byte> line, DateTimeOffset receivedAt, string? trace, ref bool listing)
    {
        var kind = WatchLine.Read(line.Span, _tape, out var start, out var length);
        var value = line.Slice(start, length);
        switch (kind)
        {
            case WatchLineKind.Added or WatchLineKind.Modified or WatchLineKind.Deleted:
                if (!JsonSkim.TryReadResourceVersion(value.Span, out var utf8) && !TryReadUnusualVersion(value.Span, out utf8))
                    return Malformed($"a line whose object has no metadata.resourceVersion: {Excerpt(line.Span)}");
                var version = Encoding.ASCII.GetString(utf8);
                // Within a streaming list, ADDED is an object of the snapshot; what else comes before its end is a change that overtook it.
                var listed = listing && kind == WatchLineKind.Added;
                _batch.Add(new Delta
                {
                    Kind = listed ? DeltaKind.Listed
                        : kind == WatchLineKind.Added ? DeltaKind.Added
                        : kind == WatchLineKind.Modified ? DeltaKind.Modified : DeltaKind.Deleted,
                    ResourceVersion = version,
                    ObservedAt = receivedAt,
                    Provenance = listed ? Provenance.List : Provenance.Watch,
                    Type = Type,
                    Object = value,
                    TraceParent = trace,
                });
                if (!listing && !IsBehind(version, _batch.ResumeVersion ?? _version))
                    _batch.ResumeVersion = version;
                return null;

            case WatchLineKind.Bookmark:
                _tape.Parse(value);
                if (!_tape.TryGetProperty(_tape.Root, "metadata"u8, out var metadata) || _tape.Text(metadata, "resourceVersion"u8) is not { } reached)
                    return Malformed($"a bookmark without metadata.resourceVersion: {Excerpt(line.Span)}");
                if (listing)
                {
                    var ends = _tape.TryGetProperty(metadata, "annotations"u8, out var annotations)
                        && _tape.TryGetProperty(annotations, "k8s.io/initial-events-end"u8, out var end) && _tape.StringEquals(end, "true"u8);
                    if (!ends)
                        return null;
                    if (IsBehind(reached, _recorded))
                        return Restored(reached, _recorded!);
                    listing = false;
                    CompleteList(reached, receivedAt);
                    return null;
                }
                // One that is late must not turn the resume point back.
                if (IsBehind(reached, _batch.ResumeVersion ?? _version))
                    return null;
                _batch.Add(Marker(DeltaKind.Bookmark, reached, Provenance.Watch) with { ObservedAt = receivedAt, TraceParent = trace });
                _batch.ResumeVersion = reached;
                return null;

            case WatchLineKind.Error:
                return Judge(ApiStatus.Read(_tape, value.Span, httpStatus: 0), "watch");

            default:
                return Malformed($"a line that is no watch event: {Excerpt(line.Span)}");
        }
    }

    bool TryReadUnusualVersion(ReadOnlySpan<byte> value, out ReadOnlySpan<byte> version)
    {
        version = default;
        try
        {
            _tape.Parse(value);
        }
        catch (JsonFormatException)
        {
            return false;
        }
        if (!_tape.TryGetProperty(_tape.Root, "metadata"u8, out var metadata) || _tape.Text(metadata, "resourceVersion"u8) is not { } text)
            return false;
        version = Encoding.ASCII.GetBytes(text);
        return true;
    }

    bool TryTakeLine(ref ReadOnlySequence<byte> buffer, out ReadOnlyMemory<byte> line, out long taken)
    {
        var first = buffer.First;
        var feed = first.Span.IndexOf((byte)'\n');
        if (feed >= 0)
        {
            line = first[..feed];
            taken = feed + 1;
            buffer = buffer.Slice(taken);
            return true;
        }
        if (buffer.IsSingleSegment || buffer.PositionOf((byte)'\n') is not { } position)
        {
            (line, taken) = (default, 0);
            return false;
        }
        var spread = buffer.Slice(0, position);
        var copy = _batch.Rent(checked((int)spread.Length));
        spread.CopyTo(copy.Span);
        line = copy;
        taken = spread.Length + 1;
        buffer = buffer.Slice(taken);
        return true;
    }

    /// <summary>
    /// A watch from a version that the server has not reached says nothing until it has, and then leaves out all that lies between. After an etcd restore from a backup that is silent loss. Restoring takes a restart of the
    /// server, so that after whatever may have been one, and before the first request of ours, we ask where the server stands. A result means that it is behind, or did not say.
    /// </summary>
    /// <remarks>A server that has come past the version again by then cannot be told from one that never was behind it; that what it sends does not follow from what is recorded shows the sink (<see cref="IDeltaSink.NeedsList"/>).</remarks>
    async ValueTask<Outcome?> CheckForRestoreAsync(CancellationToken cancellationToken)
    {
        if (!_doubtful || (_version ?? _recorded) is not { } last || !ResourceVersion.IsComparable(last))
            return null;
        SetState(_version is null ? ReflectorState.Listing : ReflectorState.Watching);
        _lookedAt = null;
        var (response, refusal) = await SendAsync("limit=1", "list", cancellationToken).ConfigureAwait(false);
        if (response is null)
            return refusal.Kind == OutcomeKind.Throttled ? refusal : refusal with { Kind = OutcomeKind.Failed };
        using (response)
        {
            var scanner = new ListScanner(_tape);
            if (await ReadPageAsync(response, scanner, record: false, cancellationToken).ConfigureAwait(false) is { } failure)
                return failure;
            _doubtful = false;
            // An extension API server may count its lists by another count than its objects, and then its lists say nothing of where it stands.
            return IsBehind(scanner.ResourceVersion, last) && !IsBehind(scanner.ResourceVersion, _lookedAt) ? Restored(scanner.ResourceVersion!, last) : null;
        }
    }

    static bool IsBehind(string? version, string? than) =>
        version is not null && than is not null && ResourceVersion.IsComparable(version) && ResourceVersion.IsComparable(than) && ResourceVersion.Compare(version, than) < 0;

    static Outcome Restored(string reached, string last) =>
        new(OutcomeKind.Restored, $"the server is at resource version {reached}, before the last recorded {last}: its storage was restored from a backup");

    // ---- List

    async ValueTask<Outcome> ListAsync(CancellationToken cancellationToken)
    {
        if (_turns is not null)
        {
            SetState(ReflectorState.Waiting);
            await _turns.Slots.WaitAsync(cancellationToken).ConfigureAwait(false);
            _holdsSlot = true;
        }
        SetState(ReflectorState.Listing);
        using var activity = InformersTelemetry.Source.StartActivity("replicator.informer.list");
        activity?.SetTag("resource", Type.GroupResource.ToString());
        try
        {
            var outcome = _options.StreamingLists && !_streamingRefused && _streamingFailures < StreamingTries && _turns?.StreamsStall != true
                ? await StreamListAsync(cancellationToken).ConfigureAwait(false)
                : await PageListAsync(cancellationToken).ConfigureAwait(false);
            if (outcome.Kind == OutcomeKind.NoStreaming)
                _streamingRefused = true;
            _unpaged = outcome.Kind == OutcomeKind.NoPaging;
            return outcome;
        }
        finally
        {
            ReleaseSlot();
        }
    }

    async ValueTask<Outcome> StreamListAsync(CancellationToken cancellationToken)
    {
        var timeout = WatchTimeout();
        // No resource version: the snapshot is as new as etcd's, and so never older than what was recorded.
        var query = $"watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds={timeout.TotalSeconds:0}";
        var (response, refusal) = await SendAsync(query, "stream", cancellationToken).ConfigureAwait(false);
        if (response is null)
        {
            if (refusal.Kind == OutcomeKind.Unanswered)
                _streamingFailures++;
            return refusal;
        }
        using (response)
        {
            StartList();
            return await ReadWatchAsync(response, listing: true, timeout + _options.SilenceMargin, cancellationToken).ConfigureAwait(false);
        }
    }

    async ValueTask<Outcome> PageListAsync(CancellationToken cancellationToken)
    {
        string? version = null, next = null;
        do
        {
            var query = _unpaged ? ""
                : string.Create(CultureInfo.InvariantCulture, $"limit={_options.PageSize}{(next is null ? "" : "&continue=" + Uri.EscapeDataString(next))}");
            var (response, refusal) = await SendAsync(query, "list", cancellationToken).ConfigureAwait(false);
            if (response is null)
            {
                if (next is not null && refusal.Kind == OutcomeKind.Throttled)
                {
                    // The pages so far are as good as ever; where the wait outlives the token, the next answer says so.
                    await WaitAsync(RetryDelay(refusal), refusal.Message, cancellationToken).ConfigureAwait(false);
                    SetState(ReflectorState.Listing);
                    continue;
                }
                if (next is not null && refusal.Kind == OutcomeKind.Expired)
                    refusal = new Outcome(OutcomeKind.NoPaging, $"the list took longer than its pages last ({refusal.Message}); starting over in one piece");
                return await AbortListAsync(refusal).ConfigureAwait(false);
            }
            using (response)
            {
                if (next is null)
                    StartList();
                var scanner = new ListScanner(_tape);
                if (await ReadPageAsync(response, scanner, record: true, cancellationToken).ConfigureAwait(false) is { } failure)
                    return await AbortListAsync(failure).ConfigureAwait(false);
                version ??= scanner.ResourceVersion;
                // Pages of one list bear one version; another would mean that changes between them are in neither.
                if (version is null || scanner.ResourceVersion != version)
                    return await AbortListAsync(Malformed($"a page of version '{scanner.ResourceVersion}' in a list of version '{version}'")).ConfigureAwait(false);
                if (IsBehind(version, _recorded))
                    return await AbortListAsync(Restored(version, _recorded!)).ConfigureAwait(false);
                next = scanner.Continue;
            }
        }
        while (next is not null && !_unpaged);
        CompleteList(version!, _time.GetUtcNow());
        return await DeliverAsync().ConfigureAwait(false) ?? new Outcome(OutcomeKind.Listed);
    }

    /// <summary>Reads a list's body into batches and delivers those that are full. A result means that the list is not whole.</summary>
    async ValueTask<Outcome?> ReadPageAsync(HttpResponseMessage response, ListScanner scanner, bool record, CancellationToken cancellationToken)
    {
        var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        var pump = new ResponsePump(body, _options.ListSilence, _options.BufferBytes, _time, Received, _options.Budget, cancellationToken);
        await using var disposal = pump.ConfigureAwait(false);
        using var text = new PooledBufferWriter();
        var (at, undelivered) = (0, 0L);
        var wanted = 1;
        while (true)
        {
            var result = await pump.ReadAsync(cancellationToken).ConfigureAwait(false);
            // An item that spreads over many reads is looked at only as often as its length doubles.
            if (result.Buffer.Length < wanted && !result.IsCompleted)
            {
                pump.Reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
                continue;
            }
            foreach (var segment in result.Buffer)
                text.Write(segment.Span);
            var completed = result.IsCompleted;
            pump.Reader.AdvanceTo(result.Buffer.End);

            var receivedAt = _time.GetUtcNow();
            ListScanner.Token token;
            while ((token = scanner.Read(text.WrittenSpan, ref at, out var start, out var length)) == ListScanner.Token.Item)
            {
                if (!record)
                {
                    if (JsonSkim.TryReadResourceVersion(text.WrittenSpan.Slice(start, length), out var utf8))
                        _lookedAt = Encoding.ASCII.GetString(utf8);
                    continue;
                }
                if (length > _options.MaxObjectBytes)
                    return Malformed(TooLong("list item"));
                if (!TryAddItem(text.WrittenSpan.Slice(start, length), receivedAt))
                    return Malformed($"a list item without metadata.resourceVersion: {Excerpt(text.WrittenSpan.Slice(start, length))}");
                if (_batch.IsFull && await DeliverAsync().ConfigureAwait(false) is { } refused)
                    return refused;
            }
            if (_options.Budget is { IsExhausted: true } && await DeliverAsync().ConfigureAwait(false) is { } refusal)
                return refusal;
            if (token == ListScanner.Token.Malformed)
                return Malformed($"an answer that is no list: {Excerpt(text.WrittenSpan[Math.Min(at, text.WrittenCount)..])}");
            if (completed)
            {
                return token == ListScanner.Token.End && pump.Ending == ResponseEnding.Closed ? null
                    : new Outcome(OutcomeKind.Failed, $"the list broke off ({pump.Failure ?? "the server closed it"})");
            }
            var rest = text.WrittenCount - at;
            if (rest > _options.MaxObjectBytes)
                return Malformed(TooLong("list item"));
            wanted = Math.Clamp(rest, 1, _options.BufferBytes / 4);
            undelivered += at;
            if (_batch.Count == 0)
            {
                pump.Return(undelivered);
                undelivered = 0;
            }
            Compact(text, at);
            at = 0;
        }
    }

    static void Compact(PooledBufferWriter text, int at)
    {
        if (at == 0)
            return;
        var rest = text.WrittenSpan[at..].ToArray();
        text.Clear();
        text.Write(rest);
    }

    bool TryAddItem(ReadOnlySpan<byte> item, DateTimeOffset receivedAt)
    {
        if (!JsonSkim.TryReadResourceVersion(item, out var utf8) && !TryReadUnusualVersion(item, out utf8))
            return false;
        // Lists of built-in types leave out what the list's own kind says already.
        var header = JsonSkim.HeaderOf(item) switch
        {
            (true, true) => default,
            (true, false) => _kindHeader,
            (false, true) => _apiVersionHeader,
            _ => _header,
        };
        Memory<byte> value;
        if (header is null)
        {
            value = _batch.Rent(item.Length);
            item.CopyTo(value.Span);
        }
        else
        {
            // The item has a member, its metadata, so that a comma is right.
            value = _batch.Rent(header.Length + item.Length);
            header.CopyTo(value.Span);
            value.Span[header.Length] = (byte)',';
            item[1..].CopyTo(value.Span[(header.Length + 1)..]);
        }
        _batch.Add(new Delta
        {
            Kind = DeltaKind.Listed,
            ResourceVersion = Encoding.ASCII.GetString(utf8),
            ObservedAt = receivedAt,
            Provenance = Provenance.List,
            Type = Type,
            Object = value,
        });
        return true;
    }

    void StartList()
    {
        lock (_gate)
        {
            if (_lists++ > 0)
                InformersTelemetry.Relists.Add(1, _tags);
        }
        _batch.Clear();
        _batch.Add(Marker(DeltaKind.ListStarted, "", Provenance.List));
    }

    void CompleteList(string version, DateTimeOffset at)
    {
        _batch.Add(Marker(DeltaKind.ListCompleted, version, Provenance.List) with { ObservedAt = at });
        _batch.ResumeVersion = version;
        // A list is as new as etcd: what was asked for here is answered.
        _doubtful = false;
        ReleaseSlot();
    }

    async ValueTask<Outcome> AbortListAsync(Outcome outcome)
    {
        _batch.Clear();
        // A sink that refused a delta has lost its thread; it is opened anew and knows of no list then.
        if (_listStarted && outcome.Kind != OutcomeKind.SinkRefused)
        {
            _batch.Add(Marker(DeltaKind.ListAborted, "", Provenance.List));
            if (await DeliverAsync().ConfigureAwait(false) is { } refused)
                outcome = refused;
        }
        _listStarted = false;
        return outcome;
    }

    void ReleaseSlot()
    {
        if (_holdsSlot)
            _turns!.Slots.Release();
        _holdsSlot = false;
    }

    // ---- What both need

    /// <summary>Hands the batch to the sink; the resume point moves with it. A result means that the sink could not read it.</summary>
    async ValueTask<Outcome?> DeliverAsync()
    {
        if (_batch.Count == 0)
        {
            _batch.Clear();
            return null;
        }
        var started = _time.GetTimestamp();
        try
        {
            // Only the end of the run breaks a delivery off: a sink that was broken off does not know what is durable.
            await _sink!.HandleAsync(_batch.Deltas, _stopping).ConfigureAwait(false);
        }
        catch (FormatException exception)
        {
            _batch.Clear();
            _listStarted = false;
            return Malformed($"an object that cannot be recorded ({exception.Message})") with { Kind = OutcomeKind.SinkRefused };
        }
        catch (SinkOutdatedException exception)
        {
            _batch.Clear();
            _listStarted = false;
            return new Outcome(OutcomeKind.SinkRefused, exception.Message);
        }
        InformersTelemetry.Delivery.Record(_time.GetElapsedTime(started).TotalSeconds, _tags);
        InformersTelemetry.Deltas.Add(_batch.Count, _tags);
        if (_batch.Deltas[0].Kind == DeltaKind.ListStarted)
            _listStarted = true;
        if (_sink.NeedsList)
        {
            lock (_gate)
                _deltas += _batch.Count;
            CountGap();
            _batch.Clear();
            _listStarted = false;
            _doubtful = true;
            return new Outcome(OutcomeKind.Incomplete, "what the server sent does not follow from what is recorded: changes were missed; listing");
        }
        if (_batch.ResumeVersion is not null)
            _recorded = _batch.ResumeVersion;
        lock (_gate)
        {
            _deltas += _batch.Count;
            _lastError = null;
            if (_batch.ResumeVersion is { } version)
            {
                _version = version;
                _tooLarge = 0;
                if (_state == ReflectorState.Listing)
                {
                    // The snapshot is durable; what comes next, on this connection or another, is the watch.
                    _listStarted = false;
                    _streamingFailures = 0;
                    _state = ReflectorState.Watching;
                }
            }
        }
        _batch.Clear();
        return null;
    }

    async ValueTask<(HttpResponseMessage? Response, Outcome Refusal)> SendAsync(string query, string request, CancellationToken cancellationToken)
    {
        InformersTelemetry.Requests.Add(1, [.. _tags, new KeyValuePair<string, object?>("request", request)]);
        using var timeout = new CancellationTokenSource(_options.AnswerTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        HttpResponseMessage? response = null;
        try
        {
            response = await (request == "list" ? _source.ListAsync(query, either.Token) : _source.WatchAsync(query, either.Token)).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
            {
                var answer = response;
                response = null;
                return (answer, default);
            }
            var status = ApiStatus.Read(_tape, await ReadStatusAsync(response, either.Token).ConfigureAwait(false), (int)response.StatusCode);
            Touch(_time.GetUtcNow());
            if (RetryAfter(response) is { } wait)
                status = status with { RetryAfter = wait };
            return (null, Judge(status with { Code = (int)response.StatusCode }, request));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _doubtful = true;
            return (null, new Outcome(OutcomeKind.Unanswered, $"the server did not answer the {request} within {_options.AnswerTimeout.TotalSeconds:0} s"));
        }
        // Whatever transport and credential plugins throw: the reflector's answer to all of it is to try again.
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            _doubtful = true;
            return (null, new Outcome(OutcomeKind.Unanswered, $"the {request} failed: {OneLine.Of(exception)}"));
        }
        finally
        {
            response?.Dispose();
        }
    }

    Outcome Judge(ApiStatus status, string request)
    {
        var message = $"the server answered the {request} with {status}";
        // 5xx is what stands before a server that is being replaced says.
        _doubtful |= status.TooLargeVersion || status.Code >= 500;
        if (status.IsExpired)
            return new Outcome(OutcomeKind.Expired, status.ToString());
        if (status.TooLargeVersion)
            return new Outcome(OutcomeKind.TooLarge, status.ToString());
        if (status.Code == (int)HttpStatusCode.TooManyRequests)
            return new Outcome(OutcomeKind.Throttled, message, status.RetryAfter);
        if (status.Code == (int)HttpStatusCode.ServiceUnavailable && status.RetryAfter is not null)
            return new Outcome(OutcomeKind.Throttled, message, status.RetryAfter);
        // 401, 403 and 404 would befall a paged list as well; what else is refused is the streaming list's parameters.
        if (request == "stream" && status.Code is >= 400 and < 500 and not (401 or 403 or 404))
            return new Outcome(OutcomeKind.NoStreaming, $"the server grants no streaming list ({status}); taking pages, here and wherever else it grants none");
        // A version that a server cannot read will not become readable: another implementation has taken the server's place.
        if (request == "watch" && (status.Code is 400 or 422 || status.Message.Contains("resourceVersion: Invalid value", StringComparison.Ordinal)))
            return new Outcome(OutcomeKind.Expired, status.ToString());
        return new Outcome(OutcomeKind.Failed, message);
    }

    static async ValueTask<byte[]> ReadStatusAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using var disposal = body.ConfigureAwait(false);
        var buffer = new byte[LongestStatus];
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        return buffer[..length];
    }

    TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date > _time.GetUtcNow() => date - _time.GetUtcNow(),
        _ => null,
    };

    Outcome Malformed(string what)
    {
        lock (_gate)
            _malformed++;
        InformersTelemetry.Malformed.Add(1, _tags);
        return new Outcome(OutcomeKind.Failed, $"the server sent {what}");
    }

    string TooLong(string what) => $"a {what} of more than {_options.MaxObjectBytes} bytes";

    Delta Marker(DeltaKind kind, string version, Provenance provenance) => new()
    {
        Kind = kind,
        ResourceVersion = version,
        ObservedAt = _time.GetUtcNow(),
        Provenance = provenance,
        Type = Type,
    };

    TimeSpan WatchTimeout() => TimeSpan.FromSeconds(Math.Max(1, Math.Floor(_options.WatchTimeout.TotalSeconds * (1 + _options.Jitter()))));

    void Received(int bytes, DateTimeOffset at)
    {
        InformersTelemetry.Bytes.Add(bytes, _tags);
        Touch(at);
    }

    void Touch(DateTimeOffset at)
    {
        lock (_gate)
            _lastActivity = at;
    }

    void SetState(ReflectorState state)
    {
        lock (_gate)
            _state = state;
    }

    void SetVersion(string? version)
    {
        lock (_gate)
            _version = version;
    }

    void SetError(string message)
    {
        lock (_gate)
            _lastError = OneLine.Of(message);
    }

    void Report(string message)
    {
        SetError(message);
        _options.Problem?.Invoke(new ReflectorProblem(Type, OneLine.Of(message)));
    }

    // An excerpt says at once that a proxy answered in HTML; of Secrets not even the beginning may reach a log.
    string Excerpt(ReadOnlySpan<byte> text)
    {
        const int length = 40;
        return Type.Resource == "secrets" ? $"({text.Length} bytes)" : $"'{Encoding.UTF8.GetString(text[..Math.Min(length, text.Length)])}' ({text.Length} bytes)";
    }
}
