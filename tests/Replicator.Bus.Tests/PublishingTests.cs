using System.Collections.Concurrent;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Replicator.Contracts;
using Replicator.Core.Events;
using Replicator.Core.Publishing;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Bus.Tests;

[Collection(Metered.Name)]
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
        using var publisher = new Publisher(store, checkpoints, host.Services.GetRequiredService<MassTransitPublisher>(), TimeProvider.System);
        var running = publisher.RunAsync(stop.Token);

        for (var i = 0; i < 200; i++)
            await Changes.AppendAsync(store, "test", i, 1, objects: 1, Cancel);
        await Changes.Until(() => received.Count == 200 && checkpoints.Position == 200, Cancel);

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
        await Changes.AppendAsync(store, "test", 0, 1, objects: 1, Cancel);
        var checkpoints = new Checkpoints();
        using var publisher = new Publisher(store, checkpoints, new FailingBus(), TimeProvider.System);
        await Assert.ThrowsAsync<InvalidOperationException>(() => publisher.RunAsync(Cancel));
        Assert.Equal(0, checkpoints.Position);
    }

    static IHost Host(ConcurrentQueue<ResourceChanged> received)
    {
        var builder = new HostApplicationBuilder();
        builder.Services.AddSingleton(received);
        builder.Services.AddReplicatorBus(new BusOptions(), bus => bus.AddConsumer<Collecting>(consumer => consumer.ConcurrentMessageLimit = 1));
        return builder.Build();
    }

    sealed class Collecting(ConcurrentQueue<ResourceChanged> received) : IConsumer<ResourceChanged>
    {
        public Task Consume(ConsumeContext<ResourceChanged> context)
        {
            received.Enqueue(context.Message);
            return Task.CompletedTask;
        }
    }

    sealed class FailingBus : IChangePublisher
    {
        public string Destination => "a bus";

        public string? LastError => null;

        public ValueTask PublishAsync(IReadOnlyList<RecordedEvent> events, CancellationToken cancellationToken) => throw new InvalidOperationException("The broker refused.");
    }
}
