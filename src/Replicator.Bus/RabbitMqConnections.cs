using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using MassTransit;
using RabbitMQ.Client;

namespace Replicator.Bus;

/// <summary>How a broker is connected to, by MassTransit and by its client alone.</summary>
static class RabbitMqConnections
{
    // Two of them unanswered end a connection that nobody closed (a pulled cable, a firewall that forgot).
    static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    // None lets the operating system choose.
    const SslProtocols Protocols = SslProtocols.None;

    /// <summary>Configures a transport.</summary>
    /// <param name="transport">The transport.</param>
    /// <param name="options">Where the broker is.</param>
    /// <param name="sockets">Where its sockets are from; null for the client's own.</param>
    public static void Configure(IRabbitMqBusFactoryConfigurator transport, BusOptions options, Sockets? sockets = null) =>
        transport.Host(options.Host, (ushort)options.EffectivePort, options.VirtualHost, "replicator", host =>
        {
            host.Username(options.Username);
            host.Password(options.Password);
            host.Heartbeat(Heartbeat);
            host.PublisherConfirmation = true;
            if (sockets is not null)
            {
                host.OnRefreshConnectionFactory = factory =>
                {
                    factory.SocketFactory = sockets.Create;
                    return Task.CompletedTask;
                };
            }
            if (!options.Tls)
                return;
            host.UseSsl(tls =>
            {
                tls.ServerName = options.Host;
                tls.Protocol = Protocols;
                // MassTransit accepts a certificate of an unknown authority unless told otherwise.
                tls.EnforcePolicyErrors(SslPolicyErrors.RemoteCertificateChainErrors | SslPolicyErrors.RemoteCertificateNameMismatch | SslPolicyErrors.RemoteCertificateNotAvailable);
                tls.CertificateValidationCallback = Validation(options);
            });
        });

    /// <summary>A client's own factory of connections that nothing recovers.</summary>
    public static ConnectionFactory CreateFactory(BusOptions options, Sockets sockets) => new()
    {
        SocketFactory = sockets.Create,
        HostName = options.Host,
        Port = options.EffectivePort,
        VirtualHost = options.VirtualHost,
        UserName = options.Username,
        Password = options.Password,
        RequestedHeartbeat = Heartbeat,
        AutomaticRecoveryEnabled = false,
        Ssl = new SslOption
        {
            Enabled = options.Tls,
            ServerName = options.Host,
            Version = Protocols,
            CertificateValidationCallback = Validation(options),
        },
    };

    /// <summary>Null for the machine's own judgement.</summary>
    static RemoteCertificateValidationCallback? Validation(BusOptions options) =>
        options.CertificateAuthorityFile is { } file ? (_, certificate, _, errors) => IsTrusted(certificate, errors, file) : null;

    static bool IsTrusted(X509Certificate? certificate, SslPolicyErrors errors, string authorities)
    {
        if (certificate is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(authorities);
        using var presented = new X509Certificate2(certificate);
        return chain.Build(presented);
    }
}
