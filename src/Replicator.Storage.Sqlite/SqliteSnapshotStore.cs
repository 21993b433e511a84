using System.Globalization;
using System.Runtime.CompilerServices;
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
    const int HistoryRows = 256;
    // Of a rebuild an interruption loses at most this; in transactions of a page each, it wrote most pages of the file for every page of the log.
    const int RebuiltEvents = 16 * 1024;
    const string Pointer = "snapshots.current";

    readonly string _folder;
    readonly SqliteEventStore _log;
    readonly SemaphoreSlim _writing = new(1, 1);
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
        using var states = new PooledBufferWriter();
        var positions = new long[BatchStates];
        var ends = new int[BatchStates];
        foreach (var chunk in Chunks(lease.Generation, query))
        {
            for (var start = 0; start < chunk.Count; start += BatchStates)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = Math.Min(BatchStates, chunk.Count - start);
                for (var index = 0; index < count; index++)
                    positions[index] = chunk[start + index].Version.Position;
                states.Clear();
                _log.ReadStates(positions.AsSpan(0, count), states, ends);
                var bytes = states.WrittenMemory;
                for (var index = 0; index < count; index++)
                {
                    var (identity, version) = chunk[start + index];
                    var from = index == 0 ? 0 : ends[index - 1];
                    yield return new StoredObject(identity, version.ResourceVersion, bytes[from..ends[index]]);
                }
            }
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
                HashSet<long>? facets = query.Selector.Requirements.Count > 0 || query.OwnerUid is not null ? reader.FindFacets(type, query.Selector, query.OwnerUid) : null;
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
}
