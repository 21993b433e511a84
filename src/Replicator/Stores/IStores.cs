using Replicator.Core.Storage;

namespace Replicator.Stores;

/// <summary>The log, the projection and the followers' positions that a process works on, in whichever engines the settings name.</summary>
interface IStores : IAsyncDisposable
{
    /// <summary>The log.</summary>
    IEventStore Events { get; }

    /// <summary>The projection.</summary>
    ISnapshotStore Snapshots { get; }

    /// <summary>The followers' positions.</summary>
    ICheckpointStore Checkpoints { get; }

    /// <summary>Where they are, as a line of output names it.</summary>
    string Name { get; }

    /// <summary>The folder of this process: what an embedded engine keeps, and the redaction key.</summary>
    string Path { get; }

    /// <summary>Where the redaction key lies. It belongs to whoever records: with another one, unchanged values would look changed.</summary>
    string RedactionKeyPath { get; }

    /// <summary>Whether other processes can use the same stores at the same time, so that roles may run apart.</summary>
    bool AreShared { get; }

    /// <summary>Tells the commands of this machine where this process serves the stores.</summary>
    void Announce(Uri url);
}
