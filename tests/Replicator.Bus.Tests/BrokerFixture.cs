using Replicator.TestKit.Rabbit;
using Xunit;

namespace Replicator.Bus.Tests;

/// <summary>A real RabbitMQ of the tests' own, where the machine has one.</summary>
public sealed class BrokerFixture : IAsyncLifetime
{
    RabbitMqBroker? _broker;

    /// <summary>The broker. The test is skipped where there is none.</summary>
    public RabbitMqBroker Required
    {
        get
        {
            Assert.SkipWhen(_broker is null, RabbitMqBroker.Unavailable ?? "");
            return _broker!;
        }
    }

    public BusOptions Options(int port) => new() { Transport = BusTransport.RabbitMq, Host = "127.0.0.1", Port = port };

    public async ValueTask InitializeAsync()
    {
        if (RabbitMqBroker.Unavailable is null)
            _broker = await RabbitMqBroker.StartAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (_broker is not null)
            await _broker.DisposeAsync();
    }
}
