using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using Replicator.Core.Events;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb;
using Replicator.Storage.EventStoreDb.Codec;
using Replicator.Storage.EventStoreDb.Protocol;
using Replicator.Storage.EventStoreDb.Streams;
using Replicator.TestKit.EventStoreDb;

namespace Replicator.Benchmarks;

/// <summary><c>append-eventstoredb</c>: events a second into EventStoreDB, against a bare BatchAppend loop that sends the same events, encoded beforehand, to the same server.</summary>
/// <remarks>Without <c>--connection</c> the server is the tests' stand-in, a fresh one for each trial, whose process is not the one that is measured; with it a real one, to which each trial writes streams of its own.</remarks>
static class EventStoreDbAppendBenchmark
{
    const double Claim = 0.6;
    const string Verb = "eventstoredb-trial", Append = "append", Bare = "bare-append";
    // Below the server's largest append, with room for what it counts besides.
    const int MaxRequestBytes = 900 * 1024;

    public static Command Create()
    {
        var (pods, changes, runs, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Runs(3), CommonOptions.Seed());
        pods.DefaultValueFactory = _ => 4_096;
        changes.DefaultValueFactory = _ => 30_000;
        var connection = new Option<string?>("--connection") { Description = "The connection string of a real server without TLS; else a stand-in.", HelpName = "ESDB" };
        var command = new Command("append-eventstoredb", "Events a second into EventStoreDB, against a bare BatchAppend loop of the same events.") { pods, changes, runs, seed, connection };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(connection), result.GetValue(pods), result.GetValue(changes), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    public static Command CreateTrial()
    {
        var (side, connection, prefix, pods, changes, seed) = (new Argument<string>("SIDE"), new Argument<string>("CONNECTION"), new Argument<string>("PREFIX"), new Argument<int>("PODS"), new Argument<int>("CHANGES"), new Argument<int>("SEED"));
        var command = new Command(Verb) { side, connection, prefix, pods, changes, seed };
        command.Hidden = true;
        command.SetAction(async (result, cancellationToken) =>
        {
            var streams = AmplifiedEvents.Create(result.GetValue(pods), result.GetValue(changes), result.GetValue(seed));
            var (at, under) = (result.GetValue(connection)!, result.GetValue(prefix)!);
            var (count, elapsed) = result.GetValue(side) switch
            {
                Append => await AppendAsync(at, under, streams, cancellationToken),
                Bare => await BareAsync(at, under, streams),
                var other => throw new BenchmarkException($"'{other}' is no side."),
            };
            Trial.Print(count, elapsed);
        });
        return command;
    }

    static async Task<int> RunAsync(string? connection, int pods, int changes, int runs, int seed, CancellationToken cancellationToken)
    {
        async Task<Trial> Run(string side)
        {
            await using var standIn = connection is null ? await EventStoreDbStandIn.StartAsync(new StandInOptions()) : null;
            return await Trial.RunAsync(cancellationToken, Verb, side, connection ?? standIn!.ConnectionString, $"bench-{Guid.NewGuid():N}-",
                pods.ToString(CultureInfo.InvariantCulture), changes.ToString(CultureInfo.InvariantCulture), seed.ToString(CultureInfo.InvariantCulture));
        }
        const string what = "events appended with expected revision and patches", bareWhat = "a bare BatchAppend loop of the same events";
        var trials = await Trial.InterleaveAsync(runs, (bareWhat, () => Run(Bare)), (what, () => Run(Append)));
        var (bare, ours) = (trials[0], trials[1]);
        return new Report
        {
            Name = "append-eventstoredb",
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["changes"] = changes, ["streams"] = AmplifiedEvents.Streams, ["batch"] = AmplifiedEvents.Batch, ["server"] = connection is null ? "stand-in" : "real" },
            Claims =
            [
                new Claim("append-eventstoredb", new Measure(what, ours.Select(trial => trial.PerSecond).Median(), "events/s"), new Measure(bareWhat, bare.Select(trial => trial.PerSecond).Median(), "events/s"),
                    ours.Zip(bare, (result, beside) => result.PerSecond / beside.PerSecond).Median(), Claim, IsFloor: true),
            ],
            Details = new Dictionary<string, object>
            {
                ["cpuMicrosecondsEach"] = ours.Select(trial => trial.CpuMicroseconds).Median(),
                ["cpuMicrosecondsEachOfBaseline"] = bare.Select(trial => trial.CpuMicroseconds).Median(),
            },
            PeakMemoryMiB = ours.Max(trial => trial.PeakMemoryMiB),
            Runs = runs,
            Seed = seed,
        }.Print();
    }

