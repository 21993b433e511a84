using Npgsql;
using Replicator.Core.Events;
using Replicator.Core.Storage;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten.Log;

/// <summary>Commits groups of encoded batches, each group in one transaction.</summary>
/// <remarks>
/// <para><b>Why no position is ever skipped.</b> A sequence gives its numbers out before the transactions that take them commit, in no order: a reader that has come to 12 may find 9 later
/// (marten#4952, #4964). So whoever appends here takes an advisory lock before it draws its first number and holds it until its transaction is decided; PostgreSQL releases it after the commit is visible.
/// Positions thus become visible in their own order, a number that is missing below a visible one is missing for good, and readers need neither a high-water mark nor a guess at what is stale.</para>
/// <para>The price is that appends of all processes go one after another. So nothing is done under the lock that could be done before: batches are encoded, down to the bytes of <c>COPY</c>, while the group before
/// theirs is committed, and batches that wait share a transaction and its sync. The other way, a reader that stops before the lowest number in flight, needs each transaction's first number to be known while it runs, which
/// Marten's tables do not tell.</para>
/// <para><b>Who holds the lock and does not move</b> (a frozen process, a cut cable) is ended by the server after <see cref="MartenStoreOptions.AppendHoldLimit"/>, whatever it was at; those behind it say so after <see cref="MartenStoreOptions.AppendWaitLimit"/> and
/// try again.</para>
/// </remarks>
sealed class LogWriter(Database database)
{
    /// <summary>The server begins with the first rows while the last are still on their way.</summary>
    const int SentBytes = 64 * 1024;

    readonly string _lock = $"SELECT set_config('lock_timeout', '{database.Options.AppendWaitLimit.TotalMilliseconds:0}', true), set_config('idle_in_transaction_session_timeout', '{database.Options.AppendHoldLimit.TotalMilliseconds:0}', true), CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END";
    readonly string _hold = $"SELECT set_config('statement_timeout', '{database.Options.AppendHoldLimit.TotalMilliseconds:0}', true), pg_notify($1, '')";
    readonly string _streams = $"SELECT id, version FROM {database.Schema}.mt_streams WHERE id = ANY($1)";
    readonly string _draw = $"SELECT min(number), max(number) FROM (SELECT nextval('{database.Schema}.mt_events_sequence') AS number FROM generate_series(1, $1)) drawn";
    readonly string _move = $"INSERT INTO {database.Schema}.mt_streams (id, version, tenant_id) SELECT id, version, '{EventRows.Tenant}' FROM unnest($1, $2) AS moved (id, version) ON CONFLICT (id) DO UPDATE SET version = excluded.version, timestamp = now()";
    readonly string _copy = $"COPY {database.Schema}.mt_events ({EventRows.Columns}) FROM STDIN (FORMAT BINARY)";

