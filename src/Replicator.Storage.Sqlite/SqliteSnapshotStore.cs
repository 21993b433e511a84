using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite.Snapshots;
using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite;

/// <summary>The embedded projection: what every object looked like at every moment, in a SQLite file beside the log. It holds intervals and indexes; the bodies stay in the log.</summary>
/// <remarks>
/// Files are <c>snapshots-N.db</c>, a generation each; <c>snapshots.current</c> holds the N that readers use. A generation may be deleted at any time: it is folded again from the log.
/// </remarks>
public sealed class SqliteSnapshotStore : ISnapshotStore
{
    const int ChunkObjects = 4096;
    const int BatchStates = 64;
    // Of large objects fewer are read at a time.
    const int BatchBytes = 4 * 1024 * 1024;
    // States are made from others before them, which takes most of a long list's time: as many threads as there are cores share it. Each batch is a few hundred KB of pods.
    const int BatchesAhead = 4;
    // A list of a namespace is asked for again; one of everything would only drive out what is.
    const int KeptBatches = 32;
    const int HistoryRows = 256;
    // Of a rebuild an interruption loses at most this; in transactions of a page each, it wrote most pages of the file for every page of the log.
    const int RebuiltEvents = 16 * 1024;
    const string Pointer = "snapshots.current";

    readonly string _folder;
    readonly SqliteEventStore _log;
    readonly SemaphoreSlim _writing = new(1, 1);
    readonly DecodingThreads _decoding = new();
    volatile SnapshotGeneration _current;

    SqliteSnapshotStore(string folder, SqliteEventStore log, SnapshotGeneration current) => (_folder, _log, _current) = (folder, log, current);

    /// <summary>Opens the snapshots of a data folder, and begins them where there are none or where their format is another version's.</summary>
    /// <exception cref="StoreUnavailableException">A file cannot be opened or written.</exception>
    /// <exception cref="StoreCorruptException">A file is damaged: it may be deleted.</exception>
    public static SqliteSnapshotStore Open(string folder, SqliteEventStore log)
    {
        var number = ReadPointer(folder);
        foreach (var file in Directory.EnumerateFiles(folder, "snapshots-*.db"))
        {
            // The next generation may be a rebuild to go on with; any other is left from one that was retired.
            if (file != FilePath(folder, number) && file != FilePath(folder, number + 1))
                SnapshotGeneration.Delete(file);
        }
        if (HasOtherFormat(FilePath(folder, number)))
        {
            SnapshotGeneration.Delete(FilePath(folder, number));
            SnapshotGeneration.Delete(FilePath(folder, number + 1));
        }
        return new SqliteSnapshotStore(folder, log, new SnapshotGeneration(FilePath(folder, number), number));
    }

    /// <inheritdoc/>
    public ValueTask<long> GetCheckpointAsync(CancellationToken cancellationToken) => ValueTask.FromResult(Read(reader => reader.Checkpoint()));

