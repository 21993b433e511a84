using Xunit;

namespace Replicator.TestKit.Rabbit;

/// <summary>One RabbitMQ for the tests of a class, where the machine has one.</summary>
public sealed class RabbitMqFixture : IAsyncLifetime
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

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (RabbitMqBroker.Unavailable is null)
            _broker = await RabbitMqBroker.StartAsync(CancellationToken.None);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_broker is not null)
            await _broker.DisposeAsync();
    }
}