    /// <summary>Commits a group and answers it. Those that are to be planned anew go to <paramref name="again"/>; false where what was believed of the streams was wrong, or cannot be relied on any more.</summary>
    public async Task<bool> CommitAsync(LogGroup group, List<AppendRequest> again)
    {
        try
        {
            if (group.Planned.Count > 0 && !await TryCommitAsync(group).ConfigureAwait(false))
            {
                MartenTelemetry.Replans.Add(1);
                again.AddRange(group.Requests);
                return false;
            }
        }
        catch (Exception exception)
        {
            // Whether it was committed is not known where the connection broke under the commit: whoever asks again is told.
            if (exception is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable })
                MartenTelemetry.LockTimeouts.Add(1);
            var translated = database.Translate(exception, CancellationToken.None) ?? exception;
            foreach (var (request, _) in group.Planned)
                request.Done.TrySetException(translated);
            again.AddRange(group.Refused);
            return false;
        }
        // What stood in the way of these may have been in the group itself, and only now is it durable.
        foreach (var request in group.Refused)
        {
            if (!await AnswerAsync(request).ConfigureAwait(false))
                again.Add(request);
        }
        return again.Count == 0;
    }

    /// <summary>Answers a batch whose expectation does not hold: with the original result where it is a retry of what is durable already. False where it does hold now and may be tried again.</summary>
    async Task<bool> AnswerAsync(AppendRequest request)
    {
        try
        {
            await using var connection = await database.OpenAsync(CancellationToken.None).ConfigureAwait(false);
            await using var batch = new NpgsqlBatch(connection);
            batch.Add(_streams, (object)new[] { request.Stream.Name });
            batch.Add($"SELECT id, headers ->> 'hash', version, seq_id FROM {database.Schema}.mt_events WHERE stream_id = $1 AND version > $2 ORDER BY version LIMIT $3", request.Stream.Name, request.Expected.Value + 1, request.Events.Count);
            await using var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
            var last = await reader.ReadAsync().ConfigureAwait(false) ? reader.GetInt64(1) - 1 : -1;
            await reader.NextResultAsync().ConfigureAwait(false);
            var (same, original) = (0, default(AppendResult));
            while (request.Expected.IsExact && await reader.ReadAsync().ConfigureAwait(false) && request.Events[same].IsSame(reader.GetGuid(0), Convert.FromHexString(reader.GetString(1))))
            {
                original = new AppendResult(reader.GetInt64(2) - 1, reader.GetInt64(3));
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

    /// <summary>False, and nothing committed, where a stream is not where it was believed to be.</summary>
    async Task<bool> TryCommitAsync(LogGroup group)
    {
        // Closing it rolls back what was not committed.
        await using var connection = await database.OpenAsync(CancellationToken.None).ConfigureAwait(false);
        if (await BeginAsync(connection, group).ConfigureAwait(false) is not { } first)
            return false;
        var rows = group.Rows.Complete(first);
        await using (var copy = await connection.BeginRawBinaryCopyAsync(_copy).ConfigureAwait(false))
        {
            for (var sent = 0; sent < rows.Length; sent += SentBytes)
                await copy.WriteAsync(rows.Slice(sent, Math.Min(SentBytes, rows.Length - sent))).ConfigureAwait(false);
        }
        await using (var commit = new NpgsqlBatch(connection))
        {
            // A commit that waits for a standby must not be cut short: the server would take it for done.
            commit.Add("SET LOCAL statement_timeout = 0");
            commit.Add("COMMIT");
            await commit.ExecuteNonQueryAsync().ConfigureAwait(false);
        }
        MartenTelemetry.Commits.Add(1);
        foreach (var (request, lastRevision) in group.Planned)
        {
            first += request.Events.Count;
            request.Done.TrySetResult(new AppendResult(lastRevision, first - 1));
        }
        return true;
    }

    /// <summary>Takes the appenders' lock, announces the append, makes sure that the streams are where they are believed to be, moves them and draws the positions. Null where they are not.</summary>
    async Task<long?> BeginAsync(NpgsqlConnection connection, LogGroup group)
    {
        var names = group.Streams.Keys.Select(stream => stream.Name).ToArray();
        await using var batch = new NpgsqlBatch(connection);
        batch.Add("BEGIN");
        // One that was told 'done' must not lose it to a power cut.
        batch.Add(_lock);
        batch.Add("SELECT pg_advisory_xact_lock($1)", database.AppenderKey);
        // The announcement is delivered with the commit.
        batch.Add(_hold, database.Channel);
        // A statement of its own, so that it sees what was committed while the lock was waited for.
        batch.Add(_streams, (object)names);
        batch.Add(_move, names, group.Streams.Values.Select(stream => stream.After + 1).ToArray());
        batch.Add(_draw, group.Rows.Count);
        await using var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
        for (var result = 0; result < 3; result++)
            await reader.NextResultAsync().ConfigureAwait(false);
        var isRight = true;
        var missing = group.Streams.Count(stream => stream.Value.Before >= 0);
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            var (before, _) = group.Streams[StreamId.FromName(reader.GetString(0))];
            isRight &= reader.GetInt64(1) - 1 == before;
            missing--;
        }
        if (!isRight || missing != 0)
            return null;
        await reader.NextResultAsync().ConfigureAwait(false);
        await reader.ReadAsync().ConfigureAwait(false);
        var (first, last) = (reader.GetInt64(0), reader.GetInt64(1));
        if (last - first != group.Rows.Count - 1)
            throw new StoreUnavailableException($"Another program draws positions from schema '{database.Schema}' of {database.Place} without taking its turn: give the log a schema to itself.");
        return first;
    }
}
