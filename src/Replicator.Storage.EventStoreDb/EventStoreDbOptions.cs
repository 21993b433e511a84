using Replicator.Core.Storage;

namespace Replicator.Storage.EventStoreDb;

/// <summary>How the adapter uses the store; where and as whom it connects is in the connection string.</summary>
public sealed record EventStoreDbOptions
{
    /// <summary>Put before the name of every stream, so that several installations can share one store; empty by default. What one writes, another does not see.</summary>
    public string StreamNamePrefix { get; init; } = "";

    /// <summary>The largest append in bytes that the server takes (its <c>MaxAppendSize</c>; 1 MiB by default). Learned from the server's refusal where it is smaller.</summary>
    public int MaxAppendSize { get; init; } = 1024 * 1024;

    /// <summary>How many appends may be on their way at once; more wait.</summary>
    public int MaxAppendsInFlight { get; init; } = 64;

    /// <summary>So many patches of an object follow a whole one: a read of a single event folds at most these. 0 stores every object whole.</summary>
    public int PatchesPerKeyframe { get; init; } = 16;

    /// <summary>How many bytes of last states the writer keeps to write patches against. An object that is not among them is written whole.</summary>
    public long WriterStateBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>How many bytes of states each reader keeps to apply patches to. What is not among them is read again; so this should be at least what all writers together keep.</summary>
    public long ReaderStateBytes { get; init; } = 128L * 1024 * 1024;

    /// <summary>The clock of timeouts and retries.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Told each time a subscription finds the store away, before it waits and tries again; and with <see langword="null"/> when it is there again.</summary>
    public Action<StoreUnavailableException?>? SubscriptionHealth { get; init; }
}
