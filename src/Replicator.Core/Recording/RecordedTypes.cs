using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Recording;

/// <summary>Which types a log holds.</summary>
public static class RecordedTypes
{
    /// <summary>The types of a cluster that have a stream, each in the version in which it was last observed.</summary>
    public static async Task<IReadOnlyList<ResourceType>> ListAsync(IEventStore store, string cluster, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        var types = new List<ResourceType>();
        StreamId[] documents = [StreamId.Discovery(cluster), StreamId.OpenApi(cluster)];
        foreach (var info in await store.ListStreamsAsync($"k8s-{cluster}-", cancellationToken).ConfigureAwait(false))
        {
            if (documents.Contains(info.Stream))
                continue;
            await foreach (var page in store.ReadStreamAsync(info.Stream, long.MaxValue, backwards: true, new ReadOptions(States: false, MaxCount: 1), cancellationToken).ConfigureAwait(false))
            {
                using (page)
                {
                    // Another cluster's id may begin like this one's.
                    types.AddRange(page.Events.Where(recorded => recorded.Metadata.Cluster == cluster).Select(recorded => recorded.Metadata.Type));
                }
            }
        }
        return types;
    }
}
