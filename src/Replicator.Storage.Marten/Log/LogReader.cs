using Npgsql;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Storage;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten.Log;

/// <summary>One read of the log, over Marten's tables and past its sessions, which would build an object of every body. Not thread-safe.</summary>
/// <remarks>
/// A body that is a patch needs the state before it. A read that goes forwards has mostly come by it; what it has not is fetched with its patches back to its keyframe, for a whole page in one query.
/// Pages are bounded by events, by the bytes that the server sends and by the bytes that they decode to.
/// </remarks>
sealed class LogReader(Database database) : IDisposable
{
    const int PageEvents = 512;
    const int PageBytes = 4 * 1024 * 1024;
    const long CacheBytes = 32L * 1024 * 1024;
    const string Columns = "seq_id, stream_id, version, id, type, headers::text";

    readonly StateCache _states = new(CacheBytes);
    readonly ResourceTypes _types = new();
    readonly Dictionary<string, StreamId> _streams = [];
    readonly BodyDecoder _decoder = new();
    int _limit = PageEvents;

    string Events => $"{database.Schema}.mt_events";

    /// <summary>The position of the last event; 0 when there is none. All smaller ones are decided: see <see cref="LogWriter"/>.</summary>
    public static ValueTask<long> HeadAsync(Database database, CancellationToken cancellationToken) => database.RunAsync(async connection =>
    {
        await using var command = connection.Command($"SELECT max(seq_id) FROM {database.Schema}.mt_events");
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is long head ? head : 0;
    }, cancellationToken);

    /// <summary>The last revision of a stream; −1 where it does not exist.</summary>
    public static ValueTask<long> LastRevisionAsync(Database database, StreamId stream, CancellationToken cancellationToken) => database.RunAsync(async connection =>
    {
        await using var command = connection.Command($"SELECT version FROM {database.Schema}.mt_streams WHERE id = $1", stream.Name);
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is long version ? version - 1 : -1;
    }, cancellationToken);

    /// <summary>The next events after a position, up to and including <paramref name="last"/>; an empty page at <paramref name="last"/> where there are none.</summary>
    public ValueTask<EventPage> ReadAsync(long after, long last, ReadOptions options, long maxCount, CancellationToken cancellationToken) =>
        PageAsync("seq_id > $1 AND seq_id <= $2 AND starts_with(stream_id, $3)", "seq_id", [after, last, options.StreamPrefix], isBackwards: false, options.States, maxCount, last, cancellationToken);

    /// <summary>The next events of a stream between two revisions (inclusive), from the first or from the last.</summary>
    public ValueTask<EventPage> ReadStreamAsync(StreamId stream, long first, long last, bool backwards, ReadOptions options, long maxCount, CancellationToken cancellationToken) =>
        PageAsync("stream_id = $3 AND version > $1 AND version <= $2", backwards ? "version DESC" : "version", [first, last + 1, stream.Name], backwards, options.States, maxCount, 0, cancellationToken);

    public void Dispose() => _states.Dispose();

