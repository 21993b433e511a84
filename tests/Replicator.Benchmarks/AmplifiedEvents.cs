using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.TestKit;
using Replicator.TestKit.Amplified;

namespace Replicator.Benchmarks;

/// <summary>The amplified recording as several reflectors propose it: what the benchmarks of the stores append.</summary>
static class AmplifiedEvents
{
    /// <summary>As many reflectors append at once.</summary>
    public const int Streams = 4;

    /// <summary>So many events make a batch, and a projected page.</summary>
    public const int Batch = 256;

    public static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);

    /// <summary>The events of each stream; those of the first list come first, and are what a side warms up with.</summary>
    public static List<List<ProposedEvent>> Create(int pods, int changes, int seed) =>
        [.. Enumerable.Range(0, Streams).Select(number => Events($"c{number}", pods / Streams, changes / Streams, seed + number))];

    /// <summary>The stream of one of them.</summary>
    public static StreamId StreamOf(List<ProposedEvent> events) => new(events[0].Metadata.Cluster, Pods.GroupResource);

    /// <summary>The batches of the first list, whole ones, and those of what follows.</summary>
    public static (List<ProposedEvent[]> WarmUp, List<ProposedEvent[]> Timed) Batches(List<ProposedEvent> events)
    {
        var batches = events.Chunk(Batch).ToList();
        var warm = batches.TakeWhile(batch => batch[0].Metadata.Provenance == Provenance.List).Count();
        return (batches[..warm], batches[warm..]);
    }

    static List<ProposedEvent> Events(string cluster, int pods, int changes, int seed)
    {
        var (tape, chain, hash) = (new JsonTape(), new HashChain(), Array.Empty<byte>());
        var events = new List<ProposedEvent>();
        using (chain)
        {
            foreach (var line in new PodAmplifier(TestRecordings.Shop, pods, changes, seed).ReadLines())
            {
                if (line.Type == "BOOKMARK")
                    continue;
                tape.Parse(line.Json);
                tape.TryGetProperty(tape.Root, "object"u8, out var node);
                using var state = new PooledBufferWriter();
                CanonicalJson.Write(tape, node, state);
                tape.TryGetProperty(node, "metadata"u8, out var meta);
                string Text(ReadOnlySpan<byte> name) => tape.TryGetProperty(meta, name, out var value) ? tape.GetString(value) : "";
                var type = line.Type switch { "ADDED" => EventType.ObjectAdded, "DELETED" => EventType.ObjectDeleted, _ => EventType.ObjectModified };
                var metadata = new EventMetadata
                {
                    Cluster = cluster,
                    Type = Pods,
                    Object = new ObjectIdentity(Text("namespace"u8), Text("name"u8), Text("uid"u8)),
                    ResourceVersion = Text("resourceVersion"u8),
                    ObservedAt = HashChain.FromMicroseconds(line.Microseconds),
                    Provenance = line.IsInitial ? Provenance.List : Provenance.Watch,
                };
                var next = new byte[HashChain.HashLength];
                chain.Compute(hash, type, metadata, state.WrittenSpan, next);
                hash = next;
                events.Add(new ProposedEvent { Id = EventId.ForObject(cluster, metadata.Object.Uid, metadata.ResourceVersion, 0, type), Type = type, Metadata = metadata, State = state.WrittenSpan.ToArray(), Hash = next });
            }
        }
        return events;
    }
}
