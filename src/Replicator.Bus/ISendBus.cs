using MassTransit;

namespace Replicator.Bus;

/// <summary>The bus that the publisher sends on. What has failed is given up for a new one. Calls must not overlap.</summary>
interface ISendBus
{
    /// <summary>Raised when something fails on what is open, even where the client goes on trying by itself. On any thread, and maybe many times for one failure.</summary>
    event Action<Exception>? Failed;

    /// <summary>Where to send, as long as nothing fails there. Connects where it has to, and declares what must be there; that the bus is away, or refuses, is an exception.</summary>
    ValueTask<ISendEndpoint> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Gives up what is open: the next <see cref="OpenAsync"/> begins anew. Returns at once; what ends meanwhile is waited for by the next call, within bounds.</summary>
    ValueTask ResetAsync(CancellationToken cancellationToken);
}
