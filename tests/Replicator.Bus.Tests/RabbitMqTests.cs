using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Replicator.Contracts;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Publishing;
using Replicator.Core.Storage;
using Replicator.TestKit.Network;
using Replicator.TestKit.Rabbit;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Bus.Tests;

/// <summary>The publisher on a real RabbitMQ, and what it may suffer.</summary>
[Collection(Metered.Name)]
public sealed class RabbitMqTests(RabbitMqFixture fixture) : IClassFixture<RabbitMqFixture>
{
    readonly string _cluster = $"c{Guid.NewGuid():n}";

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    RabbitMqBroker Broker => fixture.Required;

    [Fact]
    public async Task Every_event_reaches_a_subscriber_that_knows_only_JSON_in_order_per_object_and_the_position_follows()
    {
        await using var subscriber = await RabbitSubscriber.BindAsync(Broker.Port, $"{_cluster}.#", Cancel);
        await using var store = new InMemoryEventStore();
        var checkpoints = new Checkpoints();
        await using var publisher = await StartAsync(store, checkpoints, Broker.Port);
        for (var i = 0; i < 2000; i += 100)
            await Changes.AppendAsync(store, _cluster, i, 100, objects: 30, Cancel);
        await Changes.Until(() => checkpoints.Position == 2000, Cancel);

        await subscriber.AssertCompleteAsync(store, Cancel);
        Assert.Equal(2000, subscriber.Received.Count);
        Assert.All(subscriber.Received, message => Assert.Equal(($"{_cluster}.core.pods.shop", "application/json", true), (message.RoutingKey, message.ContentType, message.Persistent)));
        var first = subscriber.Received.First().Body;
        Assert.Equal(
            ["cluster", "eventId", "gapFrom", "gapFromTime", "group", "hash", "kind", "name", "namespace", "observedAt", "position", "provenance", "reason", "resource", "resourceVersion", "revision", "stream", "type", "uid", "version"],
            first.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        Assert.Equal(("1970-01-01T00:00:00+00:00", "Pod", "watch"), (first.GetProperty("observedAt").GetString(), first.GetProperty("kind").GetString(), first.GetProperty("provenance").GetString()));
    }

    [Fact]
    public async Task A_subscriber_selects_by_cluster_type_and_namespace()
    {
        var deployments = new ResourceType("apps", "v1", "deployments", "Deployment", Namespaced: true);
        var ingresses = new ResourceType("networking.k8s.io", "v1", "ingresses", "Ingress", Namespaced: true);
        var nodes = new ResourceType("", "v1", "nodes", "Node", Namespaced: false);
        await using var everything = await RabbitSubscriber.BindAsync(Broker.Port, $"{_cluster}.#", Cancel);
        await using var ofType = await RabbitSubscriber.BindAsync(Broker.Port, ChangeRouting.Pattern(_cluster, "networking.k8s.io", "ingresses"), Cancel);
        await using var ofNamespace = await RabbitSubscriber.BindAsync(Broker.Port, ChangeRouting.Pattern(_cluster, @namespace: "payments"), Cancel);
        await using var ofNodes = await RabbitSubscriber.BindAsync(Broker.Port, ChangeRouting.Pattern(_cluster, "", "nodes", ""), Cancel);
        await using var store = new InMemoryEventStore();
        var version = 0;
        foreach (var (type, @namespace) in ((ResourceType, string)[])[(Changes.Pods, "shop"), (Changes.Pods, "payments"), (deployments, "payments"), (ingresses, "shop"), (ingresses, "payments"), (nodes, "")])
            await store.AppendAsync(new StreamId(_cluster, type.GroupResource), ExpectedRevision.Any, [Changes.Modified(_cluster, type, @namespace, "x", ++version)], Cancel);
        var checkpoints = new Checkpoints();
        await using var publisher = await StartAsync(store, checkpoints, Broker.Port);
        await Changes.Until(() => checkpoints.Position == 6, Cancel);

        foreach (var (subscriber, expected) in ((RabbitSubscriber, long[])[])[(everything, [1, 2, 3, 4, 5, 6]), (ofType, [4, 5]), (ofNamespace, [2, 3, 5]), (ofNodes, [6])])
        {
            await subscriber.ConsumeAsync(Cancel);
            await Changes.Until(() => subscriber.Received.Count >= expected.Length, Cancel);
            Assert.Equal(expected, subscriber.Received.Select(message => message.Position).Order());
        }
    }

    [Fact]
    public async Task What_the_observer_says_of_itself_overtakes_no_change_and_is_overtaken_by_none()
    {
        await using var subscriber = await RabbitSubscriber.BindAsync(Broker.Port, $"{_cluster}.#", Cancel);
        await using var store = new InMemoryEventStore();
        var events = new List<ProposedEvent>();
        for (var i = 0; i < 1000; i++)
            events.Add(i % 100 == 50 ? Changes.Event(_cluster, Changes.Pods, "", "", i, EventType.GapObserved) : Changes.Modified(_cluster, Changes.Pods, "shop", $"web-{i}", i));
        await store.AppendAsync(new StreamId(_cluster, Changes.Pods.GroupResource), ExpectedRevision.Any, events, Cancel);
        var checkpoints = new Checkpoints();
        await using var publisher = await StartAsync(store, checkpoints, Broker.Port);
        await Changes.Until(() => checkpoints.Position == 1000, Cancel);

        await subscriber.AssertCompleteAsync(store, Cancel);
        var received = subscriber.Received.ToList();
        var gaps = received.Index().Where(message => message.Item.Type == "GAP").ToList();
        Assert.Equal(10, gaps.Count);
        Assert.All(gaps, gap => Assert.All(received.Index(), other => Assert.Equal(Math.Sign(gap.Item.Position - other.Item.Position), Math.Sign(gap.Index - other.Index))));
        Assert.All(gaps, gap => Assert.Equal($"{_cluster}.core.pods.-", gap.Item.RoutingKey));
        Assert.All(gaps, gap => Assert.Equal("first start", gap.Item.Body.GetProperty("reason").GetString()));
    }

    [Fact]
    public async Task A_broker_that_is_killed_and_started_again_loses_nothing_and_the_position_waits_for_its_confirmation()
    {
        await using var subscriber = await RabbitSubscriber.BindAsync(Broker.Port, $"{_cluster}.#", Cancel);
        await Broker.FlushAsync(Cancel);
        await using var store = new InMemoryEventStore();
        var checkpoints = new Checkpoints();
        await using var publisher = await StartAsync(store, checkpoints, Broker.Port);
        for (var i = 0; i < 1000; i += 50)
            await Changes.AppendAsync(store, _cluster, i, 50, objects: 7, Cancel);
        await Changes.Until(() => checkpoints.Position > 0, Cancel);

        await Broker.KillAsync();
        for (var i = 1000; i < 2000; i += 50)
            await Changes.AppendAsync(store, _cluster, i, 50, objects: 7, Cancel);
        await Changes.Until(() => publisher.Publisher.Waiting > TimeSpan.Zero, Cancel);
        Assert.True(checkpoints.Position < 2000);
        await Broker.StartAgainAsync(Cancel);
        await Changes.Until(() => checkpoints.Position == 2000, Cancel);

        await subscriber.AssertCompleteAsync(store, Cancel);
    }

    [Fact]
    public async Task A_connection_that_is_cut_again_and_again_loses_nothing_and_reorders_nothing()
    {
        await using var proxy = new TcpProxy(Broker.Port);
        await using var subscriber = await RabbitSubscriber.BindAsync(Broker.Port, $"{_cluster}.#", Cancel);
        await using var store = new InMemoryEventStore();
        var checkpoints = new Checkpoints();
        await using var publisher = await StartAsync(store, checkpoints, proxy.Port);
        for (var cut = 0; cut < 3; cut++)
        {
            var reached = proxy.Forwarded;
            await Changes.AppendAsync(store, _cluster, cut * 1000, 1000, objects: 11, Cancel);
            // In the midst of a page: after some of its messages, before most of them.
            await Changes.Until(() => proxy.Forwarded > reached + 50_000, Cancel);
            proxy.Reset();
        }
        await Changes.Until(() => checkpoints.Position == 3000, Cancel);

        Assert.True(proxy.Connections > 3);
        await subscriber.AssertCompleteAsync(store, Cancel);
    }

    [Fact]
    public async Task While_the_disk_alarm_stands_the_publisher_waits_with_a_bounded_number_of_messages_and_says_so()
    {
        var time = new FakeTimeProvider();
        await using var proxy = new TcpProxy(Broker.Port);
        await using var subscriber = await RabbitSubscriber.BindAsync(Broker.Port, $"{_cluster}.#", Cancel);
        await using var store = new InMemoryEventStore();
        var checkpoints = new Checkpoints();
        var faults = new ConcurrentQueue<string?>();
        using var meters = new Gauges();
        await using var publisher = await RunningPublisher.StartAsync(store, checkpoints, Options(proxy.Port) with { Window = 16 }, time, running => running.Stalled += faults.Enqueue, Cancel);
        await Changes.AppendAsync(store, _cluster, 0, 100, objects: 100, Cancel);
        await Changes.Until(() => checkpoints.Position == 100, Cancel);
        var connections = proxy.Connections;

        await Broker.SetDiskAlarmAsync(raised: true, Cancel);
        try
        {
            await Changes.AppendAsync(store, _cluster, 100, 5000, objects: 1000, Cancel);
            await Changes.Until(() => meters.Read("replicator.publisher.in_flight") == 16, Cancel);
            // It is asked after ten seconds, and its answer takes the time that it takes.
            time.Advance(TimeSpan.FromSeconds(10));
            await Changes.Until(() => meters.Read("replicator.publisher.blocked") == 1, Cancel);
            for (var waited = TimeSpan.Zero; waited < TimeSpan.FromHours(1); waited += TimeSpan.FromSeconds(10))
            {
                await time.PassAsync(TimeSpan.FromSeconds(10), Cancel);
                Assert.Equal(16, meters.Read("replicator.publisher.in_flight"));
            }
            await Changes.Until(() => faults.Any(fault => fault!.Contains("it takes no messages for now: low on disk", StringComparison.Ordinal)), Cancel);
            Assert.StartsWith($"RabbitMQ at 127.0.0.1:{proxy.Port} has confirmed nothing for", faults.Last());
            Assert.Contains("5000 positions of the log wait", faults.Last());
            Assert.Equal(100, checkpoints.Position);
            Assert.Equal(5000, meters.Read("replicator.publisher.lag"));
            Assert.True(meters.Read("replicator.publisher.waiting") >= TimeSpan.FromHours(1).TotalSeconds);
        }
        finally
        {
            await Broker.SetDiskAlarmAsync(raised: false, Cancel);
        }
        await Changes.Until(() => checkpoints.Position == 5100, Cancel);
        time.Advance(Publisher.Patience);
        await Changes.Until(() => faults.Last() is null, Cancel);
        Assert.Equal(0, publisher.Publisher.Lag);
        await Changes.Until(() => meters.Read("replicator.publisher.blocked") == 0, Cancel);
        // The one by which it was asked; nothing was sent again in all that time.
        Assert.Equal(connections + 1, proxy.Connections);
        await subscriber.AssertCompleteAsync(store, Cancel);
        Assert.Equal(5100, subscriber.Received.Count);
    }

    [Fact]
    public async Task A_broker_that_is_away_for_an_hour_is_waited_for_with_as_much_memory_as_before_and_the_lag_shows()
    {
        var time = new FakeTimeProvider();
        await using var proxy = new TcpProxy(Broker.Port);
        await using var subscriber = await RabbitSubscriber.BindAsync(Broker.Port, $"{_cluster}.#", Cancel);
        await using var store = new InMemoryEventStore();
        var checkpoints = new Checkpoints();
        using var meters = new Gauges();
        await using var publisher = await RunningPublisher.StartAsync(store, checkpoints, Options(proxy.Port), time, null, Cancel);
        await Changes.AppendAsync(store, _cluster, 0, 100, objects: 100, Cancel);
        await Changes.Until(() => checkpoints.Position == 100, Cancel);

        proxy.Cut();
        const int changes = 20_000;
        for (var i = 100; i < changes; i += 100)
            await Changes.AppendAsync(store, _cluster, i, 100, objects: 100, Cancel);
        await Changes.Until(() => meters.Read("replicator.publisher.retries") > 0, Cancel);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var waited = TimeSpan.Zero; waited < TimeSpan.FromHours(1); waited += TimeSpan.FromSeconds(5))
        {
            await time.PassAsync(TimeSpan.FromSeconds(5), Cancel);
            Assert.InRange(meters.Read("replicator.publisher.in_flight"), 0, new BusOptions().Window);
        }
        // Twenty thousand messages that wait in memory would be more.
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 8 << 20);
        Assert.True(meters.Read("replicator.publisher.retries") > 100);
        Assert.Equal((100, changes - 100), (checkpoints.Position, meters.Read("replicator.publisher.lag")));
        Assert.InRange(meters.Read("replicator.publisher.waiting"), TimeSpan.FromMinutes(59).TotalSeconds, TimeSpan.FromMinutes(61).TotalSeconds);

