using System.Diagnostics.Metrics;

namespace Replicator.Informers;

/// <summary>Metrics of shared informers; they belong to the meter <see cref="InformersTelemetry.Name"/>.</summary>
static class SharedInformerTelemetry
{
    static readonly Meter Meter = new(InformersTelemetry.Name);

    public static UpDownCounter<long> Objects { get; } = Meter.CreateUpDownCounter<long>("replicator.informer.objects", "{object}", "Objects held.");

    public static UpDownCounter<long> HeldBytes { get; } = Meter.CreateUpDownCounter<long>("replicator.informer.objects.held", "By", "Bytes that the JSON of the objects held takes, compressed.");

    public static Counter<long> HandlerFailures { get; } = Meter.CreateCounter<long>("replicator.informer.handler.failures", "{event}", "Events on which a handler failed.");

    public static Counter<long> Duplicates { get; } = Meter.CreateCounter<long>("replicator.informer.duplicates", "{delta}", "Deltas that said nothing new: re-deliveries after a reconnect.");
}
