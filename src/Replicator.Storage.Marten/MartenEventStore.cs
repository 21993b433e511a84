using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Replicator.Core.Events;
using Replicator.Core.Storage;
using Replicator.Storage.Marten.Log;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten;

/// <summary>The log on Marten's event tables in PostgreSQL, in plain JSON that <c>psql</c>, and Marten itself, can read.</summary>
/// <remarks>
/// An append returns when its transaction is committed and synced. Positions are Marten's sequence numbers: they grow in the order in which events become visible (see <see cref="LogWriter"/>) and may
/// have holes. Any number of processes may append; a stream's expected revision fences them. The schema must belong to Replicator alone: another program that appends to it by Marten would not take its turn.
/// </remarks>
public sealed class MartenEventStore : IEventStore
{
    const int QueuedBatches = 256;

    readonly Database _database;
    readonly AppendSignal _signal;
    readonly Channel<AppendRequest> _requests = Channel.CreateBounded<AppendRequest>(new BoundedChannelOptions(QueuedBatches) { SingleReader = true });
    readonly Task _writing;
    volatile bool _disposed;

    internal MartenEventStore(Database database)
    {
        _database = database;
        _signal = new AppendSignal(database);
        _writing = Task.Run(WriteAsync);
    }

    /// <inheritdoc/>
    public bool TakesAppendsAhead => true;

    /// <inheritdoc/>
    public async ValueTask<AppendResult> AppendAsync(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> events, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(events);
        ArgumentOutOfRangeException.ThrowIfZero(events.Count, nameof(events));
        ObjectDisposedException.ThrowIf(_disposed, this);
        var request = new AppendRequest(stream, expected, events);
        try
        {
            await _requests.Writer.WriteAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(MartenEventStore));
        }
        // From here on the batch may already be durable, so it cannot be called back: the caller learns its true fate.
        return await request.Done.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventPage> ReadStreamAsync(
        StreamId stream, long from, bool backwards, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        cancellationToken.ThrowIfCancellationRequested();
        // The end as of now: what is appended while the read goes on does not belong to it.
        var end = await LogReader.LastRevisionAsync(_database, stream, cancellationToken).ConfigureAwait(false);
        var (first, last) = backwards ? (0, Math.Min(from, end)) : (Math.Max(from, 0), end);
        var left = options.MaxCount;
        using var reader = new LogReader(_database);
        while (left > 0 && first <= last)
        {
            var page = await reader.ReadStreamAsync(stream, first, last, backwards, options, left, cancellationToken).ConfigureAwait(false);
            if (page.Events.Count == 0)
                throw new StoreCorruptException($"Stream '{stream}' in {_database.Place} lacks revisions between {first} and {last}, which its row in mt_streams names: restore the database from a backup.");
            left -= page.Events.Count;
            if (backwards)
                last = page.Events[^1].Revision - 1;
            else
                first = page.Events[^1].Revision + 1;
            yield return page;
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventPage> ReadAllAsync(long after, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        cancellationToken.ThrowIfCancellationRequested();
        using var reader = new LogReader(_database);
        await foreach (var page in ReadToEndAsync(reader, after, options, options.MaxCount, cancellationToken).ConfigureAwait(false))
            yield return page;
    }

    /// <inheritdoc/>
    /// <exception cref="StoreUnavailableException">The server has gone away: subscribe again from the last position.</exception>
    public async IAsyncEnumerable<EventPage> SubscribeAsync(long after, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var reader = new LogReader(_database);
        var left = options.MaxCount;
        while (left > 0)
        {
            var appended = _signal.Next;
            await foreach (var page in ReadToEndAsync(reader, after, options, left, cancellationToken).ConfigureAwait(false))
            {
                after = page.Position;
                left -= page.Events.Count;
                yield return page;
            }
            try
            {
                await appended.WaitAsync(_database.Options.PollInterval, _database.Options.TimeProvider, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // A notification may have been lost with its connection.
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask<long> GetHeadAsync(CancellationToken cancellationToken) => LogReader.HeadAsync(_database, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StreamInfo>> ListStreamsAsync(string prefix, CancellationToken cancellationToken) => await _database.RunAsync(async connection =>
    {
        await using var command = connection.Command(
            $"SELECT s.id, s.version, e.seq_id FROM {_database.Schema}.mt_streams s JOIN {_database.Schema}.mt_events e ON e.stream_id = s.id AND e.version = s.version WHERE starts_with(s.id, $1) ORDER BY s.id COLLATE \"C\"", prefix);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var streams = new List<StreamInfo>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            streams.Add(new StreamInfo(StreamId.FromName(reader.GetString(0)), reader.GetInt64(1) - 1, reader.GetInt64(2), null));
        return streams;
    }, cancellationToken).ConfigureAwait(false);

    /// <summary>Waits for what is being committed and stops listening.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        _requests.Writer.TryComplete();
        await _writing.ConfigureAwait(false);
        await _signal.DisposeAsync().ConfigureAwait(false);
    }

    async IAsyncEnumerable<EventPage> ReadToEndAsync(LogReader reader, long after, ReadOptions options, long left, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var end = await LogReader.HeadAsync(_database, cancellationToken).ConfigureAwait(false);
        while (after < end && left > 0)
        {
            var page = await reader.ReadAsync(after, end, options, left, cancellationToken).ConfigureAwait(false);
            after = page.Position;
            left -= page.Events.Count;
            yield return page;
        }
    }

    /// <summary>Encodes what comes while what came before is being committed. There is one commit at a time, of all that was encoded meanwhile.</summary>
    async Task WriteAsync()
    {
        using var planner = new LogPlanner(_database);
        using LogGroup first = new(), second = new();
        var writer = new LogWriter(_database);
        var (planned, committed) = (first, second);
        var again = new List<AppendRequest>();
        var waiting = new Queue<AppendRequest>();
        Task<bool>? committing = null;
        Task<bool>? readable = null;
        while (true)
        {
            if (committing is { IsCompleted: true })
            {
                if (!await committing.ConfigureAwait(false))
                {
                    // What was planned on top of it must be planned anew, after what it leaves.
                    planner.Forget();
                    waiting = new Queue<AppendRequest>(again.Concat(planned.Requests).Concat(waiting));
                    planned.Clear();
                    again.Clear();
                }
                committed.Clear();
                committing = null;
            }
            if (committing is null && !planned.IsEmpty)
            {
                (planned, committed) = (committed, planned);
                var group = committed;
                committing = Task.Run(async () =>
                {
                    var isRight = await writer.CommitAsync(group, again).ConfigureAwait(false);
                    _signal.Pulse();
                    return isRight;
                });
            }
            if (!planned.IsFull && (waiting.TryDequeue(out var request) || _requests.Reader.TryRead(out request)))
            {
                await planner.PlanAsync(request, planned).ConfigureAwait(false);
                continue;
            }
            if (committing is not null && (planned.IsFull || readable is { IsCompletedSuccessfully: true, Result: false }))
            {
                await committing.ConfigureAwait(false);
                continue;
            }
            if (readable is null or { IsCompletedSuccessfully: true, Result: true })
                readable = _requests.Reader.WaitToReadAsync().AsTask();
            if (committing is not null)
                await Task.WhenAny(committing, readable).ConfigureAwait(false);
            else if (!await readable.ConfigureAwait(false))
                return;
        }
    }
}