    /// <inheritdoc/>
    public async ValueTask ApplyAsync(EventPage page, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _current.Writer.Apply(page);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredObject> ListAsync(ObjectQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        await Task.CompletedTask.ConfigureAwait(false);
        using var lease = new Lease(this);
        using var batches = Batches(lease.Generation, query).GetEnumerator();
        if (!batches.MoveNext())
            yield break;
        // The first is read at once, and a short list waits for no other thread.
        var batch = ReadBatch(batches.Current, keeps: true);
        var ahead = batches.MoveNext() ? new ReadAhead(this, batches, cancellationToken) : null;
        try
        {
            while (batch is not null)
            {
                using (batch)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    for (var index = 0; index < batch.Count; index++)
                        yield return batch.At(index);
                }
                batch = batch.Left.Length > 0 ? ReadBatch(batch.Left, keeps: false)
                    : ahead is null ? null : await ahead.NextAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            if (ahead is not null)
                await ahead.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public ValueTask<long> CountAsync(ObjectQuery query, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        using var lease = new Lease(this);
        var count = 0L;
        foreach (var chunk in Chunks(lease.Generation, query))
        {
            cancellationToken.ThrowIfCancellationRequested();
            count += chunk.Count;
        }
        return ValueTask.FromResult(count);
    }

    /// <inheritdoc/>
    public ValueTask<StoredObject?> GetAsync(string cluster, GroupResource type, string @namespace, string name, Cut cut, CancellationToken cancellationToken)
    {
        var found = Read(reader =>
        {
            using var read = reader.BeginRead();
            if (reader.FindType(cluster, type) is not { } number)
                return null;
            var bounds = reader.Bound(number, cut);
            foreach (var row in reader.ReadNamed(number, @namespace, name))
            {
                if (row.Born <= bounds.High && reader.FindVersion(row.Id, bounds) is { } version)
                    return ((ObjectIdentity, VersionRow)?)(row.Identity, version);
            }
            return null;
        });
        if (found is not var (identity, held))
            return ValueTask.FromResult<StoredObject?>(null);
        using var state = new PooledBufferWriter();
        Span<int> end = stackalloc int[1];
        _log.ReadStates([held.Position], state, end);
        return ValueTask.FromResult<StoredObject?>(new StoredObject(identity, held.ResourceVersion, state.WrittenSpan.ToArray()));
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredVersion> GetHistoryAsync(
        string cluster, GroupResource type, string @namespace, string name, bool states, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        using var lease = new Lease(this);
        var rows = Read(lease.Generation, reader => reader.FindType(cluster, type) is { } number ? reader.ReadNamed(number, @namespace, name) : []);
        foreach (var row in rows)
        {
            long after = 0;
            ReadOnlyMemory<byte> previous = default;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                // One more than is shown, whose beginning is the end of the last that is.
                var page = Read(lease.Generation, reader => reader.ReadVersions(type, row, after, HistoryRows + 1));
                for (var index = 0; index < Math.Min(page.Count, HistoryRows); index++)
                {
                    var version = page[index];
                    if (states)
                    {
                        // A deletion that was found by a list brought no state: the last one that is known stands for it.
                        var state = ReadState(version.Position);
                        previous = state.IsEmpty ? previous : state;
                    }
                    yield return version with
                    {
                        To = version.Event != EventType.ObjectDeleted && index + 1 < page.Count ? page[index + 1].From : null,
                        State = previous,
                    };
                }
                if (page.Count <= HistoryRows)
                    break;
                after = page[HistoryRows - 1].Position;
            }
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChangedObject> ListChangedAsync(ChangedQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        using var lease = new Lease(this);
        var (types, candidates, count) = Read(lease.Generation, reader =>
        {
            using var read = reader.BeginRead();
            var types = new List<ChangedType>();
            foreach (var status in reader.ReadTypes(query.Cluster))
            {
                if ((query.Types is null || query.Types.Contains(status.Type.GroupResource)) && reader.FindType(query.Cluster, status.Type.GroupResource) is { } number)
                    types.Add(new ChangedType(status.Type, number, reader.Bound(number, query.From), reader.Bound(number, query.To)));
            }
            types.RemoveAll(type => type.Low >= type.High);
            return (types, new Dictionary<long, SortedSet<ObjectKey>>(), reader.CountObjects());
        });
        if (types.Count == 0)
            yield break;
        // An event costs a third of what it costs to look at an object: where the log between the cuts is much longer than there are objects, all that lived at either cut are compared.
        var (low, high) = (types.Min(type => type.Low), types.Max(type => type.High));
        var isShort = high - low <= 3 * count;
        if (isShort)
            await CollectFromLogAsync(query, types, low, high, candidates, cancellationToken).ConfigureAwait(false);
        using var states = new PooledBufferWriter();
        var ends = new int[2 * BatchStates];
        foreach (var type in types)
        {
            var keys = isShort ? candidates.GetValueOrDefault(type.Number) ?? [] : Read(lease.Generation, reader => reader.ReadKeys(type.Number, Math.Max(type.From.High, type.To.High), Math.Min(type.From.Low, type.To.Low), query.Namespace));
            foreach (var chunk in keys.Chunk(BatchStates))
            {
                cancellationToken.ThrowIfCancellationRequested();
                var changed = Read(lease.Generation, reader =>
                {
                    using var read = reader.BeginRead();
                    return chunk.Select(key => Compare(reader, type, key)).OfType<ChangedRow>().ToList();
                });
                states.Clear();
                _log.ReadStates([.. changed.SelectMany(row => (long[])[row.Before?.Version.Position ?? 0, row.After?.Version.Position ?? 0])], states, ends);
                var bytes = states.WrittenMemory;
                for (var index = 0; index < changed.Count; index++)
                {
                    var row = changed[index];
                    var (start, middle) = (index == 0 ? 0 : ends[2 * index - 1], ends[2 * index]);
                    yield return new ChangedObject(type.Type, ObjectKey.Unscope(row.Key.Scoped), row.Key.Name, Stored(row.Before, bytes[start..middle]), Stored(row.After, bytes[middle..ends[2 * index + 1]]));
                }
            }
        }

        static StoredObject? Stored((ObjectIdentity Identity, VersionRow Version)? held, ReadOnlyMemory<byte> state) =>
            held is var (identity, version) ? new StoredObject(identity, version.ResourceVersion, state) : null;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TypeStatus>> GetTypesAsync(string? cluster, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<TypeStatus>>(Read(reader => reader.ReadTypes(cluster)));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<GapStatus>> GetGapsAsync(string cluster, GroupResource? type, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<GapStatus>>(Read(reader => reader.ReadGaps(cluster, type)));

    /// <inheritdoc/>
    public ValueTask<long> FindPositionAsync(string cluster, GroupResource? type, Cut cut, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Read(reader =>
            type is { } one ? (reader.FindType(cluster, one) is { } number ? reader.Bound(number, cut).Low : reader.Checkpoint()) : reader.FindClusterPosition(cluster, cut)));

    /// <inheritdoc/>
    public async IAsyncEnumerable<(ObjectIdentity Object, string ResourceVersion)> ListLiveAsync(
        string cluster, GroupResource type, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        using var lease = new Lease(this);
        foreach (var chunk in Chunks(lease.Generation, new ObjectQuery { Cluster = cluster, Type = type, Cut = Cut.Now }))
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var (identity, version) in chunk)
                yield return (identity, version.ResourceVersion);
        }
    }

    /// <inheritdoc/>
    public ValueTask<ISnapshotRebuild> BeginRebuildAsync(CancellationToken cancellationToken)
    {
        var number = _current.Number + 1;
        var path = FilePath(_folder, number);
        if (HasOtherFormat(path))
            SnapshotGeneration.Delete(path);
        return ValueTask.FromResult<ISnapshotRebuild>(new Rebuild(this, new SnapshotGeneration(path, number)));
    }

    /// <inheritdoc/>
    public ValueTask<string> ComputeDigestAsync(CancellationToken cancellationToken) => ValueTask.FromResult(Read(reader =>
    {
        using var read = reader.BeginRead();
        return reader.ComputeDigest();
    }));

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _current.Dispose();
        _writing.Dispose();
        _decoding.Dispose();
        return ValueTask.CompletedTask;
    }

    static string FilePath(string folder, int number) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"snapshots-{number}.db"));

    static int ReadPointer(string folder)
    {
        var path = Path.Combine(folder, Pointer);
        if (!File.Exists(path))
            return 1;
        return int.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new StoreCorruptException($"'{path}' does not hold the number of a snapshots file: delete it and every snapshots-*.db beside it; they are rebuilt from the log.");
    }

    static bool HasOtherFormat(string path)
    {
        if (!File.Exists(path))
            return false;
        using var database = Database.Open(path, DatabaseMode.Write);
        return database.ReadInteger("PRAGMA user_version") is not 0 and not SnapshotSchema.Version;
    }

    static T Read<T>(SnapshotGeneration generation, Func<SnapshotReader, T> read)
    {
        var reader = generation.Rent();
        try
        {
            return read(reader);
        }
        finally
        {
            generation.Return(reader);
        }
    }

    T Read<T>(Func<SnapshotReader, T> read)
    {
        using var lease = new Lease(this);
        return Read(lease.Generation, read);
    }

    ReadOnlyMemory<byte> ReadState(long position)
    {
        using var state = new PooledBufferWriter();
        Span<int> end = stackalloc int[1];
        _log.ReadStates([position], state, end);
        return state.WrittenSpan.ToArray();
    }

    /// <summary>The objects of a query with the versions that held, in chunks, each from one short read of the file; the cut is fixed by the first.</summary>
    static IEnumerable<List<(ObjectIdentity Identity, VersionRow Version)>> Chunks(SnapshotGeneration generation, ObjectQuery query)
    {
        var left = query.Limit;
        var after = query.After is { } last ? new ObjectKey(ObjectKey.Scope(last.Namespace), last.Name, long.MaxValue) : ObjectKey.First;
        PositionBounds? cut = null;
        for (var more = true; more && left > 0;)
        {
            var chunk = Read(generation, reader =>
            {
                var held = new List<(ObjectIdentity, VersionRow)>();
                using var read = reader.BeginRead();
                if (reader.FindType(query.Cluster, query.Type) is not { } type)
                {
                    more = false;
                    return held;
                }
                // What lives now is found by an index of its own, but only in the read that fixed what now is.
                var isPresent = cut is null && query.Cut.Kind == CutKind.Now;
                var bounds = cut ??= reader.Bound(type, query.Cut);
                HashSet<long>? facets = query.Selector.Requirements.Count > 0 || query.OwnerUids is not null ? reader.FindFacets(type, query.Selector, query.OwnerUids) : null;
                var limit = (int)Math.Min(ChunkObjects, left);
                var rows = facets is null
                    ? reader.ReadObjects(type, bounds, isPresent, query.Namespace, after, limit)
                    : reader.ReadWithFacets(facets, bounds, query.Namespace);
                more = facets is null && rows.Count == limit;
                foreach (var row in rows)
                {
                    if (facets is not null && row.Key.CompareTo(after) <= 0)
                        continue;
                    if (held.Count >= left)
                        break;
                    if (reader.FindVersion(row.Id, bounds) is { } version && (facets is null || facets.Contains(version.Facet)))
                        held.Add((row.Identity, version));
                }
                if (rows.Count > 0)
                    after = rows[^1].Key;
                return held;
            });
            left -= chunk.Count;
            if (chunk.Count > 0)
                yield return chunk;
        }
    }

    /// <summary>What <see cref="Chunks"/> finds, in the pieces whose states are read at a time.</summary>
    static IEnumerable<(ObjectIdentity Identity, VersionRow Version)[]> Batches(SnapshotGeneration generation, ObjectQuery query) => Chunks(generation, query).SelectMany(chunk => chunk.Chunk(BatchStates));

    StateBatch ReadBatch(ReadOnlyMemory<(ObjectIdentity Identity, VersionRow Version)> objects, bool keeps)
    {
        var states = new PooledBufferWriter();
        try
        {
            Span<long> positions = stackalloc long[objects.Length];
            for (var index = 0; index < objects.Length; index++)
                positions[index] = objects.Span[index].Version.Position;
            var ends = new int[objects.Length];
            return new StateBatch(objects, states, ends, _log.ReadStates(positions, states, ends, keeps, BatchBytes));
        }
        catch
        {
            states.Dispose();
            throw;
        }
    }

    /// <summary>The names that events between the cuts bear.</summary>
    async ValueTask CollectFromLogAsync(ChangedQuery query, List<ChangedType> types, long low, long high, Dictionary<long, SortedSet<ObjectKey>> candidates, CancellationToken cancellationToken)
    {
        var byType = types.ToDictionary(type => type.Type.GroupResource);
        await foreach (var page in _log.ReadAllAsync(low, new ReadOptions(States: false, StreamPrefix: $"k8s-{query.Cluster}-", MaxCount: high - low), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    var metadata = recorded.Metadata;
                    if (recorded.Position > high)
                        return;
                    if (metadata.Cluster != query.Cluster || metadata.Object.Name.Length == 0 || recorded.Type is not (EventType.ObjectAdded or EventType.ObjectModified or EventType.ObjectDeleted)
                        || (query.Namespace is not null && metadata.Object.Namespace != query.Namespace) || !byType.TryGetValue(metadata.Type.GroupResource, out var type)
                        || recorded.Position <= type.Low || recorded.Position > type.High)
                        continue;
                    if (!candidates.TryGetValue(type.Number, out var keys))
                        candidates[type.Number] = keys = [];
                    keys.Add(new ObjectKey(ObjectKey.Scope(metadata.Object.Namespace), metadata.Object.Name, 0));
                }
                if (page.Position >= high)
                    return;
            }
        }
    }

    /// <summary>What held under a name at both cuts; null where that is the same version of the same object.</summary>
    static ChangedRow? Compare(SnapshotReader reader, ChangedType type, ObjectKey key)
    {
        (ObjectIdentity, VersionRow)? before = null, after = null;
        var isTouched = false;
        foreach (var row in reader.ReadNamed(type.Number, ObjectKey.Unscope(key.Scoped), key.Name))
        {
            if (row.Born <= type.From.High && reader.FindVersion(row.Id, type.From) is { } earlier)
                before = (row.Identity, earlier);
            if (row.Born <= type.To.High && reader.FindVersion(row.Id, type.To) is { } later)
                after = (row.Identity, later);
            isTouched |= reader.IsTouched(row.Id, type.From, type.To);
        }
        return before?.Item2.Position == after?.Item2.Position && (before is not null || !isTouched) ? null : new ChangedRow(key, before, after);
    }

    async ValueTask CompleteAsync(SnapshotGeneration next, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // The pointer is renamed into place, so that at any instant it names one whole generation.
            var path = Path.Combine(_folder, Pointer);
            using (var file = new FileStream(path + ".new", FileMode.Create, FileAccess.Write))
            {
                file.Write(System.Text.Encoding.ASCII.GetBytes(next.Number.ToString(CultureInfo.InvariantCulture)));
                file.Flush(flushToDisk: true);
            }
            File.Move(path + ".new", path, overwrite: true);
            var old = _current;
            _current = next;
            old.Retire();
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Objects of which the first <paramref name="Count"/> have their states, one behind the other.</summary>
    sealed record StateBatch(ReadOnlyMemory<(ObjectIdentity Identity, VersionRow Version)> Objects, PooledBufferWriter States, int[] Ends, int Count) : IDisposable
    {
        /// <summary>Those that are still to be read.</summary>
        public ReadOnlyMemory<(ObjectIdentity Identity, VersionRow Version)> Left => Objects[Count..];

        public StoredObject At(int index)
        {
            var (identity, version) = Objects.Span[index];
            return new StoredObject(identity, version.ResourceVersion, States.WrittenMemory[(index == 0 ? 0 : Ends[index - 1])..Ends[index]]);
        }

        public void Dispose() => States.Dispose();
    }

    /// <summary>Finds the objects of a list from the current batch on, and reads their states, as far ahead of who writes them as <see cref="BatchesAhead"/>.</summary>
    sealed class ReadAhead : IAsyncDisposable
    {
        readonly SqliteSnapshotStore _store;
        readonly Channel<Task<StateBatch>> _batches = Channel.CreateBounded<Task<StateBatch>>(new BoundedChannelOptions(BatchesAhead) { SingleReader = true, SingleWriter = true });
        readonly CancellationTokenSource _stop;
        readonly Task _finding;

        public ReadAhead(SqliteSnapshotStore store, IEnumerator<(ObjectIdentity Identity, VersionRow Version)[]> batches, CancellationToken cancellationToken)
        {
            (_store, _stop) = (store, CancellationTokenSource.CreateLinkedTokenSource(cancellationToken));
            _finding = Task.Run(() => FindAsync(batches), CancellationToken.None);
        }

        /// <summary>The next batch, or null at the end of the list.</summary>
        public async ValueTask<StateBatch?> NextAsync(CancellationToken cancellationToken)
        {
            while (await _batches.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                if (_batches.Reader.TryRead(out var batch))
                    return await batch.ConfigureAwait(false);
            }
            return null;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            await _finding.ConfigureAwait(false);
            while (_batches.Reader.TryRead(out var left))
            {
                await ((Task)left).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (left.IsCompletedSuccessfully)
                    (await left.ConfigureAwait(false)).Dispose();
            }
            _stop.Dispose();
        }

        async Task FindAsync(IEnumerator<(ObjectIdentity Identity, VersionRow Version)[]> batches)
        {
            try
            {
                for (var number = 1; await _batches.Writer.WaitToWriteAsync(_stop.Token).ConfigureAwait(false); number++)
                {
                    var (objects, keeps) = (batches.Current, number < KeptBatches);
                    _batches.Writer.TryWrite(_store._decoding.Run(() => _store.ReadBatch(objects, keeps)));
                    if (!batches.MoveNext())
                        break;
                }
                _batches.Writer.Complete();
            }
            catch (Exception exception)
            {
                // Who reads the list is told, after what was found before.
                _batches.Writer.Complete(exception);
            }
        }
    }

    /// <summary>The current generation, held open.</summary>
    readonly struct Lease : IDisposable
    {
        public Lease(SqliteSnapshotStore store)
        {
            // A generation that closes between the read and the acquisition has a successor by then.
            for (var generation = store._current; ; generation = store._current)
            {
                if (generation.TryAcquire())
                {
                    Generation = generation;
                    return;
                }
                ObjectDisposedException.ThrowIf(ReferenceEquals(generation, store._current), store);
            }
        }

        public SnapshotGeneration Generation { get; }

        public void Dispose() => Generation.Release();
    }

    sealed class Rebuild(SqliteSnapshotStore store, SnapshotGeneration generation) : ISnapshotRebuild
    {
        bool _completed;

        public ValueTask<long> GetCheckpointAsync(CancellationToken cancellationToken) => ValueTask.FromResult(generation.Writer.Checkpoint);

        public ValueTask ApplyAsync(EventPage page, CancellationToken cancellationToken)
        {
            generation.Writer.Gather(page);
            if (generation.Writer.Gathered >= RebuiltEvents)
                generation.Writer.Commit();
            return ValueTask.CompletedTask;
        }

        public async ValueTask CompleteAsync(CancellationToken cancellationToken)
        {
            generation.Writer.Commit();
            await store.CompleteAsync(generation, cancellationToken).ConfigureAwait(false);
            _completed = true;
        }

        public ValueTask DisposeAsync()
        {
            if (!_completed)
            {
                generation.Writer.Commit();
                generation.Dispose();
            }
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>A type of a comparison, with both cuts as positions.</summary>
    sealed record ChangedType(ResourceType Type, long Number, PositionBounds From, PositionBounds To)
    {
        public long Low => Math.Min(From.Low, To.Low);

        public long High => Math.Max(From.High, To.High);
    }

    /// <summary>A name under which the cuts differ.</summary>
    sealed record ChangedRow(ObjectKey Key, (ObjectIdentity Identity, VersionRow Version)? Before, (ObjectIdentity Identity, VersionRow Version)? After);
}