    ValueTask<EventPage> PageAsync(string where, string order, object[] parameters, bool isBackwards, bool withStates, long maxCount, long end, CancellationToken cancellationToken) =>
        database.RunAsync(async connection =>
        {
            using var bodies = new PooledBufferWriter();
            object limit = (int)Math.Min(withStates ? _limit : PageEvents, maxCount);
            // The sum bounds what is sent, and is known without fetching a value from where large ones lie.
            var sql = withStates
                ? $"SELECT {Columns}, data::text FROM (SELECT *, sum(pg_column_size(data)) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) - pg_column_size(data) AS before FROM {Events} WHERE {where} ORDER BY {order} LIMIT $4) e WHERE before < {PageBytes} ORDER BY {order}"
                : $"SELECT {Columns} FROM {Events} WHERE {where} ORDER BY {order} LIMIT $4";
            var rows = new List<LogRow>();
            var isWhole = true;
            await using (var command = connection.Command(sql, [.. parameters, limit]))
            await using (var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
            {
                long decoded = 0;
                while (isWhole && await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    if (decoded >= PageBytes)
                    {
                        isWhole = false;
                        break;
                    }
                    var row = Row(reader, 0, withStates ? bodies : null);
                    rows.Add(row);
                    decoded += withStates ? row.Headers.Bytes : 0;
                }
            }
            if (withStates)
            {
                // Small patches of large objects decode to much more than is sent: the next page asks for little more than this one could use.
                _limit = isWhole ? Math.Min(PageEvents, _limit * 2) : rows.Count;
            }
            var position = rows.Count > 0 ? rows[^1].Position : end;
            if (isBackwards)
                rows.Reverse();
            return await BuildAsync(connection, rows, bodies, isBackwards, withStates, position, cancellationToken).ConfigureAwait(false);
        }, cancellationToken);

    /// <summary>Makes a page of rows in ascending order.</summary>
    async ValueTask<EventPage> BuildAsync(NpgsqlConnection connection, List<LogRow> rows, PooledBufferWriter bodies, bool isReversed, bool withStates, long position, CancellationToken cancellationToken)
    {
        var bases = withStates ? await FetchBasesAsync(connection, rows, cancellationToken).ConfigureAwait(false) : null;
        var states = new PooledBufferWriter();
        try
        {
            var ends = new int[rows.Count];
            for (var index = 0; index < rows.Count; index++)
            {
                if (withStates)
                    Decode(rows[index], bodies.WrittenMemory, bases!, states);
                ends[index] = states.WrittenCount;
            }
            var events = new RecordedEvent[rows.Count];
            var bytes = states.WrittenMemory;
            for (var index = 0; index < events.Length; index++)
            {
                var row = rows[index];
                events[isReversed ? events.Length - 1 - index : index] = new RecordedEvent
                {
                    Position = row.Position,
                    Stream = row.Stream,
                    Revision = row.Revision,
                    Id = row.Id,
                    Type = row.Type,
                    Metadata = row.Headers.Metadata,
                    State = bytes[(index == 0 ? 0 : ends[index - 1])..ends[index]],
                    Hash = row.Headers.Hash,
                };
            }
            return new EventPage(events, position, states);
        }
        catch
        {
            states.Dispose();
            throw;
        }
    }

    void Decode(LogRow row, ReadOnlyMemory<byte> bodies, Dictionary<(StreamId, long), byte[]> bases, PooledBufferWriter states)
    {
        if (row.Headers.Bytes == 0)
            return;
        var start = states.WrittenCount;
        ReadOnlyMemory<byte> from = default;
        if (row.Headers.Previous is { } previous)
        {
            if (_states.Find(row.Stream, row.Headers.Metadata.Object) is { } known && known.Revision == previous)
                from = known.State;
            else if (bases.TryGetValue((row.Stream, previous), out var fetched))
                from = fetched;
            else
                throw Corrupt(row, $"revision {previous}, from which it is a patch, is not there");
        }
        DecodeBody(row, bodies, from, states);
        _states.Set(row.Stream, row.Headers.Metadata.Object, row.Revision, 0, states.WrittenSpan[start..]);
    }

    void DecodeBody(LogRow row, ReadOnlyMemory<byte> bodies, ReadOnlyMemory<byte> from, PooledBufferWriter states)
    {
        var start = states.WrittenCount;
        try
        {
            _decoder.Decode(bodies.Slice(row.BodyStart, row.BodyLength), from, states);
        }
        catch (Exception exception) when (exception is JsonFormatException or JsonPatchException or InvalidOperationException)
        {
            throw Corrupt(row, exception.Message.TrimEnd('.'), exception);
        }
        if (states.WrittenCount - start != row.Headers.Bytes)
            throw Corrupt(row, $"it decodes to {states.WrittenCount - start} bytes instead of {row.Headers.Bytes}");
    }

    /// <summary>The states that patches of the page start from, where neither the page nor what was read before has them.</summary>
    async ValueTask<Dictionary<(StreamId, long), byte[]>> FetchBasesAsync(NpgsqlConnection connection, List<LogRow> rows, CancellationToken cancellationToken)
    {
        var bases = new Dictionary<(StreamId, long), byte[]>();
        var wanted = new List<(StreamId Stream, long Revision)>();
        var passed = new HashSet<(StreamId, long)>();
        foreach (var row in rows)
        {
            passed.Add((row.Stream, row.Revision));
            if (row.Headers.Previous is { } previous && !passed.Contains((row.Stream, previous)) && _states.Find(row.Stream, row.Headers.Metadata.Object)?.Revision != previous)
                wanted.Add((row.Stream, previous));
        }
        if (wanted.Count == 0)
            return bases;

        using var bodies = new PooledBufferWriter();
        var chains = new List<(int Wanted, LogRow Row)>();
        var sql = $"""
            WITH RECURSIVE chain AS (
                SELECT w.number, e.* FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w (stream, version, number) JOIN {Events} e ON e.stream_id = w.stream AND e.version = w.version
                UNION ALL
                SELECT c.number, e.* FROM chain c JOIN {Events} e ON e.stream_id = c.stream_id AND e.version = (c.headers ->> 'previous')::bigint + 1)
            SELECT number, {Columns}, data::text FROM chain ORDER BY number, version
            """;
        await using (var command = connection.Command(sql, wanted.Select(one => one.Stream.Name).ToArray(), wanted.Select(one => one.Revision + 1).ToArray()))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                chains.Add(((int)reader.GetInt64(0) - 1, Row(reader, 1, bodies)));
        }
        using var states = new PooledBufferWriter();
        foreach (var chain in chains.GroupBy(link => link.Wanted))
        {
            states.Clear();
            var start = 0;
            foreach (var (_, row) in chain)
            {
                var from = states.WrittenSpan[start..].ToArray();
                start = states.WrittenCount;
                DecodeBody(row, bodies.WrittenMemory, from, states);
            }
            bases[wanted[chain.Key]] = states.WrittenSpan[start..].ToArray();
        }
        return bases;
    }

