using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
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
using Replicator.TestKit;
using Replicator.TestKit.Amplified;

namespace Replicator.Benchmarks;

/// <summary>The sides of <see cref="MartenBenchmarks"/>, each a process of its own.</summary>
static class MartenTrials
{
    public const string BareAppend = "bare-append";
    public const string Append = "append";
    public const string BareCopy = "bare-copy";
    public const string Project = "project";

    /// <summary>As many reflectors append at once.</summary>
    public const int Streams = 4;

    /// <summary>So many events make a batch, and a projected page.</summary>
    public const int Batch = 256;

    const string Verb = "marten-trial";

    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);

    public static Command Create()
    {
        var (side, connectionString, pods, changes, seed) = (new Argument<string>("SIDE"), new Argument<string>("CONNECTION"), new Argument<int>("PODS"), new Argument<int>("CHANGES"), new Argument<int>("SEED"));
        var command = new Command(Verb) { side, connectionString, pods, changes, seed };
        command.Hidden = true;
        command.SetAction(async (result, cancellationToken) =>
        {
            var streams = Enumerable.Range(0, Streams).Select(number => Events($"c{number}", result.GetValue(pods) / Streams, result.GetValue(changes) / Streams, result.GetValue(seed) + number)).ToList();
            var at = result.GetValue(connectionString)!;
            var run = result.GetValue(side) switch
            {
                BareAppend => BareAppendAsync(at, streams, cancellationToken),
                Append => AppendAsync(at, streams, cancellationToken),
                BareCopy => BareCopyAsync(at, streams, cancellationToken),
                Project => ProjectAsync(at, streams, cancellationToken),
                var other => throw new BenchmarkException($"'{other}' is no side."),
            };
            var elapsed = await run;
            using var process = Process.GetCurrentProcess();
            var count = streams.Sum(stream => (long)stream.Count);
            Trial.Print(count, elapsed, new Dictionary<string, double> { ["cpuSeconds"] = process.TotalProcessorTime.TotalSeconds, ["bytesPerState"] = streams.Sum(stream => stream.Sum(proposed => (double)proposed.State.Length)) / count });
        });
        return command;
    }

    public static Task<Trial> RunAsync(string side, string connectionString, int pods, int changes, int seed, CancellationToken cancellationToken) =>
        Trial.RunAsync(cancellationToken, Verb, side, connectionString, pods.ToString(CultureInfo.InvariantCulture), changes.ToString(CultureInfo.InvariantCulture), seed.ToString(CultureInfo.InvariantCulture));

    static async Task<TimeSpan> AppendAsync(string connectionString, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        await using var stores = MartenStores.Connect(connectionString);
        await stores.Events.GetHeadAsync(cancellationToken);
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(streams.Select(async events =>
        {
            var (stream, revision) = (new StreamId(events[0].Metadata.Cluster, Pods.GroupResource), -1L);
            foreach (var batch in events.Chunk(Batch))
                revision = (await stores.Events.AppendAsync(stream, ExpectedRevision.Exactly(revision), batch, cancellationToken)).LastRevision;
        }));
        return watch.Elapsed;
    }

    /// <summary>The rows that <see cref="AppendAsync"/> writes, encoded beforehand, by Marten's session and nothing else: a connection for each stream, a transaction for each batch.</summary>
    static async Task<TimeSpan> BareAppendAsync(string connectionString, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        await using var database = new Database(connectionString, new MartenStoreOptions());
        using var store = MartenLog.CreateStore(database, AutoCreate.None);
        using var encoder = new BodyEncoder(long.MaxValue);
        var encoded = streams.Select(events =>
        {
            var stream = new StreamId(events[0].Metadata.Cluster, Pods.GroupResource);
            return (Stream: stream.Name, Batches: events.Select((proposed, revision) =>
            {
                var (body, previous) = encoder.Encode(stream, revision, proposed);
                var wrapped = EventBody.Wrap(proposed.Type, body);
                (wrapped.Id, wrapped.Timestamp, wrapped.Headers) = (proposed.Id, proposed.Metadata.ObservedAt, EventHeaders.Encode(proposed, previous));
                return wrapped;
            }).Chunk(Batch).ToList());
        }).ToList();
        await using (var connection = await database.OpenAsync(cancellationToken))
        {
            var watch = Stopwatch.StartNew();
            await Task.WhenAll(encoded.Select(async one =>
            {
                foreach (var batch in one.Batches)
                {
                    await using var session = store.LightweightSession();
                    session.Events.Append(one.Stream, batch);
                    await session.SaveChangesAsync(cancellationToken);
                }
            }));
            return watch.Elapsed;
        }
    }

    static async Task<TimeSpan> ProjectAsync(string connectionString, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        var pages = Recorded(streams).Chunk(Batch * 2).Select(events => new EventPage(events, events[^1].Position, null)).ToList();
        await using var stores = MartenStores.Connect(connectionString);
        await stores.Snapshots.GetCheckpointAsync(cancellationToken);
        var watch = Stopwatch.StartNew();
        foreach (var page in pages)
            await stores.Snapshots.ApplyAsync(page, cancellationToken);
        return watch.Elapsed;
    }

    /// <summary>The version rows that <see cref="ProjectAsync"/> writes, in one COPY into the same table.</summary>
    static async Task<TimeSpan> BareCopyAsync(string connectionString, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        var rows = Recorded(streams);
        var objects = new Dictionary<ObjectIdentity, long>();
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        var watch = Stopwatch.StartNew();
        await using (var importer = await connection.BeginBinaryImportAsync("COPY replicator.snapshot0_versions (object, position, event, provenance, served, facet, observed_at, version, version_order, state) FROM STDIN (FORMAT BINARY)", cancellationToken))
        {
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
                importer.Write(row.State.ToArray(), NpgsqlDbType.Json);
            }
            await importer.CompleteAsync(cancellationToken);
        }
        return watch.Elapsed;
    }

    /// <summary>The streams' events as a log has them, batch by batch.</summary>
    static List<RecordedEvent> Recorded(List<List<ProposedEvent>> streams)
    {
        var recorded = new List<RecordedEvent>();
        var revisions = new Dictionary<string, long>();
        foreach (var batch in Enumerable.Range(0, streams.Max(stream => stream.Count) / Batch + 1).SelectMany(number => streams.Select(stream => stream.Skip(number * Batch).Take(Batch))))
        {
            foreach (var proposed in batch)
            {
                var cluster = proposed.Metadata.Cluster;
                var revision = revisions[cluster] = revisions.GetValueOrDefault(cluster, -1) + 1;
                recorded.Add(new RecordedEvent
                {
                    Position = recorded.Count + 1,
                    Stream = new StreamId(cluster, Pods.GroupResource),
                    Revision = revision,
                    Id = proposed.Id,
                    Type = proposed.Type,
                    Metadata = proposed.Metadata,
                    State = proposed.State,
                    Hash = proposed.Hash,
                });
            }
        }
        return recorded;
    }

    static List<ProposedEvent> Events(string cluster, int pods, int changes, int seed)
    {
        var (tape, chain, hash) = (new JsonTape(), new HashChain(), Array.Empty<byte>());
        var events = new List<ProposedEvent>();
        using (chain)
        {
            foreach (var line in new PodAmplifier(TestRecordings.Shop, pods, changes, seed).ReadLines())
            {
                if (line.Type == "BOOKMARK")
                    continue;
                tape.Parse(line.Json);
                tape.TryGetProperty(tape.Root, "object"u8, out var node);
                using var state = new PooledBufferWriter();
                CanonicalJson.Write(tape, node, state);
                tape.TryGetProperty(node, "metadata"u8, out var meta);
                string Text(ReadOnlySpan<byte> name) => tape.TryGetProperty(meta, name, out var value) ? tape.GetString(value) : "";
                var type = line.Type switch { "ADDED" => EventType.ObjectAdded, "DELETED" => EventType.ObjectDeleted, _ => EventType.ObjectModified };
                var metadata = new EventMetadata
                {
                    Cluster = cluster,
                    Type = Pods,
                    Object = new ObjectIdentity(Text("namespace"u8), Text("name"u8), Text("uid"u8)),
                    ResourceVersion = Text("resourceVersion"u8),
                    ObservedAt = HashChain.FromMicroseconds(line.Microseconds),
                    Provenance = line.IsInitial ? Provenance.List : Provenance.Watch,
                };
                var next = new byte[HashChain.HashLength];
                chain.Compute(hash, type, metadata, state.WrittenSpan, next);
                hash = next;
                events.Add(new ProposedEvent { Id = EventId.ForObject(cluster, metadata.Object.Uid, metadata.ResourceVersion, 0, type), Type = type, Metadata = metadata, State = state.WrittenSpan.ToArray(), Hash = next });
            }
        }
        return events;
    }
}
