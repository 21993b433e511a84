using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite.Log;
using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite;

/// <summary>The embedded event store: one SQLite file in WAL mode, one writer that commits whatever is waiting together.</summary>
/// <remarks>
/// An append returns after the commit was synced to disk (<c>synchronous = FULL</c>), and readers see nothing that is not. Positions count from 1 without holes. The process that opens the
/// store must be the only one (see <see cref="SqliteDataFolder"/>).
/// </remarks>
public sealed class SqliteEventStore : IEventStore
{
    const int QueuedBatches = 256;
    const int CommitEvents = 8192;
    const long CommitBytes = 32L * 1024 * 1024;
    const int IdleReaders = 8;

    readonly string _path;
    readonly Database _database;
    readonly LogWriter _writer;
    readonly Channel<Request> _requests = Channel.CreateBounded<Request>(new BoundedChannelOptions(QueuedBatches) { SingleReader = true });
    readonly ConcurrentBag<LogReader> _readers = [];
    readonly Task _writing;
    readonly Lock _headLock = new();
    TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    long _head;
    volatile bool _disposed;

    SqliteEventStore(string path, Database database, LogWriter writer)
    {
        (_path, _database, _writer, _head) = (path, database, writer, writer.Head);
        _writing = Task.Factory.StartNew(Write, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Opens the log, and creates it where there is none.</summary>
    /// <exception cref="StoreUnavailableException">The file cannot be opened or written, or has a format of another version.</exception>
    /// <exception cref="StoreCorruptException">The file is damaged.</exception>
    public static SqliteEventStore Open(string path) => Open(path, maxPages: null);

    /// <summary>Opens a log that may take only so many pages of 4 KiB: how a full disk is tested.</summary>
    internal static SqliteEventStore Open(string path, long? maxPages)
    {
        var database = Database.Open(path, DatabaseMode.WriteDurably);
        try
        {
            LogSchema.Ensure(database);
            if (maxPages is { } pages)
                database.Execute($"PRAGMA max_page_count = {pages}");
            return new SqliteEventStore(path, database, new LogWriter(database));
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public bool TakesAppendsAhead => true;

    /// <inheritdoc/>
    public async ValueTask<AppendResult> AppendAsync(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> events, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(events);
        ArgumentOutOfRangeException.ThrowIfZero(events.Count, nameof(events));
        ObjectDisposedException.ThrowIf(_disposed, this);
        var request = new Request(stream, expected, events);
        try
        {
            await _requests.Writer.WriteAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(SqliteEventStore));
        }
        // From here on the batch may already be durable, so it cannot be called back: the caller learns its true fate.
        return await request.Done.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventPage> ReadStreamAsync(
        StreamId stream, long from, bool backwards, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        await Task.CompletedTask.ConfigureAwait(false);
        var left = options.MaxCount;
        if (Read(reader => reader.FindStream(stream)) is not { } number)
            yield break;
        // The end as of now: what is appended while the read goes on does not belong to it.
        var end = Read(reader => reader.ListStreams(stream.Name).First(info => info.Stream == stream)).LastRevision;
        var next = backwards ? Math.Min(from, end) : Math.Max(from, 0);
        while (left > 0 && next >= 0 && next <= end)
        {
            var appends = Read(reader => reader.ReadAppends(number, next, backwards, left));
            foreach (var run in Runs(appends, next, end, backwards))
            {
                // A run of consecutive positions, half-open.
                var (low, high) = run;
                while (left > 0 && low < high)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var page = backwards
                        ? Read(reader => reader.ReadBackward(low, high, options, left))
                        : Read(reader => reader.ReadForward(low - 1, high - 1, options, left));
                    if (page is null)
                        throw new StoreCorruptException($"'{_path}' lacks events between positions {low} and {high}, which its index names: restore it from a backup.");
                    if (backwards)
                        high = page.Position;
                    else
                        low = page.Position + 1;
                    if (page.Events.Count == 0)
                    {
                        page.Dispose();
                        continue;
                    }
                    left -= page.Events.Count;
                    next = page.Events[^1].Revision + (backwards ? -1 : 1);
                    yield return page;
                }
                if (left <= 0)
                    yield break;
            }
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventPage> ReadAllAsync(long after, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        await Task.CompletedTask.ConfigureAwait(false);
        var reader = Rent();
        try
        {
            foreach (var page in ReadToHead(reader, after, options, cancellationToken))
                yield return page;
        }
        finally
        {
            Return(reader);
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventPage> SubscribeAsync(long after, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var left = options.MaxCount;
        // A reader of its own throughout: it remembers the states from which the next ones are made.
        var reader = Rent();
        try
        {
            while (left > 0)
            {
                Task moved;
                lock (_headLock)
                    moved = _moved.Task;
                foreach (var page in ReadToHead(reader, after, options with { MaxCount = left }, cancellationToken))
                {
                    after = page.Position;
                    left -= page.Events.Count;
                    yield return page;
                }
                await moved.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            Return(reader);
        }
    }

    /// <inheritdoc/>
    public ValueTask<long> GetHeadAsync(CancellationToken cancellationToken) => ValueTask.FromResult(Volatile.Read(ref _head));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StreamInfo>> ListStreamsAsync(string prefix, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<StreamInfo>>(Read(reader => reader.ListStreams(prefix)));

    /// <summary>Waits for what is being committed and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        _requests.Writer.TryComplete();
        await _writing.ConfigureAwait(false);
        lock (_headLock)
            _moved.TrySetException(new ObjectDisposedException(nameof(SqliteEventStore)));
        _ = _moved.Task.Exception;
        while (_readers.TryTake(out var reader))
            reader.Dispose();
        _writer.Dispose();
        _database.Dispose();
    }

    /// <summary>Appends the states of events to a buffer, one after another; what the snapshots read bodies with.</summary>
    internal int ReadStates(ReadOnlySpan<long> positions, PooledBufferWriter output, Span<int> ends, bool keeps = true, int enough = int.MaxValue)
    {
        var reader = Rent();
        try
        {
            return reader.ReadStates(positions, output, ends, keeps, enough);
        }
        finally
        {
            Return(reader);
        }
    }

    /// <summary>The events after a position up to the head as of now.</summary>
    IEnumerable<EventPage> ReadToHead(LogReader reader, long after, ReadOptions options, CancellationToken cancellationToken)
    {
        var end = Volatile.Read(ref _head);
        var left = options.MaxCount;
        while (after < end && left > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (reader.ReadForward(after, end, options, left) is not { } page)
                yield break;
            after = page.Position;
            left -= page.Events.Count;
            yield return page;
        }
    }

    static IEnumerable<(long Low, long High)> Runs(List<(long FirstRevision, long FirstPosition, long Count)> appends, long from, long end, bool backwards)
    {
        (long Low, long High)? open = null;
        foreach (var (firstRevision, firstPosition, count) in appends)
        {
            var low = firstPosition + (backwards ? 0 : Math.Max(0, from - firstRevision));
            var high = firstPosition + Math.Min(count, (backwards ? Math.Min(from, end) : end) - firstRevision + 1);
            if (low >= high)
                continue;
            if (open is { } run && (backwards ? run.Low == high : run.High == low))
            {
                open = backwards ? (low, run.High) : (run.Low, high);
                continue;
            }
            if (open is { } whole)
                yield return whole;
            open = (low, high);
        }
        if (open is { } last)
            yield return last;
    }

    T Read<T>(Func<LogReader, T> read)
    {
        var reader = Rent();
        try
        {
            return read(reader);
        }
        finally
        {
            Return(reader);
        }
    }

    LogReader Rent()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _readers.TryTake(out var reader) ? reader : new LogReader(_path);
    }

    void Return(LogReader reader)
    {
        if (_disposed || _readers.Count >= IdleReaders)
        {
            reader.Dispose();
            return;
        }
        // One of those that wait may keep what it decoded; all together would hold too much.
        if (!_readers.IsEmpty)
            reader.Trim();
        _readers.Add(reader);
    }

    void Write()
    {
        var group = new List<Request>();
        var results = new List<AppendResult>();
        var refused = new List<Request>();
        while (_requests.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            group.Clear();
            results.Clear();
            refused.Clear();
            try
            {
                WriteGroup(group, results, refused);
            }
            catch (Exception exception)
            {
                // Nothing of the group is durable, and what the writer holds in memory is ahead of the file.
                try
                {
                    _database.Rollback();
                    _writer.Load();
                }
                catch (Exception second) when (second is StoreUnavailableException or StoreCorruptException)
                {
                    exception = second;
                }
                foreach (var request in group.Concat(refused))
                    request.Done.TrySetException(exception);
                continue;
            }
            Publish(_writer.Head);
            for (var index = 0; index < group.Count; index++)
                group[index].Done.TrySetResult(results[index]);
            // What stands in the way of these may have been in the group itself, and only now is it durable.
            foreach (var request in refused)
                Refuse(request);
        }
    }

    void WriteGroup(List<Request> group, List<AppendResult> results, List<Request> refused)
    {
        var (events, bytes, begun) = (0, 0L, false);
        while (events < CommitEvents && bytes < CommitBytes && _requests.Reader.TryRead(out var request))
        {
            if (!request.Expected.Accepts(_writer.LastRevision(request.Stream)))
            {
                refused.Add(request);
                continue;
            }
            group.Add(request);
            if (!begun)
            {
                _database.Begin();
                begun = true;
            }
            results.Add(_writer.Append(request.Stream, request.Events));
            events += request.Events.Count;
            foreach (var proposed in request.Events)
                bytes += proposed.State.Length;
        }
        if (!begun)
            return;
        _writer.Flush();
        _database.Commit();
    }

    /// <summary>Answers a batch whose expectation does not hold: with the original result where it is a retry of what is durable already.</summary>
    void Refuse(Request request)
    {
        try
        {
            if (request.Expected.IsExact && FindRetried(request) is { } original)
                request.Done.TrySetResult(original);
            else
                request.Done.TrySetException(new WrongExpectedRevisionException(request.Stream, request.Expected, _writer.LastRevision(request.Stream)));
        }
        catch (Exception exception) when (exception is StoreUnavailableException or StoreCorruptException)
        {
            request.Done.TrySetException(exception);
        }
    }

    AppendResult? FindRetried(Request request)
    {
        var index = 0;
        AppendResult result = default;
        var options = new ReadOptions(States: false, MaxCount: request.Events.Count);
        foreach (var page in ReadStreamAsync(request.Stream, request.Expected.Value + 1, backwards: false, options, CancellationToken.None).ToBlockingEnumerable())
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    if (!request.Events[index++].IsSame(recorded.Id, recorded.Hash.Span))
                        return null;
                    result = new AppendResult(recorded.Revision, recorded.Position);
                }
            }
        }
        return index == request.Events.Count ? result : null;
    }

    void Publish(long head)
    {
        lock (_headLock)
        {
            if (_head == head)
                return;
            Volatile.Write(ref _head, head);
            _moved.SetResult();
            _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    sealed record Request(StreamId Stream, ExpectedRevision Expected, IReadOnlyList<ProposedEvent> Events)
    {
        public TaskCompletionSource<AppendResult> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
