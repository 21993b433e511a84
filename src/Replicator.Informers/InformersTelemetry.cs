using System.Diagnostics;
using System.Diagnostics.Metrics;
using Replicator.Core.Kubernetes;

namespace Replicator.Informers;

/// <summary>Traces and metrics of the reflectors. Every measurement carries <c>resource</c>, the type as <c>plural[.group]</c>, and <c>cluster</c> where the reflector was given one.</summary>
public static class InformersTelemetry
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Replicator.Informers";

    static readonly Meter Meter = new(Name);

    /// <summary>The activity source.</summary>
    public static ActivitySource Source { get; } = new(Name);

    /// <summary>Deltas that a sink acknowledged.</summary>
    public static Counter<long> Deltas { get; } = Meter.CreateCounter<long>("replicator.informer.deltas", "{delta}", "Deltas that a sink acknowledged.");

    /// <summary>Bytes read from the server, uncompressed.</summary>
    public static Counter<long> Bytes { get; } = Meter.CreateCounter<long>("replicator.informer.read", "By", "Bytes read from the server, uncompressed.");

    /// <summary>Requests sent, by <c>request</c>: <c>watch</c>, <c>list</c>, <c>stream</c>.</summary>
    public static Counter<long> Requests { get; } = Meter.CreateCounter<long>("replicator.informer.requests", "{request}", "List and watch requests sent.");

    /// <summary>Snapshots begun after the first of a type.</summary>
    public static Counter<long> Relists { get; } = Meter.CreateCounter<long>("replicator.informer.relists", "{list}", "Snapshots begun after the first of a type.");

    /// <summary>Resume points lost: changes may have been missed.</summary>
    public static Counter<long> Gaps { get; } = Meter.CreateCounter<long>("replicator.informer.gaps", "{gap}", "Resume points lost: changes may have been missed.");

    /// <summary>Lines and objects that were not what an API server sends; each was asked for again.</summary>
    public static Counter<long> Malformed { get; } = Meter.CreateCounter<long>("replicator.informer.malformed", "{line}", "Lines and objects that were not what an API server sends; each was asked for again.");

    /// <summary>Failures that were followed by a wait.</summary>
    public static Counter<long> Backoffs { get; } = Meter.CreateCounter<long>("replicator.informer.backoffs", "{backoff}", "Failures that were followed by a wait.");

    /// <summary>How long a sink took to acknowledge a batch.</summary>
    public static Histogram<double> Delivery { get; } = Meter.CreateHistogram<double>("replicator.informer.delivery", "s", "How long a sink took to acknowledge a batch.");

    internal static KeyValuePair<string, object?> Tag(ResourceType type) => new("resource", type.GroupResource.ToString());

    internal static KeyValuePair<string, object?>[] Tags(ResourceType type, string? cluster) => cluster is null ? [Tag(type)] : [Tag(type), new("cluster", cluster)];

    /// <summary>Begins the trace of what a watch brought at a time: one of its own, for a watch that goes on from a streaming list runs within the list's span, and would be one trace from the list to its end.</summary>
    internal static Activity? StartChanges()
    {
        Activity.Current = null;
        return Source.StartActivity("replicator.informer.changes");
    }
}
