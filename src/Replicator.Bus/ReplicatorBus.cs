using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using Replicator.Contracts;

namespace Replicator.Bus;

/// <summary>Composes the bus.</summary>
public static class ReplicatorBus
{
    /// <summary>Adds a <see cref="MassTransitPublisher"/> on the transport that the options name, and MassTransit for consumers that are embedded in this process.</summary>
    /// <param name="services">Where.</param>
    /// <param name="options">Which bus.</param>
    /// <param name="configure">The consumers; null for none.</param>
    public static IServiceCollection AddReplicatorBus(this IServiceCollection services, BusOptions options, Action<IBusRegistrationConfigurator>? configure = null)
    {
        services.TryAddSingleton(TimeProvider.System);
        if (options.Transport == BusTransport.InMemory)
        {
            AddInMemory(services, configure);
            services.AddSingleton<ISendBus>(provider => new InMemorySendBus(provider.GetRequiredService<IBus>()));
        }
        else
        {
            if (configure is not null)
                AddRabbitMq(services, options, configure);
            services.AddSingleton(provider => new RabbitMqSendBus(options, provider.GetRequiredService<ILoggerFactory>(), provider.GetRequiredService<TimeProvider>()));
            services.AddSingleton<ISendBus>(provider => provider.GetRequiredService<RabbitMqSendBus>());
            services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<RabbitMqSendBus>());
        }
        services.AddSingleton(provider => new MassTransitPublisher(provider.GetRequiredService<ISendBus>(), options, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<MassTransitPublisher>>()));
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

    static void AddInMemory(IServiceCollection services, Action<IBusRegistrationConfigurator>? configure)
    {
        services.AddMassTransit(bus =>
        {
            // It would tell its makers what runs here.
            bus.DisableUsageTelemetry();
            configure?.Invoke(bus);
            bus.UsingInMemory((context, transport) =>
            {
                transport.UseRawJsonSerializer(isDefault: true);
                transport.ConfigureEndpoints(context);
            });
        });
        // By default the bus takes publishes before its queues are bound, and they vanish.
        services.AddOptions<MassTransitHostOptions>().Configure(host => host.WaitUntilStarted = true);
    }

    static void AddRabbitMq(IServiceCollection services, BusOptions options, Action<IBusRegistrationConfigurator> configure)
    {
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            configure(bus);
            bus.UsingRabbitMq((context, transport) =>
            {
                RabbitMqConnections.Configure(transport, options);
                ConfigureTopology(transport);
                transport.ConfigureEndpoints(context);
            });
        });
    }
}
