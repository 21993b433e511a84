using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Questions;

/// <summary>Which container runtime, kubelet, kernel and system each node ran over time, as its <c>status.nodeInfo</c> says.</summary>
public static class NodeRuntimes
{
    static readonly GroupResource Nodes = new("", "nodes");

    /// <summary>The periods in which a node's versions stayed the same, by node and time.</summary>
    /// <param name="events">The log.</param>
    /// <param name="cluster">The cluster.</param>
    /// <param name="to">Only what was known by then; null for now.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    public static async ValueTask<IReadOnlyList<NodeRuntime>> ReadAsync(IEventStore events, string cluster, DateTimeOffset? to, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(events);
        var (tape, periods, open) = (new JsonTape(), new List<NodeRuntime>(), new Dictionary<string, int>());
        await foreach (var page in events.ReadStreamAsync(new StreamId(cluster, Nodes), 0, backwards: false, new ReadOptions(), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    if (recorded.Metadata.ObservedAt > to)
                        return Sorted(periods);
                    Add(recorded, tape, periods, open);
                }
            }
        }
        return Sorted(periods);
    }

    static void Add(RecordedEvent recorded, JsonTape tape, List<NodeRuntime> periods, Dictionary<string, int> open)
    {
        var (metadata, time) = (recorded.Metadata, recorded.Metadata.ObservedAt);
        if (recorded.Type == EventType.ObjectDeleted)
        {
            if (open.Remove(metadata.Object.Uid, out var last))
                periods[last] = periods[last] with { To = time };
            return;
        }
        if (recorded.Type is not (EventType.ObjectAdded or EventType.ObjectModified) || recorded.State.IsEmpty)
            return;
        tape.Parse(recorded.State.Span);
        var info = new JsonView(tape, tape.Root)["status"u8]["nodeInfo"u8];
        string Text(ReadOnlySpan<byte> name) => info[name].Text ?? "";
        var period = new NodeRuntime(metadata.Object.Name, metadata.Object.Uid, Text("containerRuntimeVersion"u8), Text("kubeletVersion"u8), Text("kernelVersion"u8), Text("osImage"u8), Text("architecture"u8),
            time, metadata.Provenance is Provenance.List or Provenance.Relist, null);
        // Before its kubelet has registered, a node says nothing.
        if (period.Runtime.Length == 0 && period.Kubelet.Length == 0)
            return;
        if (open.TryGetValue(metadata.Object.Uid, out var index))
        {
            var held = periods[index];
            if (held with { From = period.From, IsFromBefore = period.IsFromBefore } == period)
                return;
            periods[index] = held with { To = time };
        }
        open[metadata.Object.Uid] = periods.Count;
        periods.Add(period);
    }

    static IReadOnlyList<NodeRuntime> Sorted(List<NodeRuntime> periods) => [.. periods.OrderBy(period => period.Node, StringComparer.Ordinal).ThenBy(period => period.From)];
}

/// <summary>A period in which a node's versions stayed the same.</summary>
/// <param name="Node">The node.</param>
/// <param name="Uid">Which life of that name.</param>
/// <param name="Runtime">The container runtime, such as <c>containerd://2.0.2</c>.</param>
/// <param name="Kubelet">The kubelet's version.</param>
/// <param name="Kernel">The kernel's version.</param>
/// <param name="OsImage">The operating system.</param>
/// <param name="Architecture">The architecture.</param>
/// <param name="From">When it was first observed.</param>
/// <param name="IsFromBefore">Whether it began at some time before.</param>
/// <param name="To">When something else was observed, or the node was deleted; null where it held to the end.</param>
public sealed record NodeRuntime(string Node, string Uid, string Runtime, string Kubelet, string Kernel, string OsImage, string Architecture, DateTimeOffset From, bool IsFromBefore, DateTimeOffset? To);
