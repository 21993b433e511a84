using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;
using Replicator.Bus;
using Replicator.Contracts;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;

namespace Replicator.Benchmarks;

/// <summary>The sides of <see cref="PublishBenchmark"/>, each a process and a queue of its own.</summary>
static class PublishTrials
{
    public const string Verb = "publish-trial";
    public const string Client = "client";
    public const string Publisher = "publisher";

    const int Objects = 5_000;

    // What is published before the clock starts: until code is compiled and connections are open.
    const int WarmUp = 10_000;

    // Enough to keep a connection busy; fewer than the frames that its socket's queue holds.
    const int Window = 100;

    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);

    public static Command Create()
    {
        var (side, port, messages, seed) = (new Argument<string>("SIDE"), new Argument<int>("PORT"), new Argument<int>("MESSAGES"), new Argument<int>("SEED"));
        var command = new Command(Verb) { side, port, messages, seed };
        command.Hidden = true;
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(side) == Client, result.GetValue(port), result.GetValue(messages), result.GetValue(seed), cancellationToken));
        return command;
    }

    static async Task RunAsync(bool client, int port, int messages, int seed, CancellationToken cancellationToken)
    {
        await using var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = port }.CreateConnectionAsync(cancellationToken);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), cancellationToken);
        var queue = $"publish-{Environment.ProcessId}";
        await channel.ExchangeDeclareAsync(ChangeRouting.Exchange, ExchangeType.Topic, durable: true, cancellationToken: cancellationToken);
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: cancellationToken);
        await channel.QueueBindAsync(queue, ChangeRouting.Exchange, "#", cancellationToken: cancellationToken);
        using var folder = new TemporaryFolder();
        await using var data = await SqliteDataFolder.OpenAsync(folder.Path);
        var store = data.Events;
        var random = new Random(seed);
        foreach (var versions in Enumerable.Range(0, WarmUp + messages).Chunk(1_000))
            await store.AppendAsync(new StreamId("bench", Pods.GroupResource), ExpectedRevision.Any, [.. versions.Select(version => Change(random.Next(Objects), version))], cancellationToken);

        var (elapsed, bytes) = client ? await ClientAsync(channel, store, cancellationToken) : await PublisherAsync(store, port, cancellationToken);
        var arrived = (await channel.QueueDeclarePassiveAsync(queue, cancellationToken)).MessageCount;
        await channel.QueueDeleteAsync(queue, cancellationToken: cancellationToken);
        if (arrived < WarmUp + messages)
            throw new BenchmarkException($"{arrived} of {WarmUp + messages} messages arrived: the rate would be that of another work.");
        Trial.Print(messages, elapsed, new Dictionary<string, double> { ["bytes"] = bytes });
    }

    static async Task<(TimeSpan Elapsed, long Bytes)> ClientAsync(IChannel channel, SqliteEventStore store, CancellationToken cancellationToken)
    {
        var (bodies, ids) = (new List<byte[]>(), new List<string>());
        await foreach (var page in store.ReadAllAsync(0, new ReadOptions(States: false), cancellationToken))
        {
            using (page)
            {
                bodies.AddRange(page.Events.Select(recorded => JsonSerializer.SerializeToUtf8Bytes(MassTransitPublisher.ToMessage(recorded), JsonSerializerOptions.Web)));
                ids.AddRange(page.Events.Select(recorded => recorded.Id.ToString()));
            }
        }
        var confirmations = new Queue<Task>();
        var watch = new Stopwatch();
        for (var i = 0; i < bodies.Count; i++)
        {
            if (i == WarmUp)
                watch.Start();
            if (confirmations.Count == Window)
                await confirmations.Dequeue();
            confirmations.Enqueue(channel.BasicPublishAsync(ChangeRouting.Exchange, "bench.core.pods.shop", mandatory: false, new BasicProperties { Persistent = true, MessageId = ids[i], ContentType = "application/json" }, bodies[i], cancellationToken).AsTask());
        }
        while (confirmations.TryDequeue(out var confirmation))
            await confirmation;
        return (watch.Elapsed, bodies.Skip(WarmUp).Sum(body => (long)body.Length));
    }

    static async Task<(TimeSpan Elapsed, long Bytes)> PublisherAsync(SqliteEventStore store, int port, CancellationToken cancellationToken)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddReplicatorBus(new BusOptions { Transport = BusTransport.RabbitMq, Host = "127.0.0.1", Port = port });
        using var host = builder.Build();
        await host.StartAsync(cancellationToken);
        var checkpoint = new Checkpoint(await store.GetHeadAsync(cancellationToken));
        using var publisher = new Core.Publishing.Publisher(store, checkpoint, host.Services.GetRequiredService<MassTransitPublisher>(), TimeProvider.System);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = publisher.RunAsync(stop.Token);
        var elapsed = await await Task.WhenAny(checkpoint.Reached, FailAsync(running));
        await stop.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await host.StopAsync(cancellationToken);
        return (elapsed, 0);
    }

    static ProposedEvent Change(int pod, int version) => new()
    {
        Id = EventId.ForObject("bench", $"uid-{pod}", $"{version}", 0, EventType.ObjectModified),
        Type = EventType.ObjectModified,
        Metadata = new EventMetadata
        {
            Cluster = "bench",
            Type = Pods,
            Object = new ObjectIdentity("shop", $"web-7d4b9c6f5-{pod:x5}", $"0b6f7a52-9d1c-4c55-9a51-{pod:d12}"),
            ResourceVersion = $"{version}",
            ObservedAt = DateTimeOffset.UnixEpoch.AddSeconds(version),
            Provenance = Provenance.Watch,
        },
        State = "{}"u8.ToArray(),
        Hash = new byte[HashChain.HashLength],
    };

    static async Task<TimeSpan> FailAsync(Task running)
    {
        await running;
        throw new BenchmarkException("The publisher ended before the log did.");
    }

    /// <summary>Takes the time from the warm-up's end to the log's.</summary>
    sealed class Checkpoint(long end) : ICheckpointStore
    {
        readonly TaskCompletionSource<TimeSpan> _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Stopwatch? _watch;
        long _start;

        public Task<TimeSpan> Reached => _reached.Task;

        public ValueTask<long> ReadAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult(0L);

        public ValueTask WriteAsync(string name, long position, CancellationToken cancellationToken)
        {
            if (_watch is null && position >= WarmUp)
                (_watch, _start) = (Stopwatch.StartNew(), position);
            // The clock may have started a little late, at the end of a page: the time is that of the whole.
            if (position >= end)
                _reached.TrySetResult(_watch!.Elapsed * ((double)(end - WarmUp) / Math.Max(1, end - _start)));
            return ValueTask.CompletedTask;
        }
    }
}
