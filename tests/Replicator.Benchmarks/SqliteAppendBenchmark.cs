using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Replicator.Core.Events;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using SQLitePCL;

namespace Replicator.Benchmarks;

/// <summary><c>append-sqlite</c>: events a second into the embedded log, against prepared inserts of the same bodies by SQLite alone, in the same durability (WAL, <c>synchronous = FULL</c>).</summary>
/// <remarks>
/// The claim is about the bodies as they are proposed: what SQLite would do without a store of ours before it. The rows that the store makes of them are thirty times smaller; against inserts of these alone, which were
/// encoded beforehand, <c>details</c> says how it stands.
/// </remarks>
static class SqliteAppendBenchmark
{
    const double Claim = 0.6;
    const string Verb = "sqlite-trial", Append = "append", BareBodies = "bare-bodies", BareRows = "bare-rows";
    const int RowsPerTransaction = AmplifiedEvents.Streams * AmplifiedEvents.Batch;

    public static Command Create()
    {
        var (pods, changes, runs, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(3), CommonOptions.Seed());
        pods.DefaultValueFactory = _ => 4_096;
        changes.DefaultValueFactory = _ => 30_000;
        var command = new Command("append-sqlite", "Events a second into the embedded log, against prepared SQLite inserts of the same bodies in the same durability.") { pods, changes, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    public static Command CreateTrial()
    {
        var (side, pods, changes, seed) = (new Argument<string>("SIDE"), new Argument<int>("PODS"), new Argument<int>("CHANGES"), new Argument<int>("SEED"));
        var command = new Command(Verb) { side, pods, changes, seed };
        command.Hidden = true;
        command.SetAction(async (result, cancellationToken) =>
        {
            var streams = AmplifiedEvents.Create(result.GetValue(pods), result.GetValue(changes), result.GetValue(seed));
            using var folder = new TemporaryFolder();
            var (count, elapsed) = result.GetValue(side) switch
            {
                Append => await AppendAsync(folder.File("log.db"), streams, cancellationToken),
                BareBodies => Bare(folder.File("bare.db"), streams, rows: null),
                BareRows => Bare(folder.File("bare.db"), streams, await RowsAsync(folder.File("log.db"), streams, cancellationToken)),
                var other => throw new BenchmarkException($"'{other}' is no side."),
            };
            Trial.Print(count, elapsed);
        });
        return command;
    }

    static async Task<int> RunAsync(int pods, int changes, int runs, int seed, CancellationToken cancellationToken)
    {
        Task<Trial> Run(string side) => Trial.RunAsync(cancellationToken, Verb, side, pods.ToString(CultureInfo.InvariantCulture), changes.ToString(CultureInfo.InvariantCulture), seed.ToString(CultureInfo.InvariantCulture));
        const string what = "events appended with expected revision and hash", bodiesWhat = "prepared inserts of the same bodies", rowsWhat = "prepared inserts of the rows that the store made of them";
        var trials = await Trial.InterleaveAsync(runs, (bodiesWhat, () => Run(BareBodies)), (what, () => Run(Append)), (rowsWhat, () => Run(BareRows)));
        var (bodies, ours, rows) = (trials[0], trials[1], trials[2]);
        return new Report
        {
            Name = "append-sqlite",
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["changes"] = changes, ["streams"] = AmplifiedEvents.Streams, ["batch"] = AmplifiedEvents.Batch },
            Claims =
            [
                new Claim("append-sqlite", new Measure(what, ours.Select(trial => trial.PerSecond).Median(), "events/s"), new Measure(bodiesWhat, bodies.Select(trial => trial.PerSecond).Median(), "events/s"),
                    ours.Zip(bodies, (result, beside) => result.PerSecond / beside.PerSecond).Median(), Claim, IsFloor: true),
            ],
            Details = new Dictionary<string, object>
            {
                ["insertsOfEncodedRowsPerSecond"] = rows.Select(trial => trial.PerSecond).Median(),
                ["ratioToInsertsOfEncodedRows"] = ours.Zip(rows, (result, beside) => result.PerSecond / beside.PerSecond).Median(),
            },
            PeakMemoryMiB = ours.Max(trial => trial.PeakMemoryMiB),
            Runs = runs,
            Seed = seed,
        }.Print();
    }

    static async Task<(long Count, TimeSpan Elapsed)> AppendAsync(string path, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        await using var store = SqliteEventStore.Open(path);
        return await AppendTrials.AppendAsync(store, streams, cancellationToken);
    }

    /// <summary>Has the store encode the events, and reads its rows back, those of the first lists apart.</summary>
    static async Task<(List<Row> WarmUp, List<Row> Timed)> RowsAsync(string path, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        await AppendAsync(path, streams, cancellationToken);
        var rows = new List<Row>();
        using var connection = Open(path);
        using var command = new SqliteCommand("SELECT type, revision, observed_at, version, hash, body FROM events ORDER BY position", connection);
        using var reader = command.ExecuteReader();
        while (reader.Read())
            rows.Add(new Row(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), (byte[])reader.GetValue(4), (byte[])reader.GetValue(5)));
        var warm = streams.Sum(stream => AmplifiedEvents.Batches(stream).WarmUp.Sum(batch => batch.Length));
        return (rows[..warm], rows[warm..]);
    }

