using System.Collections.Concurrent;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Replicator.Contracts;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Publishing;
using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Bus.Tests;

public sealed class PublishingTests
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_event_of_the_log_reaches_a_subscriber_once_and_in_order_and_the_position_follows()
    {
        await using var store = new InMemoryEventStore();
        var received = new ConcurrentQueue<ResourceChanged>();
        using var host = Host(received);
        await host.StartAsync(Cancel);
        var checkpoints = new Checkpoints();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var running = new Publisher(store, checkpoints, new MassTransitPublisher(host.Services.GetRequiredService<IBus>())).RunAsync(stop.Token);

        for (var i = 0; i < 200; i++)
            await Append(store, i);
        await Until(() => received.Count == 200 && checkpoints.Position == 200);

        Assert.Equal(Enumerable.Range(1, 200).Select(position => (long)position), received.Select(change => change.Position));
        Assert.All(received, change => Assert.Equal(("MODIFIED", "pods", "watch"), (change.Type, change.Resource, change.Provenance)));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await host.StopAsync(Cancel);
    }

    [Fact]
    public async Task A_position_is_stored_only_after_the_publish()
    {
        await using var store = new InMemoryEventStore();
        await Append(store, 0);
        var checkpoints = new Checkpoints();
        var publisher = new Publisher(store, checkpoints, new FailingBus());
        await Assert.ThrowsAsync<InvalidOperationException>(() => publisher.RunAsync(Cancel));
        Assert.Equal(0, checkpoints.Position);
    }

    static IHost Host(ConcurrentQueue<ResourceChanged> received)
    {
        var builder = new HostApplicationBuilder();
        builder.Services.AddSingleton(received);
        builder.Services.AddOptions<MassTransitHostOptions>().Configure(options => options.WaitUntilStarted = true);
        builder.Services.AddMassTransit(bus =>
        {
            bus.AddConsumer<Collecting>(consumer => consumer.ConcurrentMessageLimit = 1);
            bus.UsingInMemory((context, configurator) => configurator.ConfigureEndpoints(context));
        });
        return builder.Build();
    }

    static async Task Until(Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(10), Cancel);
    }

    static ValueTask<AppendResult> Append(InMemoryEventStore store, int i) => store.AppendAsync(
        new StreamId("test", new GroupResource("", "pods")), ExpectedRevision.Any,
        [
            new ProposedEvent
            {
                Id = EventId.ForObject("test", "u", $"{i}", 0, EventType.ObjectModified),
                Type = EventType.ObjectModified,
                Metadata = new EventMetadata
                {
                    Cluster = "test",
                    Type = new ResourceType("", "v1", "pods", "Pod", Namespaced: true),
                    Object = new ObjectIdentity("shop", "web", "u"),
                    ResourceVersion = $"{i}",
                    ObservedAt = DateTimeOffset.UnixEpoch,
                    Provenance = Provenance.Watch,
                },
                State = "{}"u8.ToArray(),
                Hash = new byte[HashChain.HashLength],
            },
        ], Cancel);

    sealed class Collecting(ConcurrentQueue<ResourceChanged> received) : IConsumer<ResourceChanged>
    {
        public Task Consume(ConsumeContext<ResourceChanged> context)
        {
            received.Enqueue(context.Message);
            return Task.CompletedTask;
        }
    }

    sealed class Checkpoints : ICheckpointStore
    {
        public long Position { get; private set; }

        public ValueTask<long> ReadAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult(Position);

        public ValueTask WriteAsync(string name, long position, CancellationToken cancellationToken)
        {
            Position = position;
            return ValueTask.CompletedTask;
        }
    }

    sealed class FailingBus : IChangePublisher
    {
        public ValueTask PublishAsync(IReadOnlyList<RecordedEvent> events, CancellationToken cancellationToken) => throw new InvalidOperationException("The broker refused.");
    }
}
