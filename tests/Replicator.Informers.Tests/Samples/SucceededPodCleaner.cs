using System.Net;
using System.Text.Json;
using Replicator.Core.Kubernetes;
using Replicator.Informers.Caching;
using Replicator.Informers.Queues;

namespace Replicator.Informers.Tests.Samples;

// The controller of src/Replicator.Informers/README.md: a test holds the two to be the same.
// <sample>
/// <summary>Deletes pods that have succeeded.</summary>
sealed class SucceededPodCleaner(HttpClient client, Action<string> log, TimeProvider time)
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);

    sealed record Pod(PodStatus? Status);

    sealed record PodStatus(string? Phase);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var informer = new SharedInformer(client, Pods, new SharedInformerOptions(), time);
        using var queue = new WorkQueue<ObjectKey>("succeeded-pods", time);
        await using var registration = informer.AddHandler(new ResourceEventHandler(change => queue.Add(change.Key)));
        var informing = informer.RunAsync(cancellationToken);

        // Nothing is decided on half a picture.
        await Task.WhenAny(registration.WaitForSyncAsync(cancellationToken), informing);
        await queue.RunAsync(workers: 2, ReconcileAsync, (key, exception) => log($"{key}: {exception.Message}; trying again"), cancellationToken);
        await informing;

        // Looks at what is now, whatever the event was: a key may stand for many changes.
        async ValueTask ReconcileAsync(ObjectKey key, CancellationToken token)
        {
            if (!informer.Indexer.TryGet(key, out var item))
                return;
            var pod = item.Read(json => JsonSerializer.Deserialize<Pod>(json, JsonSerializerOptions.Web)!);
            if (pod.Status?.Phase != "Succeeded")
                return;
            using var response = await client.DeleteAsync($"api/v1/namespaces/{key.Namespace}/pods/{key.Name}", token);
            if (response.StatusCode != HttpStatusCode.NotFound)
                response.EnsureSuccessStatusCode();
            log($"{key}: deleted");
        }
    }
}
// </sample>
