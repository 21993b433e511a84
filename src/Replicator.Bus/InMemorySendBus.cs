using MassTransit;
using Replicator.Contracts;

namespace Replicator.Bus;

/// <summary>The bus of this process and its embedded consumers: there is no connection that could fail.</summary>
sealed class InMemorySendBus(IBus bus) : ISendBus
{
    public event Action<Exception>? Failed
    {
        add { }
        remove { }
    }

    public async ValueTask<ISendEndpoint> OpenAsync(CancellationToken cancellationToken) => await bus.GetPublishSendEndpoint<ResourceChanged>().ConfigureAwait(false);

    public ValueTask ResetAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask AskAsync(string routingKey, Action<string> blocked, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
