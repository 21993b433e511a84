using System.Diagnostics.Metrics;

namespace Replicator.Informers.Queues;

/// <summary>Metrics of work queues, client-go's by meaning. Every measurement carries <c>queue</c>, the queue's name; they belong to the meter <see cref="InformersTelemetry.Name"/>.</summary>
static class WorkQueueTelemetry
{
    static readonly Meter Meter = new(InformersTelemetry.Name);

    public static UpDownCounter<long> Depth { get; } = Meter.CreateUpDownCounter<long>("replicator.workqueue.depth", "{item}", "Items that wait for a worker.");

    public static Counter<long> Adds { get; } = Meter.CreateCounter<long>("replicator.workqueue.adds", "{item}", "Items added that did not wait already.");

    public static Counter<long> Retries { get; } = Meter.CreateCounter<long>("replicator.workqueue.retries", "{item}", "Items added after a delay.");

    public static Counter<long> Failures { get; } = Meter.CreateCounter<long>("replicator.workqueue.failures", "{item}", "Items whose worker failed; each was added again.");

    public static Histogram<double> Waited { get; } = Meter.CreateHistogram<double>("replicator.workqueue.queue.duration", "s", "How long an item waited for a worker.");

    public static Histogram<double> Worked { get; } = Meter.CreateHistogram<double>("replicator.workqueue.work.duration", "s", "How long a worker had an item.");
}
