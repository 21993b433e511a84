using MassTransit;

namespace Replicator.Bus;

/// <summary>The bus that the publisher sends on. What has failed is given up for a new one. Calls must not overlap, but for <see cref="AskAsync"/>.</summary>
interface ISendBus
{
    /// <summary>Raised when something fails on what is open, even where the client goes on trying by itself. On any thread, and maybe many times for one failure.</summary>
    event Action<Exception>? Failed;

    /// <summary>Where to send, as long as nothing fails there. Connects where it has to, and declares what must be there; that the bus is away, refuses or does not answer in time is an exception.</summary>
    ValueTask<ISendEndpoint> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Gives up what is open: nothing goes out there any more, and the next <see cref="OpenAsync"/> begins anew. Returns at once; what ends meanwhile is waited for by the next call, within bounds.</summary>
    ValueTask ResetAsync(CancellationToken cancellationToken);

    /// <summary>Asks the bus, on a way of its own, whether it takes messages, and returns when it does. That it is away or does not answer in time is an exception.</summary>
    /// <param name="routingKey">A key that the publisher may use; nothing is published.</param>
    /// <param name="blocked">Told, at most once, why the bus takes none for now. Then this waits until it does, however long.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    ValueTask AskAsync(string routingKey, Action<string> blocked, CancellationToken cancellationToken);
}