    /// <summary>One prepared statement over SQLite's C interface, a transaction for as many rows as all streams have under way.</summary>
    static (long Count, TimeSpan Elapsed) Bare(string path, List<List<ProposedEvent>> streams, (List<Row> WarmUp, List<Row> Timed)? rows)
    {
        var (warmUp, timed) = rows ?? Rows(streams);
        using var connection = Open(path);
        var handle = connection.Handle!;
        Check(raw.sqlite3_exec(handle, "CREATE TABLE events (position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, revision INTEGER NOT NULL, observed_at INTEGER NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL)"));
        Check(raw.sqlite3_prepare_v2(handle, "INSERT INTO events (stream, revision, observed_at, version, hash, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", out var insert));
        using (insert)
        {
            Insert(warmUp);
            var watch = Stopwatch.StartNew();
            Insert(timed);
            return (timed.Count, watch.Elapsed);
        }

        void Insert(List<Row> all)
        {
            foreach (var transaction in all.Chunk(RowsPerTransaction))
            {
                Check(raw.sqlite3_exec(handle, "BEGIN"));
                foreach (var row in transaction)
                {
                    Check(raw.sqlite3_bind_int64(insert, 1, row.Stream));
                    Check(raw.sqlite3_bind_int64(insert, 2, row.Revision));
                    Check(raw.sqlite3_bind_int64(insert, 3, row.ObservedAt));
                    Check(raw.sqlite3_bind_int64(insert, 4, row.Version));
                    Check(raw.sqlite3_bind_blob(insert, 5, row.Hash.Span));
                    Check(raw.sqlite3_bind_blob(insert, 6, row.Body.Span));
                    if (raw.sqlite3_step(insert) != raw.SQLITE_DONE)
                        throw new BenchmarkException($"SQLite refuses a row: {raw.sqlite3_errmsg(handle).utf8_to_string()}");
                    raw.sqlite3_reset(insert);
                }
                Check(raw.sqlite3_exec(handle, "COMMIT"));
            }
        }

        void Check(int code)
        {
            if (code != raw.SQLITE_OK)
                throw new BenchmarkException($"SQLite fails: {raw.sqlite3_errmsg(handle).utf8_to_string()}");
        }
    }

    static (List<Row> WarmUp, List<Row> Timed) Rows(List<List<ProposedEvent>> streams)
    {
        var batches = streams.Select(AmplifiedEvents.Batches).ToList();
        return ([.. batches.SelectMany((one, stream) => Of(stream, one.WarmUp))], [.. batches.SelectMany((one, stream) => Of(stream, one.Timed))]);

        static IEnumerable<Row> Of(int stream, List<ProposedEvent[]> batches) => batches.SelectMany(batch => batch).Select((proposed, revision) =>
            new Row(stream, revision, HashChain.Microseconds(proposed.Metadata.ObservedAt), long.Parse(proposed.Metadata.ResourceVersion, CultureInfo.InvariantCulture), proposed.Hash, proposed.State));
    }

    /// <summary>As the store opens its file.</summary>
    static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ConnectionString);
        connection.Open();
        using var settings = new SqliteCommand("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000; PRAGMA cache_size = -32768", connection);
        settings.ExecuteNonQuery();
        return connection;
    }

    readonly record struct Row(long Stream, long Revision, long ObservedAt, long Version, ReadOnlyMemory<byte> Hash, ReadOnlyMemory<byte> Body);
}
