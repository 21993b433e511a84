using Replicator.Core.Recording;

namespace Replicator.Informers;

/// <summary>Where the deltas of one type go.</summary>
/// <remarks>
/// <para>Calls never overlap. A <see cref="FormatException"/> from <see cref="HandleAsync"/> says that a delta's object is not what an API server sends: the reflector counts it, shows it in its health, disposes the sink,
/// opens a new one and reads again from that one's <see cref="ResumeVersion"/>. Any other exception is fatal: it ends the reflector, and with it the run.</para>
/// </remarks>
public interface IDeltaSink : IAsyncDisposable
{
    /// <summary>The last durable resource version to go on from; null where a list is needed. Read once, when the sink is opened.</summary>
    string? ResumeVersion { get; }

    /// <summary>Takes deltas in their order and returns when they are durable. The memory that they point to is used again afterwards.</summary>
    ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken);
}
