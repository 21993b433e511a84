using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using JasperFx;
using Npgsql;
using NpgsqlTypes;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Storage.Marten;
using Replicator.Storage.Marten.Log;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Benchmarks;

/// <summary>The sides of <see cref="MartenBenchmarks"/>, each a process of its own.</summary>
static class MartenTrials
{
    public const string BareAppend = "bare-append";
    public const string BareAppendToOurs = "bare-append-to-ours";
    public const string Append = "append";
    public const string BareCopy = "bare-copy";
    public const string Project = "project";

    const string Verb = "marten-trial";

    public static Command Create()
    {
        var (side, connectionString, pods, changes, seed) = (new Argument<string>("SIDE"), new Argument<string>("CONNECTION"), new Argument<int>("PODS"), new Argument<int>("CHANGES"), new Argument<int>("SEED"));
        var command = new Command(Verb) { side, connectionString, pods, changes, seed };
        command.Hidden = true;
        command.SetAction(async (result, cancellationToken) =>
        {
            var streams = AmplifiedEvents.Create(result.GetValue(pods), result.GetValue(changes), result.GetValue(seed));
            var (at, verb) = (result.GetValue(connectionString)!, result.GetValue(side));
            if (verb != BareAppend)
                await MartenStores.MigrateAsync(at, cancellationToken: cancellationToken);
            var run = verb switch
            {
                BareAppend or BareAppendToOurs => BareAppendAsync(at, streams, cancellationToken),
                Append => AppendAsync(at, streams, cancellationToken),
                BareCopy => BareCopyAsync(at, streams, cancellationToken),
                Project => ProjectAsync(at, streams, cancellationToken),
                var other => throw new BenchmarkException($"'{other}' is no side."),
            };
            var (count, elapsed) = await run;
            Trial.Print(count, elapsed, new Dictionary<string, double> { ["bytesPerState"] = streams.Average(stream => stream.Average(proposed => (double)proposed.State.Length)) });
        });
        return command;
    }

    public static Task<Trial> RunAsync(string side, string connectionString, int pods, int changes, int seed, CancellationToken cancellationToken) =>
        Trial.RunAsync(cancellationToken, Verb, side, connectionString, pods.ToString(CultureInfo.InvariantCulture), changes.ToString(CultureInfo.InvariantCulture), seed.ToString(CultureInfo.InvariantCulture));

    static async Task<(long Count, TimeSpan Elapsed)> AppendAsync(string connectionString, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        await using var stores = MartenStores.Connect(connectionString);
        return await AppendTrials.AppendAsync(stores.Events, streams, cancellationToken);
    }

    /// <summary>The rows that <see cref="AppendAsync"/> writes, encoded beforehand, by Marten's session and nothing else: a connection for each stream, a transaction for each batch. Where there are no tables yet, it makes its own.</summary>
    static async Task<(long Count, TimeSpan Elapsed)> BareAppendAsync(string connectionString, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        await using var database = new Database(connectionString, new MartenStoreOptions());
        using var store = MartenLog.CreateStore(database, AutoCreate.CreateOrUpdate, options => options.UseSystemTextJsonForSerialization(configure: json =>
        {
            json.Converters.Add(new RawHeadersConverter());
            foreach (var one in EventBody.All)
                json.Converters.Add(one.Converter);
        }));
        await store.Storage.ApplyAllConfiguredChangesToDatabaseAsync();
        using var bodies = new BodyEncoder(long.MaxValue);
        using var headers = new EventHeaders();
        using var bytes = new PooledBufferWriter();
        return await AppendTrials.RunAsync(streams, stream => AmplifiedEvents.StreamOf(stream).Name, (stream, revision, proposed) =>
        {
            bytes.Clear();
            var previous = bodies.Encode(stream, revision, proposed, bytes);
            var body = bytes.WrittenSpan.ToArray();
            bytes.Clear();
            headers.Encode(proposed, previous, bytes);
            var wrapped = EventBody.Of(proposed.Type).Wrap(body);
            (wrapped.Id, wrapped.Timestamp, wrapped.Headers) = (proposed.Id, proposed.Metadata.ObservedAt, new RawHeaders(bytes.WrittenSpan.ToArray()));
            return wrapped;
        }, async (stream, batch) =>
        {
            await using var session = store.LightweightSession();
            session.Events.Append(stream, batch);
            await session.SaveChangesAsync(cancellationToken);
        });
    }

