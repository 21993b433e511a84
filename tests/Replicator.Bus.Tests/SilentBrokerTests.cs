using Microsoft.Extensions.Time.Testing;
using Replicator.TestKit.Rabbit;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Bus.Tests;

/// <summary>A broker that falls silent at any step, with the connection open: what neither MassTransit nor RabbitMQ's client has a bound for.</summary>
[Collection(Metered.Name)]
public sealed class SilentBrokerTests(RabbitMqFixture fixture) : IClassFixture<RabbitMqFixture>
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // The first connection declares the exchange, the second is MassTransit's.
    [Theory]
    [InlineData(AmqpStep.Connect, 1)]
    [InlineData(AmqpStep.StartOk, 1)]
    [InlineData(AmqpStep.TuneOk, 1)]
    [InlineData(AmqpStep.Open, 1)]
    [InlineData(AmqpStep.ChannelOpen, 1)]
    [InlineData(AmqpStep.ExchangeDeclare, 1)]
    [InlineData(AmqpStep.Close, 1)]
    [InlineData(AmqpStep.Connect, 2)]
    [InlineData(AmqpStep.StartOk, 2)]
    [InlineData(AmqpStep.TuneOk, 2)]
    [InlineData(AmqpStep.Open, 2)]
    [InlineData(AmqpStep.ChannelOpen, 2)]
    [InlineData(AmqpStep.ConfirmSelect, 1)]
    [InlineData(AmqpStep.Publish, 1)]
    [InlineData(AmqpStep.Publish, 40)]
    public async Task A_broker_that_falls_silent_at_any_step_is_connected_to_anew_and_nothing_is_lost(AmqpStep step, int nth)
    {
        var cluster = $"c{Guid.NewGuid():n}";
        await using var silent = new SilentBroker(fixture.Required.Port, step, nth);
        await using var subscriber = await RabbitSubscriber.BindAsync(fixture.Required.Port, $"{cluster}.#", Cancel);
        await using var store = new InMemoryEventStore();
        await Changes.AppendAsync(store, cluster, 0, 100, objects: 10, Cancel);
        var time = new FakeTimeProvider();
        var checkpoints = new Checkpoints();
        using var meters = new Gauges();
        await using var publisher = await RunningPublisher.StartAsync(store, checkpoints, Options(silent.Port), time, null, Cancel);
        await Changes.Until(() => silent.HasFallenSilent, Cancel);

        // What is only a goodbye holds nothing up.
        while (step != AmqpStep.Close && meters.Read("replicator.publisher.retries") == 0)
            await time.PassAsync(TimeSpan.FromSeconds(1), Cancel);
        // From here as it really passes, so that an attempt has the time that it would have.
        while (checkpoints.Position < 100)
            await time.PassAsync(TimeSpan.FromMilliseconds(10), Cancel);
        await subscriber.AssertCompleteAsync(store, Cancel);
        // Nor does what is still to end hold up the process.
        for (var ending = publisher.DisposeAsync().AsTask(); !ending.IsCompleted;)
            await time.PassAsync(TimeSpan.FromSeconds(1), Cancel);
    }

    static BusOptions Options(int port) => new() { Transport = BusTransport.RabbitMq, Host = "127.0.0.1", Port = port };
}
