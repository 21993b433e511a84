using System.Diagnostics.Metrics;

namespace Replicator.Storage.EventStoreDb;

/// <summary>Metrics of the adapter.</summary>
public static class EventStoreDbTelemetry
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "Replicator.Storage.EventStoreDb";

    static readonly Meter Meter = new(Name);

    /// <summary>Connections given up for another: a node lost, or no longer the leader.</summary>
    public static Counter<long> Reconnects { get; } = Meter.CreateCounter<long>("replicator.eventstoredb.reconnects", "{connection}", "Connections given up for another.");

    /// <summary>Subscriptions that were dropped and resumed.</summary>
    public static Counter<long> Resubscriptions { get; } = Meter.CreateCounter<long>("replicator.eventstoredb.resubscriptions", "{subscription}", "Subscriptions that were dropped and resumed.");

    /// <summary>Events in our streams that are not ours and were left out, by type.</summary>
    public static Counter<long> ForeignEvents { get; } = Meter.CreateCounter<long>("replicator.eventstoredb.foreign_events", "{event}", "Events in our streams that are not ours and were left out.");

    /// <summary>States that were read again because the reader no longer held what a patch refers to.</summary>
    public static Counter<long> StateReads { get; } = Meter.CreateCounter<long>("replicator.eventstoredb.state_reads", "{event}", "Events read again to apply a patch.");

    /// <summary>Bytes of bodies that were put apart because their batch exceeded the server's largest append.</summary>
    public static Counter<long> OverflowBytes { get; } = Meter.CreateCounter<long>("replicator.eventstoredb.overflow", "By", "Bytes of bodies stored apart from their events.");

    /// <summary>Appends on their way to the server.</summary>
    public static UpDownCounter<long> AppendsInFlight { get; } = Meter.CreateUpDownCounter<long>("replicator.eventstoredb.appends_in_flight", "{append}", "Appends on their way to the server.");
}