    static async Task<(long Count, TimeSpan Elapsed)> ProjectAsync(string connectionString, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        var (warmUp, timed) = Recorded(streams);
        await using var stores = MartenStores.Connect(connectionString);
        foreach (var page in Pages(warmUp))
            await stores.Snapshots.ApplyAsync(page, cancellationToken);
        var pages = Pages(timed);
        var watch = Stopwatch.StartNew();
        foreach (var page in pages)
            await stores.Snapshots.ApplyAsync(page, cancellationToken);
        return (timed.Count, watch.Elapsed);
    }

    static List<EventPage> Pages(List<RecordedEvent> events) => [.. events.Chunk(AmplifiedEvents.Batch * 2).Select(page => new EventPage(page, page[^1].Position, null))];

    /// <summary>The version rows that <see cref="ProjectAsync"/> writes, in one COPY into the same table.</summary>
    static async Task<(long Count, TimeSpan Elapsed)> BareCopyAsync(string connectionString, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        var (warmUp, timed) = Recorded(streams);
        var objects = new Dictionary<ObjectIdentity, long>();
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await CopyAsync(warmUp);
        var watch = Stopwatch.StartNew();
        await CopyAsync(timed);
        return (timed.Count, watch.Elapsed);

        async Task CopyAsync(List<RecordedEvent> rows)
        {
            await using var importer = await connection.BeginBinaryImportAsync("COPY replicator.snapshot0_versions (object, position, event, provenance, served, facet, observed_at, version, version_order, state) FROM STDIN (FORMAT BINARY)", cancellationToken);
            foreach (var row in rows)
            {
                if (!objects.TryGetValue(row.Metadata.Object, out var number))
                    objects.Add(row.Metadata.Object, number = objects.Count + 1);
                await importer.StartRowAsync(cancellationToken);
                importer.Write(number);
                importer.Write(row.Position);
                importer.Write((short)row.Type);
                importer.Write((short)row.Metadata.Provenance);
                importer.Write(1L);
                importer.Write(1L);
                importer.Write(HashChain.Microseconds(row.Metadata.ObservedAt));
                importer.Write(row.Metadata.ResourceVersion);
                importer.Write($"{row.Metadata.ResourceVersion.Length:00000}{row.Metadata.ResourceVersion}");
                importer.Write(row.State, NpgsqlDbType.Json);
            }
            await importer.CompleteAsync(cancellationToken);
        }
    }

    /// <summary>The streams' events as a log has them, batch by batch: those of the first lists, and those that follow.</summary>
    static (List<RecordedEvent> WarmUp, List<RecordedEvent> Timed) Recorded(List<List<ProposedEvent>> streams)
    {
        var (warmUp, timed, position) = (new List<RecordedEvent>(), new List<RecordedEvent>(), 0L);
        var batches = streams.Select(AmplifiedEvents.Batches).ToList();
        var revisions = new Dictionary<string, long>();
        Record(warmUp, [.. batches.Select(one => one.WarmUp)]);
        Record(timed, [.. batches.Select(one => one.Timed)]);
        return (warmUp, timed);

        void Record(List<RecordedEvent> into, List<List<ProposedEvent[]>> parts)
        {
            foreach (var proposed in Enumerable.Range(0, parts.Max(part => part.Count)).SelectMany(number => parts.Where(part => number < part.Count).SelectMany(part => part[number])))
            {
                var cluster = proposed.Metadata.Cluster;
                var revision = revisions[cluster] = revisions.GetValueOrDefault(cluster, -1) + 1;
                into.Add(new RecordedEvent
                {
                    Position = ++position,
                    Stream = new StreamId(cluster, AmplifiedEvents.Pods.GroupResource),
                    Revision = revision,
                    Id = proposed.Id,
                    Type = proposed.Type,
                    Metadata = proposed.Metadata,
                    State = proposed.State,
                    Hash = proposed.Hash,
                });
            }
        }
    }

    /// <summary>Headers that are encoded already, handed to Marten's serializer as they are.</summary>
    sealed class RawHeaders(byte[] json) : Dictionary<string, object>
    {
        public ReadOnlyMemory<byte> Json { get; } = json;
    }

    sealed class RawHeadersConverter : JsonConverter<RawHeaders>
    {
        public override RawHeaders Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException("These headers are only written.");

        public override void Write(Utf8JsonWriter writer, RawHeaders value, JsonSerializerOptions options) => writer.WriteRawValue(value.Json.Span, skipInputValidation: true);
    }
}
