using System.Collections.Concurrent;
using MassTransit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Replicator.Contracts;
using Replicator.Core.Publishing;
using Replicator.TestKit;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Bus.Tests;

/// <summary>A client that gets stuck, as MassTransit and RabbitMQ's client have been seen to.</summary>
[Collection(Metered.Name)]
public sealed class StuckClientTests
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_send_that_does_not_even_end_when_it_is_cancelled_is_left_behind_and_goes_out_in_order_over_a_new_bus()
    {
        var time = new FakeTimeProvider();
        var bus = new FakeBus(stuck: 1);
        using var meters = new Gauges();
        using var publisher = new MassTransitPublisher(bus, new BusOptions { Transport = BusTransport.RabbitMq, Host = "rabbit" }, time, NullLogger.Instance);
        await using var store = new InMemoryEventStore();
        // Two objects in turn: web-0, web-1, web-0.
        await Changes.AppendAsync(store, "test", 0, 3, objects: 2, Cancel);
        var checkpoints = new Checkpoints();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        using var follower = new Publisher(store, checkpoints, publisher, time);
        var running = follower.RunAsync(stop.Token);
        await Eventually.HoldsAsync(() => bus.Endpoints.FirstOrDefault()?.Begun.Count == 2, Cancel);
        Assert.Equal(2, meters.Read("replicator.publisher.in_flight"));

        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(10));
            return checkpoints.Position == 3;
        }, Cancel);
        Assert.Equal(2, meters.Read("replicator.publisher.abandoned"));
        Assert.Equal(1, bus.Resets);

        // Whenever they wake, they do nothing any more, and what waited for them does not begin.
        bus.Endpoints[0].Wake();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal([1L, 2L], bus.Endpoints[0].Begun.Order());
        Assert.Equal([1L, 2L, 3L], bus.Endpoints[1].Begun.Order());
        Assert.True(bus.Endpoints[1].Begun.ToList() is var order && order.IndexOf(1) < order.IndexOf(3));
        Assert.Equal(0, meters.Read("replicator.publisher.in_flight"));
    }

    [Fact]
    public async Task A_publisher_that_is_told_to_stop_does_not_wait_for_a_send_that_never_ends()
    {
        var time = new FakeTimeProvider();
        var bus = new FakeBus(stuck: 1);
        using var publisher = new MassTransitPublisher(bus, new BusOptions { Transport = BusTransport.RabbitMq, Host = "rabbit" }, time, NullLogger.Instance);
        await using var store = new InMemoryEventStore();
        await Changes.AppendAsync(store, "test", 0, 1, objects: 1, Cancel);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        using var follower = new Publisher(store, new Checkpoints(), publisher, time);
        var running = follower.RunAsync(stop.Token);
        await Eventually.HoldsAsync(() => bus.Endpoints.FirstOrDefault()?.Begun.Count == 1, Cancel);
        await stop.CancelAsync();
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return running.IsCompleted;
        }, Cancel);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        bus.Endpoints[0].Wake();
    }

    [Fact]
    public async Task What_a_client_has_failed_at_is_not_left_to_its_own_patience()
    {
        var time = new FakeTimeProvider();
        var bus = new FakeBus(stuck: 1);
        using var publisher = new MassTransitPublisher(bus, new BusOptions { Transport = BusTransport.RabbitMq, Host = "rabbit" }, time, NullLogger.Instance);
        await using var store = new InMemoryEventStore();
        await Changes.AppendAsync(store, "test", 0, 1, objects: 1, Cancel);
        var checkpoints = new Checkpoints();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        using var follower = new Publisher(store, checkpoints, publisher, time);
        var running = follower.RunAsync(stop.Token);
        await Eventually.HoldsAsync(() => bus.Endpoints.FirstOrDefault()?.Begun.Count == 1, Cancel);

        bus.Fail(new IOException("Connection reset by peer"));
        var began = time.GetUtcNow();
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return checkpoints.Position == 1;
        }, Cancel);
        Assert.True(time.GetUtcNow() - began < new BusOptions().ConfirmTimeout);
        bus.Endpoints[0].Wake();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    /// <summary>Buses of which the first few never confirm anything, nor listen to a cancellation.</summary>
    sealed class FakeBus(int stuck) : ISendBus
    {
        FakeEndpoint? _current;

        public List<FakeEndpoint> Endpoints { get; } = [];

        public int Resets { get; private set; }

        public event Action<Exception>? Failed;

        /// <summary>As a client does that knows of a failure and goes on by itself.</summary>
        public void Fail(Exception exception) => Failed?.Invoke(exception);

        public ValueTask<ISendEndpoint> OpenAsync(CancellationToken cancellationToken)
        {
            if (_current is null)
                Endpoints.Add(_current = new FakeEndpoint(Endpoints.Count < stuck));
            return ValueTask.FromResult<ISendEndpoint>(_current);
        }

        public ValueTask ResetAsync(CancellationToken cancellationToken)
        {
            Resets++;
            _current = null;
            return ValueTask.CompletedTask;
        }

        public ValueTask AskAsync(string routingKey, Action<string> blocked, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }

    sealed class FakeEndpoint(bool stuck) : ISendEndpoint
    {
        readonly TaskCompletionSource _wake = new();

        public ConcurrentQueue<long> Begun { get; } = [];

        public void Wake() => _wake.TrySetResult();

        public Task Send<T>(T message, IPipe<SendContext<T>> pipe, CancellationToken cancellationToken) where T : class
        {
            Begun.Enqueue(((ResourceChanged)(object)message).Position);
            return stuck ? _wake.Task : Task.CompletedTask;
        }

        public ConnectHandle ConnectSendObserver(ISendObserver observer) => throw new NotSupportedException();
        public Task Send<T>(T message, CancellationToken cancellationToken) where T : class => throw new NotSupportedException();
        public Task Send<T>(T message, IPipe<SendContext> pipe, CancellationToken cancellationToken) where T : class => throw new NotSupportedException();
        public Task Send(object message, CancellationToken cancellationToken) => throw new NotSupportedException();
        public Task Send(object message, Type messageType, CancellationToken cancellationToken) => throw new NotSupportedException();
        public Task Send(object message, IPipe<SendContext> pipe, CancellationToken cancellationToken) => throw new NotSupportedException();
        public Task Send(object message, Type messageType, IPipe<SendContext> pipe, CancellationToken cancellationToken) => throw new NotSupportedException();
        public Task Send<T>(object values, CancellationToken cancellationToken) where T : class => throw new NotSupportedException();
        public Task Send<T>(object values, IPipe<SendContext<T>> pipe, CancellationToken cancellationToken) where T : class => throw new NotSupportedException();
        public Task Send<T>(object values, IPipe<SendContext> pipe, CancellationToken cancellationToken) where T : class => throw new NotSupportedException();
    }
}
