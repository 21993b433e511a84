using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Replicator.Contracts;

namespace Replicator.Bus.Tests;

/// <summary>A subscriber that knows AMQP and JSON and nothing of MassTransit: a durable quorum queue on the exchange.</summary>
sealed class Subscriber : IAsyncDisposable
{
    readonly ConcurrentQueue<Message> _received = new();
    readonly int _port;
    readonly string _queue = $"test-{Guid.NewGuid():n}";
    IConnection? _connection;

    Subscriber(int port) => _port = port;

    public IReadOnlyCollection<Message> Received => _received;

    public string Queue => _queue;

    /// <summary>Declares the exchange as the publisher does, and a queue bound by the pattern. Consumes nothing before <see cref="ConsumeAsync"/>.</summary>
    public static async Task<Subscriber> BindAsync(int port, string pattern, CancellationToken cancellationToken)
    {
        var subscriber = new Subscriber(port);
        subscriber._connection = await ConnectAsync(port, cancellationToken);
        await using var channel = await subscriber._connection.CreateChannelAsync(cancellationToken: cancellationToken);
        await channel.ExchangeDeclareAsync(ChangeRouting.Exchange, ExchangeType.Topic, durable: true, autoDelete: false, cancellationToken: cancellationToken);
        await channel.QueueDeclareAsync(subscriber._queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: cancellationToken);
        await channel.QueueBindAsync(subscriber._queue, ChangeRouting.Exchange, pattern, cancellationToken: cancellationToken);
        return subscriber;
    }

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
            _received.Enqueue(new Message(delivery.RoutingKey, delivery.BasicProperties.MessageId, delivery.BasicProperties.ContentType, delivery.BasicProperties.Persistent, headers, JsonDocument.Parse(delivery.Body.ToArray()).RootElement));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(_queue, autoAck: true, consumer, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
    }

    static Task<IConnection> ConnectAsync(int port, CancellationToken cancellationToken) =>
        new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync(cancellationToken);
}

sealed record Message(string RoutingKey, string? Id, string? ContentType, bool Persistent, IReadOnlyDictionary<string, string> Headers, JsonElement Body)
{
    public long Position => Body.GetProperty("position").GetInt64();
    public long Revision => Body.GetProperty("revision").GetInt64();
    public string Object => $"{Body.GetProperty("stream").GetString()} {Body.GetProperty("namespace").GetString()}/{Body.GetProperty("name").GetString()}";
    public string Type => Body.GetProperty("type").GetString()!;
}
