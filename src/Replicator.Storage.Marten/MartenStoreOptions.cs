namespace Replicator.Storage.Marten;

/// <summary>How the stores use a database.</summary>
public sealed record MartenStoreOptions
{
    /// <summary>The schema that holds everything; one log has one schema to itself.</summary>
    public string Schema { get; init; } = "replicator";

    /// <summary>How long a subscription waits at the end of the log before it looks again without having been notified (a lost connection, a pooler that does not pass notifications on).</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How many bytes of objects' last states the writer keeps to make patches from. An object that is not among them is stored whole.</summary>
    public long StateCacheBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>How long an append waits for those of other processes before it fails, saying so.</summary>
    public TimeSpan AppendWaitLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an appender may be silent while others wait for it: then the server ends its session, so that a frozen process holds nobody up for ever.</summary>
    public TimeSpan AppendHoldLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
