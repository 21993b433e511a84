using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using Replicator.Contracts;

namespace Replicator.Bus;

/// <summary>Composes the bus.</summary>
public static class ReplicatorBus
{
    // Two of them unanswered end a connection that nobody closed (a pulled cable, a firewall that forgot).
    static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    /// <summary>Adds MassTransit on the transport that the options name, and a <see cref="MassTransitPublisher"/> over it.</summary>
    /// <param name="services">Where.</param>
    /// <param name="options">Which bus.</param>
    /// <param name="configure">What else the bus should have: consumers that are embedded in this process.</param>
    public static IServiceCollection AddReplicatorBus(this IServiceCollection services, BusOptions options, Action<IBusRegistrationConfigurator>? configure = null)
    {
        services.AddMassTransit(bus =>
        {
            // It would tell its makers what runs here.
            bus.DisableUsageTelemetry();
            configure?.Invoke(bus);
            if (options.Transport == BusTransport.InMemory)
            {
                bus.UsingInMemory((context, transport) =>
                {
                    transport.UseRawJsonSerializer(isDefault: true);
                    transport.ConfigureEndpoints(context);
                });
            }
            else
            {
                bus.UsingRabbitMq((context, transport) =>
                {
                    transport.Host(options.Host, (ushort)options.EffectivePort, options.VirtualHost, "replicator", host => Configure(host, options));
                    ConfigureTopology(transport);
                    transport.ConfigureEndpoints(context);
                });
            }
        });
        // By default the in-memory bus takes publishes before its queues are bound, and they vanish. RabbitMQ's exchange is durable and declared before the first publish, and a broker that is away must not keep the API from starting.
        services.AddOptions<MassTransitHostOptions>().Configure(host => host.WaitUntilStarted = options.Transport == BusTransport.InMemory);
        services.TryAddSingleton(TimeProvider.System);
        // Each message that was under way when a connection broke would log a stack trace; the publisher's owner says it once, with the reason.
        var errors = new ConnectionErrors();
        services.AddLogging(logging => logging.AddProvider(errors).AddFilter(ConnectionErrors.Category, LogLevel.None).AddFilter<ConnectionErrors>(null, LogLevel.None).AddFilter<ConnectionErrors>(ConnectionErrors.Category, LogLevel.Warning));
        services.AddSingleton(provider => new MassTransitPublisher(provider.GetRequiredService<IBus>(), options, provider.GetRequiredService<TimeProvider>(), errors, provider.GetRequiredService<ILogger<MassTransitPublisher>>()));
        return services;
    }

    /// <summary>How <see cref="ResourceChanged"/> stands on RabbitMQ: plain JSON on one durable topic exchange. Subscribers on MassTransit call it on their own bus, so that both sides declare the same.</summary>
    public static void ConfigureTopology(IRabbitMqBusFactoryConfigurator transport)
    {
        transport.UseRawJsonSerializer(isDefault: true);
        transport.Message<ResourceChanged>(message => message.SetEntityName(ChangeRouting.Exchange));
        transport.Publish<ResourceChanged>(publish =>
        {
            publish.ExchangeType = ExchangeType.Topic;
            publish.Durable = true;
            publish.AutoDelete = false;
        });
    }

    static void Configure(IRabbitMqHostConfigurator host, BusOptions options)
    {
        host.Username(options.Username);
        host.Password(options.Password);
        host.Heartbeat(Heartbeat);
        host.PublisherConfirmation = true;
        if (!options.Tls)
            return;
        host.UseSsl(tls =>
        {
            tls.ServerName = options.Host;
            tls.Protocol = System.Security.Authentication.SslProtocols.None;
            // MassTransit accepts a certificate of an unknown authority unless told otherwise.
            tls.EnforcePolicyErrors(SslPolicyErrors.RemoteCertificateChainErrors | SslPolicyErrors.RemoteCertificateNameMismatch | SslPolicyErrors.RemoteCertificateNotAvailable);
            if (options.CertificateAuthorityFile is { } file)
                tls.CertificateValidationCallback = (_, certificate, _, errors) => IsTrusted(certificate, errors, file);
        });
    }

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
