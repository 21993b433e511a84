using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Replicator.Contracts;

namespace Replicator.TestKit.Rabbit;

/// <summary>A subscriber that knows AMQP and JSON and nothing of MassTransit: a durable quorum queue on the exchange.</summary>
public sealed class RabbitSubscriber : IAsyncDisposable
{
    readonly ConcurrentQueue<RabbitMessage> _received = new();
    readonly int _port;
    readonly string _queue = $"test-{Guid.NewGuid():n}";
    IConnection? _connection;

    RabbitSubscriber(int port) => _port = port;

    /// <summary>What has come, in the order in which it came.</summary>
    public IReadOnlyCollection<RabbitMessage> Received => _received;

    /// <summary>The queue.</summary>
    public string Queue => _queue;

    /// <summary>Declares the exchange as the publisher does, and a queue bound by the pattern. Consumes nothing before <see cref="ConsumeAsync"/>.</summary>
    public static async Task<RabbitSubscriber> BindAsync(int port, string pattern, CancellationToken cancellationToken)
    {
        var subscriber = new RabbitSubscriber(port);
        subscriber._connection = await ConnectAsync(port, cancellationToken);
        await using var channel = await subscriber._connection.CreateChannelAsync(cancellationToken: cancellationToken);
        await channel.ExchangeDeclareAsync(ChangeRouting.Exchange, ExchangeType.Topic, durable: true, autoDelete: false, cancellationToken: cancellationToken);
        await channel.QueueDeclareAsync(subscriber._queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: cancellationToken);
        await channel.QueueBindAsync(subscriber._queue, ChangeRouting.Exchange, pattern, cancellationToken: cancellationToken);
        return subscriber;
    }

    /// <summary>Takes what the queue holds, and whatever comes.</summary>
    public async Task ConsumeAsync(CancellationToken cancellationToken)
    {
        if (_connection is not { IsOpen: true })
        {
            await DisposeAsync();
            _connection = await ConnectAsync(_port, cancellationToken);
        }
        var channel = await _connection.CreateChannelAsync(cancellationToken: cancellationToken);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            var headers = (delivery.BasicProperties.Headers ?? new Dictionary<string, object?>()).Where(header => header.Value is byte[]).ToDictionary(header => header.Key, header => Encoding.UTF8.GetString((byte[])header.Value!));
            _received.Enqueue(new RabbitMessage(delivery.RoutingKey, delivery.BasicProperties.MessageId, delivery.BasicProperties.ContentType, delivery.BasicProperties.Persistent, headers, JsonDocument.Parse(delivery.Body.ToArray()).RootElement));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(_queue, autoAck: true, consumer, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
    }

    static Task<IConnection> ConnectAsync(int port, CancellationToken cancellationToken) =>
        new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync(cancellationToken);
}
