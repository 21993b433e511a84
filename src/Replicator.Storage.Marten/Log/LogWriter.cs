using JasperFx.Events;
using Marten;
using Marten.Services;
using Npgsql;
using Replicator.Core.Events;
using Replicator.Core.Storage;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten.Log;

/// <summary>Appends groups of batches, each group in one transaction. Not thread-safe.</summary>
/// <remarks>
/// <para><b>Why no position is ever skipped.</b> A sequence gives its numbers out before the transactions that take them commit, in no order: a reader that has come to 12 may find 9 later
/// (marten#4952, #4964). So whoever appends here takes an advisory lock before it draws its first number and holds it until its transaction is decided; PostgreSQL releases it after the commit is visible.
/// Positions thus become visible in their own order, a number that is missing below a visible one is missing for good, and readers need neither a high-water mark nor a guess at what is stale.</para>
/// <para>The price is that appends of all processes go one after another. Batches that wait in one process share a transaction and its sync. The other way, a reader that stops before the lowest number in
/// flight, needs each transaction's first number to be known while it runs, which Marten's tables do not tell.</para>
/// </remarks>
sealed class LogWriter(Database database) : IDisposable
{
    readonly DocumentStore _store = MartenLog.CreateStore(database, JasperFx.AutoCreate.None);
    readonly BodyEncoder _encoder = new(database.Options.StateCacheBytes);
    // What this process knows of the streams; checked under the lock.
    readonly Dictionary<StreamId, long> _lastRevisions = [];

    /// <summary>Appends what fits of a group and answers it; what does not fit is left in <paramref name="refused"/>, to be answered by <see cref="AnswerAsync"/> once the rest is durable.</summary>
    public async Task AppendAsync(IReadOnlyList<AppendRequest> group, List<AppendRequest> refused)
    {
        try
        {
            while (!await TryAppendAsync(group, refused).ConfigureAwait(false))
                refused.Clear();
        }
        catch (Exception exception)
        {
            Forget();
            var translated = database.Translate(exception, CancellationToken.None) ?? exception;
            foreach (var request in group)
                request.Done.TrySetException(translated);
            refused.Clear();
        }
    }

    /// <summary>Answers a batch whose expectation does not hold: with the original result where it is a retry of what is durable already. False where it does hold now and may be tried again.</summary>
    public async Task<bool> AnswerAsync(AppendRequest request)
    {
        try
        {
            await using var connection = await database.OpenAsync(CancellationToken.None).ConfigureAwait(false);
            await using var batch = new NpgsqlBatch(connection);
            batch.Add($"SELECT version FROM {database.Schema}.mt_streams WHERE id = $1", request.Stream.Name);
            batch.Add($"SELECT id, version, seq_id FROM {database.Schema}.mt_events WHERE stream_id = $1 AND version > $2 ORDER BY version LIMIT $3", request.Stream.Name, request.Expected.Value + 1, request.Events.Count);
            await using var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
            var last = await reader.ReadAsync().ConfigureAwait(false) ? reader.GetInt64(0) - 1 : -1;
            _lastRevisions[request.Stream] = last;
            await reader.NextResultAsync().ConfigureAwait(false);
            var (same, original) = (0, default(AppendResult));
            while (request.Expected.IsExact && await reader.ReadAsync().ConfigureAwait(false) && reader.GetGuid(0) == request.Events[same].Id)
            {
                original = new AppendResult(reader.GetInt64(1) - 1, reader.GetInt64(2));
                same++;
            }
            if (same == request.Events.Count)
                request.Done.TrySetResult(original);
            else if (request.Expected.Accepts(last))
                return false;
            else
                request.Done.TrySetException(new WrongExpectedRevisionException(request.Stream, request.Expected, last));
        }
        catch (Exception exception)
        {
            request.Done.TrySetException(database.Translate(exception, CancellationToken.None) ?? exception);
        }
        return true;
    }

    public void Dispose()
    {
        _encoder.Dispose();
        _store.Dispose();
    }

