using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Replicator.Core.Diagnostics;

/// <summary>Traces and metrics of recorder, projector and publisher.</summary>
public static class CoreTelemetry
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Replicator.Core";

    static readonly Meter Meter = new(Name);

    /// <summary>The activity source.</summary>
    public static ActivitySource Source { get; } = new(Name);

    /// <summary>Events durably recorded, by stream.</summary>
    public static Counter<long> EventsRecorded { get; } = Meter.CreateCounter<long>("replicator.recorder.events", "{event}", "Events durably recorded.");

    /// <summary>Appends that were tried again because the store was unavailable, by stream.</summary>
    public static Counter<long> AppendRetries { get; } =
        Meter.CreateCounter<long>("replicator.recorder.append.retries", "{append}", "Appends that were tried again because the store was unavailable.");

    /// <summary>Changes, and parts of objects, that a recording rule kept out of the log, by cluster, rule and resource.</summary>
    public static Counter<long> Suppressed { get; } = Meter.CreateCounter<long>("replicator.recorder.suppressed", "{change}", "Changes, and parts of objects, that a recording rule kept out of the log.");

    /// <summary>Comparisons of the log with the server, by cluster, resource and outcome.</summary>
    public static Counter<long> SelfChecks { get; } = Meter.CreateCounter<long>("replicator.selfcheck.checks", "{check}", "Comparisons of the log with the server.");

    /// <summary>Objects of which log and server did not say the same, by cluster and resource.</summary>
    public static Counter<long> SelfCheckDifferences { get; } = Meter.CreateCounter<long>("replicator.selfcheck.differences", "{object}", "Objects of which log and server did not say the same.");

    /// <summary>Events applied to a projection.</summary>
    public static Counter<long> EventsProjected { get; } = Meter.CreateCounter<long>("replicator.projector.events", "{event}", "Events applied to a projection.");

    /// <summary>Changes published to the bus and confirmed.</summary>
    public static Counter<long> ChangesPublished { get; } = Meter.CreateCounter<long>("replicator.publisher.changes", "{change}", "Changes published and confirmed.");

    /// <summary>Rounds of a page that were tried again because a publish failed.</summary>
    public static Counter<long> PublishRetries { get; } = Meter.CreateCounter<long>("replicator.publisher.retries", "{retry}", "Rounds of a page that were tried again because a publish failed.");

    /// <summary>Messages that did not end when they were cancelled: they were left behind and sent again over a new connection.</summary>
    public static Counter<long> PublishesAbandoned { get; } = Meter.CreateCounter<long>("replicator.publisher.abandoned", "{message}", "Messages that a client was stuck with; they were left behind, and sent again over a new connection.");

    /// <summary>Messages that await the bus's confirmation.</summary>
    public static UpDownCounter<long> PublishesInFlight { get; } = Meter.CreateUpDownCounter<long>("replicator.publisher.in_flight", "{message}", "Messages that await the bus's confirmation.");

    /// <summary>Publishers whose bus has said that it takes no messages for now.</summary>
    public static UpDownCounter<long> PublishersBlocked { get; } = Meter.CreateUpDownCounter<long>("replicator.publisher.blocked", "{publisher}", "1 while the bus takes no messages because it is short of memory or disk, else 0.");

    /// <summary>How long the bus took to confirm a message.</summary>
    public static Histogram<double> ConfirmDuration { get; } = Meter.CreateHistogram<double>("replicator.publisher.confirmation", "s", "How long the bus took to confirm a message.");
}
