namespace Replicator.Bus;

/// <summary>Which bus, and where it is.</summary>
public sealed record BusOptions
{
    /// <summary>The port of AMQP 0-9-1.</summary>
    public const int DefaultPort = 5672;

    /// <summary>The port of AMQP 0-9-1 over TLS.</summary>
    public const int DefaultTlsPort = 5671;

    /// <summary>What carries the messages.</summary>
    public BusTransport Transport { get; init; } = BusTransport.InMemory;

    /// <summary>The broker's name or address.</summary>
    public string Host { get; init; } = "localhost";

    /// <summary>The broker's port; null for the transport's own.</summary>
    public int? Port { get; init; }

    /// <summary>The virtual host.</summary>
    public string VirtualHost { get; init; } = "/";

    /// <summary>The user, who needs the rights to configure and to write the exchange <c>replicator.changes</c>.</summary>
    public string Username { get; init; } = "guest";

    /// <summary>The password.</summary>
    public string Password { get; init; } = "guest";

    /// <summary>Whether to speak TLS. The broker's certificate must then be valid for <see cref="Host"/>.</summary>
    public bool Tls { get; init; }

    /// <summary>A file with the authorities' certificates (PEM) to trust in place of the machine's.</summary>
    public string? CertificateAuthorityFile { get; init; }

    /// <summary>How many messages may await the broker's confirmation at a time.</summary>
    /// <remarks>
    /// A quorum queue confirms after an fsync, which many messages share. Fewer than the 128 frames that RabbitMQ.Client queues for its socket: where a connection breaks while that queue is full, 7.2.2 waits for room
    /// for ever (rabbitmq/rabbitmq-dotnet-client#1930).
    /// </remarks>
    public int Window { get; init; } = 100;

    /// <summary>How long a broker that answers, and is short of nothing, may confirm nothing of what is under way before it is sent again. Longer than the client needs to notice a dead connection by itself.</summary>
    public TimeSpan ConfirmTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>As the health and the log name it.</summary>
    public override string ToString() => Transport == BusTransport.InMemory ? "the in-memory bus" : $"RabbitMQ at {Host}:{EffectivePort}{(VirtualHost == "/" ? "" : $"/{VirtualHost}")}";

    internal int EffectivePort => Port ?? (Tls ? DefaultTlsPort : DefaultPort);
}