    /// <summary>False where what was known of a stream was out of date.</summary>
    async Task<bool> TryAppendAsync(IReadOnlyList<AppendRequest> group, List<AppendRequest> refused)
    {
        await using var connection = await database.OpenAsync(CancellationToken.None).ConfigureAwait(false);
        await LearnAsync(connection, group).ConfigureAwait(false);
        var planned = Plan(group, refused);
        if (planned.Count == 0)
            return true;

        await using var transaction = await connection.BeginTransactionAsync().ConfigureAwait(false);
        var assumed = planned.Select(one => one.Request.Stream).Distinct().ToDictionary(stream => stream, stream => _lastRevisions.GetValueOrDefault(stream, -1));
        if (!await LockAsync(connection, transaction, assumed).ConfigureAwait(false))
        {
            await transaction.RollbackAsync().ConfigureAwait(false);
            _encoder.Forget();
            return false;
        }

        await using (var session = _store.LightweightSession(SessionOptions.ForTransaction(transaction)))
        {
            foreach (var stream in planned.GroupBy(one => one.Request.Stream))
            {
                IEvent[] events = [.. stream.SelectMany(one => one.Events)];
                session.Events.Append(stream.Key.Name, assumed[stream.Key] + 1 + events.Length, events);
            }
            await session.SaveChangesAsync().ConfigureAwait(false);
        }
        await transaction.CommitAsync().ConfigureAwait(false);

        foreach (var (request, events) in planned)
        {
            _lastRevisions[request.Stream] = events[^1].Version - 1;
            request.Done.TrySetResult(new AppendResult(events[^1].Version - 1, events[^1].Sequence));
        }
        return true;
    }

    /// <summary>Reads how far the streams go that this process has not met.</summary>
    async Task LearnAsync(NpgsqlConnection connection, IReadOnlyList<AppendRequest> group)
    {
        var unknown = group.Select(request => request.Stream).Where(stream => !_lastRevisions.ContainsKey(stream)).Distinct().ToList();
        if (unknown.Count == 0)
            return;
        foreach (var stream in unknown)
            _lastRevisions[stream] = -1;
        await using var command = connection.Command($"SELECT id, version FROM {database.Schema}.mt_streams WHERE id = ANY($1)", (object)unknown.Select(stream => stream.Name).ToArray());
        await using var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        while (await reader.ReadAsync().ConfigureAwait(false))
            _lastRevisions[StreamId.FromName(reader.GetString(0))] = reader.GetInt64(1) - 1;
    }

    /// <summary>Encodes the batches whose expectation holds, each after those before it in the group.</summary>
    List<(AppendRequest Request, IEvent[] Events)> Plan(IReadOnlyList<AppendRequest> group, List<AppendRequest> refused)
    {
        var planned = new List<(AppendRequest, IEvent[])>();
        var lasts = new Dictionary<StreamId, long>();
        foreach (var request in group)
        {
            var last = lasts.TryGetValue(request.Stream, out var running) ? running : _lastRevisions.GetValueOrDefault(request.Stream, -1);
            if (!request.Expected.Accepts(last))
            {
                refused.Add(request);
                continue;
            }
            var events = new IEvent[request.Events.Count];
            for (var index = 0; index < events.Length; index++)
            {
                var proposed = request.Events[index];
                var (body, previous) = _encoder.Encode(request.Stream, last + 1 + index, proposed);
                var wrapped = EventBody.Wrap(proposed.Type, body);
                wrapped.Id = proposed.Id;
                wrapped.Timestamp = proposed.Metadata.ObservedAt;
                wrapped.Headers = EventHeaders.Encode(proposed, previous);
                events[index] = wrapped;
            }
            lasts[request.Stream] = last + events.Length;
            planned.Add((request, events));
        }
        return planned;
    }

    /// <summary>Takes the appenders' lock, announces the append, and makes sure that the streams are where they are believed to be.</summary>
    async Task<bool> LockAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, Dictionary<StreamId, long> assumed)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        // An appender that hangs with the lock (a frozen process, a cut cable) is ended by the server; one that was told 'done' must not lose it to a power cut.
        batch.Add("SELECT set_config('idle_in_transaction_session_timeout', '30s', true), CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END");
        batch.Add("SELECT pg_advisory_xact_lock($1)", database.AppenderKey);
        // Delivered with the commit.
        batch.Add("SELECT pg_notify($1, '')", database.Channel);
        // A statement of its own, so that it sees what was committed while the lock was waited for.
        batch.Add($"SELECT id, version FROM {database.Schema}.mt_streams WHERE id = ANY($1)", (object)assumed.Keys.Select(stream => stream.Name).ToArray());
        await using var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
        for (var result = 0; result < 3; result++)
            await reader.NextResultAsync().ConfigureAwait(false);
        var actual = new Dictionary<StreamId, long>();
        while (await reader.ReadAsync().ConfigureAwait(false))
            actual[StreamId.FromName(reader.GetString(0))] = reader.GetInt64(1) - 1;
        var isRight = true;
        foreach (var (stream, last) in assumed)
        {
            _lastRevisions[stream] = actual.GetValueOrDefault(stream, -1);
            isRight &= _lastRevisions[stream] == last;
        }
        return isRight;
    }

    void Forget()
    {
        _lastRevisions.Clear();
        _encoder.Forget();
    }
}

/// <summary>A batch on its way, and whom to tell.</summary>
sealed record AppendRequest(StreamId Stream, ExpectedRevision Expected, IReadOnlyList<ProposedEvent> Events)
{
    public TaskCompletionSource<AppendResult> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
