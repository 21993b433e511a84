namespace Replicator.TestKit.Rabbit;

/// <summary>What a client of AMQP 0-9-1 does to be able to publish, in its order; methods are numbered by class and method (https://www.rabbitmq.com/amqp-0-9-1-reference).</summary>
public enum AmqpStep
{
    /// <summary>The TCP connection, and the protocol's header: the server would answer <c>connection.start</c>.</summary>
    Connect,
    /// <summary><c>connection.start-ok</c>.</summary>
    StartOk = (10 << 16) | 11,
    /// <summary><c>connection.tune-ok</c>.</summary>
    TuneOk = (10 << 16) | 31,
    /// <summary><c>connection.open</c>.</summary>
    Open = (10 << 16) | 40,
    /// <summary><c>channel.open</c>.</summary>
    ChannelOpen = (20 << 16) | 10,
    /// <summary><c>confirm.select</c>.</summary>
    ConfirmSelect = (85 << 16) | 10,
    /// <summary><c>exchange.declare</c>.</summary>
    ExchangeDeclare = (40 << 16) | 10,
    /// <summary><c>basic.publish</c>.</summary>
    Publish = (60 << 16) | 40,
    /// <summary><c>channel.close</c>.</summary>
    ChannelClose = (20 << 16) | 40,
    /// <summary><c>connection.close</c>.</summary>
    Close = (10 << 16) | 50,
}