    LogRow Row(NpgsqlDataReader reader, int column, PooledBufferWriter? bodies)
    {
        var name = reader.GetString(column + 1);
        if (!_streams.TryGetValue(name, out var stream))
            _streams.Add(name, stream = StreamId.FromName(name));
        var typeName = reader.GetString(column + 4);
        var position = reader.GetInt64(column);
        var type = EventBody.TypeOf(typeName);
        if (type == default)
            throw new StoreCorruptException($"The event at position {position} of {database.Place} has the unknown type '{typeName}': a newer Replicator or another program wrote it; upgrade this one.");
        using var headers = new PooledBufferWriter();
        Read(reader, column + 5, headers);
        var decoded = EventHeaders.Decode(headers.WrittenSpan, _types);
        var start = bodies?.WrittenCount ?? 0;
        if (bodies is not null)
            Read(reader, column + 6, bodies);
        return new LogRow(position, stream, reader.GetInt64(column + 2) - 1, reader.GetGuid(column + 3), type, decoded, start, (bodies?.WrittenCount ?? 0) - start);
    }

    static void Read(NpgsqlDataReader reader, int column, PooledBufferWriter into)
    {
        using var stream = reader.GetStream(column);
        var length = (int)stream.Length;
        stream.ReadExactly(into.GetSpan(length)[..length]);
        into.Advance(length);
    }

    StoreCorruptException Corrupt(LogRow row, string reason, Exception? inner = null) =>
        new($"The body of event {row.Revision} of stream '{row.Stream}' (position {row.Position}) in {database.Place} cannot be read ({reason}): restore the database from a backup.", inner);
}
