using Replicator.Core.Recording;

namespace Replicator.Informers;

/// <summary>Where the deltas of one type go.</summary>
/// <remarks>
/// <para>Calls never overlap. A <see cref="FormatException"/> from <see cref="HandleAsync"/> says that a delta's object is not what an API server sends: the reflector counts it, shows it in its health, disposes the sink,
/// opens a new one and reads again from that one's <see cref="ResumeVersion"/>. So it does after a <see cref="SinkOutdatedException"/>, which blames nobody's object. Any other exception is fatal: it ends the reflector, and with it the run.</para>
/// </remarks>
public interface IDeltaSink : IAsyncDisposable
{
    /// <summary>The last durable resource version to go on from; null where a list is needed. Read once, when the sink is opened.</summary>
    string? ResumeVersion { get; }

    /// <summary>The last durable resource version that may be compared with what the server says now, whether or not it can be resumed from: a server that is behind it was restored from a backup. Read once, when the sink is opened.</summary>
    string? RecordedVersion => ResumeVersion;

    /// <summary>Whether what was handed over last does not follow from what came before, so that only a list can tell what is true; whoever says so has recorded that changes were missed. Read after each call.</summary>
    bool NeedsList => false;

    /// <summary>Takes deltas in their order and returns when they are durable. The memory that they point to is used again afterwards.</summary>
    ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken);
}
