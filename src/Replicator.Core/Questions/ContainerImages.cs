using System.Runtime.CompilerServices;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Questions;

/// <summary>Which container images ran where and when, as the kubelets reported it in the pods' container statuses.</summary>
/// <remarks>
/// <c>imageID</c> names what the runtime pulled: a repository with the digest of a manifest, or with some runtimes the digest of the image's configuration. <c>containerID</c> begins with the runtime's name.
/// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus
/// </remarks>
public static class ContainerImages
{
    static readonly GroupResource Pods = new("", "pods");

    static readonly (string Statuses, string Kind)[] Lists = [("initContainerStatuses", "init"), ("containerStatuses", "container"), ("ephemeralContainerStatuses", "ephemeral")];

    /// <summary>The containers of a moment that had an image, by namespace, pod and place in the pod.</summary>
    public static async IAsyncEnumerable<ContainerImage> ListAsync(ISnapshotStore snapshots, string cluster, Cut cut, string? @namespace, LabelSelector selector, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        var tape = new JsonTape();
        await foreach (var pod in snapshots.ListAsync(new ObjectQuery { Cluster = cluster, Type = Pods, Cut = cut, Namespace = @namespace, Selector = selector }, cancellationToken).ConfigureAwait(false))
        {
            tape.Parse(pod.State.Span);
            foreach (var container in Read(pod.Object, new JsonView(tape, tape.Root)).ToList())
                yield return container;
        }
    }

    /// <summary>Every run of a container of an image, over the whole record or a part of it, by its beginning.</summary>
    /// <param name="events">The log.</param>
    /// <param name="cluster">The cluster.</param>
    /// <param name="digest">The image's digest, <c>sha256:...</c>; the algorithm may be left out, and of the digits all but the first seven.</param>
    /// <param name="from">Only runs that had not ended by then; null for the whole record.</param>
    /// <param name="to">Only runs that had begun by then; null for up to now.</param>
    /// <param name="namespace">Only this namespace; null for all.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <exception cref="FormatException">The digest is none.</exception>
    public static async ValueTask<IReadOnlyList<ContainerRun>> FindRunsAsync(IEventStore events, string cluster, string digest, DateTimeOffset? from, DateTimeOffset? to, string? @namespace, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(events);
        var wanted = new ImageDigest(digest);
        var runs = new ContainerRuns(wanted);
        await foreach (var page in events.ReadStreamAsync(new StreamId(cluster, Pods), 0, backwards: false, new ReadOptions(), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    if (to is { } end && recorded.Metadata.ObservedAt > end)
                        return runs.Complete(from, to);
                    if (@namespace is null || recorded.Metadata.Object.Name.Length == 0 || recorded.Metadata.Object.Namespace == @namespace)
                        runs.Add(recorded);
                }
            }
        }
        return runs.Complete(from, to);
    }

    internal static IEnumerable<ContainerImage> Read(ObjectIdentity pod, JsonView state)
    {
        var (status, node) = (state["status"u8], state["spec"u8]["nodeName"u8].Text ?? "");
        foreach (var (statuses, kind) in Lists)
        {
            foreach (var container in status[statuses].Items)
            {
                var (imageId, containerId) = (container["imageID"u8].Text ?? "", container["containerID"u8].Text ?? "");
                if (imageId.Length == 0 && containerId.Length == 0)
                    continue;
                var current = container["state"u8];
                var (name, time) = current["running"u8] is { Exists: true } running ? ("running", running["startedAt"u8].Time)
                    : current["terminated"u8] is { Exists: true } terminated ? ("terminated", terminated["startedAt"u8].Time)
                    : ("waiting", container["lastState"u8]["terminated"u8]["startedAt"u8].Time);
                var ended = (current["terminated"u8] is { Exists: true } now ? now : container["lastState"u8]["terminated"u8])["finishedAt"u8].Time;
                var before = container["lastState"u8]["terminated"u8];
                yield return new ContainerImage(pod, container["name"u8].Text ?? "", kind, container["image"u8].Text ?? "", imageId, Runtime(containerId), containerId, node, name, time)
                {
                    FinishedAt = name == "running" ? null : ended,
                    Last = before is { Exists: true } ? (before["containerID"u8].Text ?? "", before["finishedAt"u8].Time) : null,
                };
            }
        }
    }

    static string Runtime(string containerId) => containerId.IndexOf("://", StringComparison.Ordinal) is var end and > 0 ? containerId[..end] : "";
}

/// <summary>A container of a pod with what it runs.</summary>
/// <param name="Pod">The pod.</param>
/// <param name="Container">The container's name.</param>
/// <param name="Kind"><c>container</c>, <c>init</c> or <c>ephemeral</c>.</param>
/// <param name="Image">The image as the status names it.</param>
/// <param name="ImageId">What the runtime pulled.</param>
/// <param name="Runtime">The runtime, such as <c>containerd</c>; empty where the status does not say.</param>
/// <param name="ContainerId">The runtime's id of the container.</param>
/// <param name="Node">The node; empty where the pod has none.</param>
/// <param name="State"><c>running</c>, <c>waiting</c> or <c>terminated</c>.</param>
/// <param name="Since">When the container started; null where the status does not say.</param>
public sealed record ContainerImage(ObjectIdentity Pod, string Container, string Kind, string Image, string ImageId, string Runtime, string ContainerId, string Node, string State, DateTimeOffset? Since)
{
    /// <summary>The digest in <see cref="ImageId"/>; empty where it holds none.</summary>
    public string Digest => ImageDigest.In(ImageId);

    /// <summary>When it ended, where it has.</summary>
    internal DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The container that was there before it, and when that ended.</summary>
    internal (string ContainerId, DateTimeOffset? FinishedAt)? Last { get; init; }
}