        proxy.Mend();
        // The longest that it waits before it asks again; from then on time passes as it does.
        time.Advance(TimeSpan.FromSeconds(5));
        while (checkpoints.Position < changes)
            await time.PassAsync(TimeSpan.FromMilliseconds(10), Cancel);
        await subscriber.AssertCompleteAsync(store, Cancel);
    }

    [Fact]
    public async Task What_is_never_confirmed_is_sent_again()
    {
        var time = new FakeTimeProvider();
        await using var proxy = new TcpProxy(Broker.Port);
        await using var subscriber = await RabbitSubscriber.BindAsync(Broker.Port, $"{_cluster}.#", Cancel);
        await using var store = new InMemoryEventStore();
        var checkpoints = new Checkpoints();
        using var meters = new Gauges();
        var options = Options(proxy.Port);
        await using var publisher = await RunningPublisher.StartAsync(store, checkpoints, options, time, null, Cancel);
        await Changes.AppendAsync(store, _cluster, 0, 10, objects: 10, Cancel);
        await Changes.Until(() => checkpoints.Position == 10, Cancel);

        proxy.Mute();
        await Changes.AppendAsync(store, _cluster, 10, 50, objects: 5, Cancel);
        await Changes.Until(() => meters.Read("replicator.publisher.in_flight") == 5, Cancel);
        while (meters.Read("replicator.publisher.retries") == 0)
            await time.PassAsync(TimeSpan.FromSeconds(1), Cancel);
        Assert.Equal(10, checkpoints.Position);
        proxy.Mend();
        // A connection that has lost a part of what it was told makes no sense of the rest.
        proxy.Reset();
        while (checkpoints.Position < 60)
            await time.PassAsync(TimeSpan.FromMilliseconds(10), Cancel);
        await subscriber.AssertCompleteAsync(store, Cancel);
    }

    [Fact]
    public async Task A_connection_that_is_lost_while_nothing_is_sent_is_not_sent_over()
    {
        await using var proxy = new TcpProxy(Broker.Port);
        var bus = new RabbitMqSendBus(Options(proxy.Port), NullLoggerFactory.Instance, TimeProvider.System);
        var lost = new TaskCompletionSource();
        bus.Failed += _ => lost.TrySetResult();
        var first = await bus.OpenAsync(Cancel);
        Assert.Same(first, await bus.OpenAsync(Cancel));

        proxy.Reset();
        await lost.Task.WaitAsync(Cancel);
        Assert.NotSame(first, await bus.OpenAsync(Cancel));
        await bus.StopAsync(Cancel);
    }

    [Fact]
    public async Task A_publisher_that_starts_before_its_broker_can_be_reached_waits_for_it()
    {
        await using var proxy = new TcpProxy(Broker.Port);
        proxy.Cut();
        await using var subscriber = await RabbitSubscriber.BindAsync(Broker.Port, $"{_cluster}.#", Cancel);
        await using var store = new InMemoryEventStore();
        await Changes.AppendAsync(store, _cluster, 0, 100, objects: 10, Cancel);
        var checkpoints = new Checkpoints();
        await using var publisher = await StartAsync(store, checkpoints, proxy.Port);
        await Changes.Until(() => publisher.Publisher.Waiting > TimeSpan.Zero, Cancel);
        proxy.Mend();
        await Changes.Until(() => checkpoints.Position == 100, Cancel);
        await subscriber.AssertCompleteAsync(store, Cancel);
    }

    [Fact]
    public async Task A_broker_that_refuses_the_password_is_quoted_in_the_health()
    {
        var time = new FakeTimeProvider();
        var faults = new ConcurrentQueue<string?>();
        await using var store = new InMemoryEventStore();
        await Changes.AppendAsync(store, _cluster, 0, 1, objects: 1, Cancel);
        await using var publisher = await RunningPublisher.StartAsync(store, new Checkpoints(), Options(Broker.Port) with { Password = "wrong" }, time, running => running.Stalled += faults.Enqueue, Cancel);
        await Changes.Until(() => publisher.Bus.LastError is not null, Cancel);
        time.Advance(Publisher.Patience);
        await Changes.Until(() => !faults.IsEmpty, Cancel);
        Assert.True(faults.TryPeek(out var fault));
        Assert.StartsWith($"RabbitMQ at 127.0.0.1:{Broker.Port} has confirmed nothing for", fault);
        Assert.Contains("ACCESS_REFUSED", fault);
    }

    Task<RunningPublisher> StartAsync(InMemoryEventStore store, Checkpoints checkpoints, int port) => RunningPublisher.StartAsync(store, checkpoints, Options(port), TimeProvider.System, null, Cancel);

    static BusOptions Options(int port) => new() { Transport = BusTransport.RabbitMq, Host = "127.0.0.1", Port = port };
}
