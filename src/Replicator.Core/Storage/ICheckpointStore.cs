namespace Replicator.Core.Storage;

/// <summary>Where a follower of the log (a publisher, say) keeps how far it has come.</summary>
public interface ICheckpointStore
{
    /// <summary>The last position stored under the name; 0 when none is.</summary>
    ValueTask<long> ReadAsync(string name, CancellationToken cancellationToken);
    /// <summary>Stores a position. It survives a crash of the process; a power cut may take it back to an earlier one, never forward.</summary>
    ValueTask WriteAsync(string name, long position, CancellationToken cancellationToken);
}
