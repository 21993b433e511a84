using System.Diagnostics.Metrics;

namespace Replicator.Storage.Marten;

/// <summary>Metrics of the stores in PostgreSQL.</summary>
public static class MartenTelemetry
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "Replicator.Storage.Marten";

    static readonly Meter Meter = new(Name);

    /// <summary>Appends that gave up waiting for another process's: it is frozen, or very slow.</summary>
    public static Counter<long> LockTimeouts { get; } = Meter.CreateCounter<long>("replicator.postgres.lock_timeouts", "{append}", "Appends that gave up waiting for another process's.");

    /// <summary>Transactions of appends that were committed.</summary>
    public static Counter<long> Commits { get; } = Meter.CreateCounter<long>("replicator.postgres.commits", "{transaction}", "Transactions of appends that were committed.");

    /// <summary>Groups of appends that were encoded for places where they could not go, because another process had written to their streams or the append before had failed.</summary>
    public static Counter<long> Replans { get; } = Meter.CreateCounter<long>("replicator.postgres.replans", "{group}", "Groups of appends that had to be encoded again.");
}
