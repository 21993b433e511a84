namespace Replicator.Bus;

/// <summary>What carries the messages.</summary>
public enum BusTransport
{
    /// <summary>Within the process; for consumers that are embedded in it.</summary>
    InMemory,
    /// <summary>RabbitMQ, by AMQP 0-9-1 with publisher confirms.</summary>
    RabbitMq,
}