    static async Task<(long Count, TimeSpan Elapsed)> AppendAsync(string connection, string prefix, List<List<ProposedEvent>> streams, CancellationToken cancellationToken)
    {
        await using var store = EventStoreDbEventStore.Connect(connection, new EventStoreDbOptions { StreamNamePrefix = prefix });
        return await AppendTrials.AppendAsync(store, streams, cancellationToken);
    }

    /// <summary>One BatchAppend call, one request of each stream under way, every message made beforehand.</summary>
    static async Task<(long Count, TimeSpan Elapsed)> BareAsync(string connection, string prefix, List<List<ProposedEvent>> streams)
    {
        var server = EventStoreDbConnectionString.Parse(connection).Hosts[0];
        using var channel = GrpcChannel.ForAddress($"http://{server.Host}:{server.Port}");
        using var call = new Storage.EventStoreDb.Protocol.Streams.StreamsClient(channel).BatchAppend();
        var waiting = new ConcurrentDictionary<long, TaskCompletionSource<BatchAppendResp>>();
        var (sending, sequence) = (new SemaphoreSlim(1, 1), 0L);
        _ = Task.Run(async () =>
        {
            try
            {
                while (await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                    if (waiting.TryRemove(call.ResponseStream.Current.CorrelationId.Structured.LeastSignificantBits, out var one))
                        one.SetResult(call.ResponseStream.Current);
                }
            }
            catch (RpcException exception)
            {
                foreach (var one in waiting.Values)
                    one.TrySetException(exception);
            }
        });
        var options = new EventStoreDbOptions();
        using var encoder = new BatchEncoder(options, new WriterStates(long.MaxValue));
        var revisions = new ConcurrentDictionary<string, long>();
        return await AppendTrials.RunAsync(streams, stream => prefix + AmplifiedEvents.StreamOf(stream).Name, (stream, revision, proposed) =>
        {
            encoder.Encode(stream, ExpectedRevision.Exactly(revision - 1), [proposed], int.MaxValue);
            var data = encoder[0];
            encoder.Commit(revision);
            return Wire.ToBatchMessage(new EventData(data.Id, data.Type, data.IsJson, data.Data.ToArray(), data.Metadata.ToArray()));
        }, async (stream, batch) =>
        {
            for (var first = 0; first < batch.Length;)
            {
                var revision = revisions.GetValueOrDefault(stream, -1);
                var request = new BatchAppendReq { Options = Wire.ToBatchOptions(stream, ExpectedRevision.Exactly(revision)), IsFinal = true };
                request.Options.Deadline = Duration.FromTimeSpan(TimeSpan.FromMinutes(1));
                for (var bytes = 0; first < batch.Length && (bytes += batch[first].CalculateSize()) < MaxRequestBytes; first++)
                    request.ProposedMessages.Add(batch[first]);
                var id = Interlocked.Increment(ref sequence);
                request.CorrelationId = new UUID { Structured = new UUID.Types.Structured { LeastSignificantBits = id } };
                var answered = waiting[id] = new TaskCompletionSource<BatchAppendResp>(TaskCreationOptions.RunContinuationsAsynchronously);
                await sending.WaitAsync();
                try
                {
                    await call.RequestStream.WriteAsync(request);
                }
                finally
                {
                    sending.Release();
                }
                if (await answered.Task is { Error: { } error })
                    throw new BenchmarkException($"The server refuses an append: {error.Message}.");
                revisions[stream] = revision + request.ProposedMessages.Count;
            }
        });
    }
}
