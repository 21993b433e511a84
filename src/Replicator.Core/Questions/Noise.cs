using Replicator.Core.Kubernetes;

namespace Replicator.Core.Questions;

/// <summary>What changes all the time and says nothing: heartbeats, and what the API server keeps about its own bookkeeping.</summary>
/// <remarks>
/// Fields: <c>metadata.resourceVersion</c>, <c>metadata.generation</c> and <c>metadata.managedFields</c> (they follow every other change), the last applied configuration (it repeats the spec), conditions'
/// <c>lastHeartbeatTime</c> and <c>lastProbeTime</c>, a Lease's <c>spec.renewTime</c>, the annotations by which endpoints say what triggered them and by which a leader was once elected.
/// A type: Events, which are a log of their own.
/// </remarks>
public static class Noise
{
    /// <summary>Whether a difference there is noise.</summary>
    public static bool Is(FieldAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Name switch
        {
            "resourceVersion" or "generation" or "managedFields" => IsIn(address, "metadata"),
            "lastHeartbeatTime" or "lastProbeTime" => address.Parent?.Parent is { Name: "conditions" },
            "renewTime" => IsIn(address, "spec"),
            "kubectl.kubernetes.io/last-applied-configuration" or "endpoints.kubernetes.io/last-change-trigger-time" or "control-plane.alpha.kubernetes.io/leader" =>
                address.Parent is { Name: "annotations" } annotations && IsIn(annotations, "metadata"),
            _ => false,
        };
    }

    /// <summary>What is noise at or above a difference; null where nothing is.</summary>
    public static FieldAddress? Around(FieldAddress address)
    {
        FieldAddress? found = null;
        for (var above = address; above is not null; above = above.Parent)
            found = Is(above) ? above : found;
        return found;
    }

    /// <summary>Whether all objects of a type are.</summary>
    public static bool Is(GroupResource type) => type is { Resource: "events", Group: "" or "events.k8s.io" };

    static bool IsIn(FieldAddress address, string top) => address.Parent is { } parent && parent.Name == top && parent.Parent is { Parent: null };
}
