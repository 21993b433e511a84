using Replicator.Core.Json;

namespace Replicator.Core.Questions;

/// <summary>How an object fares, in the words of Argo CD, and why.</summary>
/// <param name="Status">The state.</param>
/// <param name="Message">What speaks for it, in one line; empty where the state says it all.</param>
/// <remarks>
/// The rules are those of Argo CD's built-in health checks (https://argo-cd.readthedocs.io/en/stable/operator-manual/health/), and for types that they do not know those of kstatus
/// (https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus): <c>observedGeneration</c> and the conditions <c>Ready</c>, <c>Reconciling</c> and <c>Stalled</c>.
/// </remarks>
public sealed record ObjectHealth(HealthStatus Status, string Message)
{
    static ObjectHealth Healthy { get; } = new(HealthStatus.Healthy, "");

    /// <summary>The health of an object.</summary>
    /// <param name="state">The object, JSON.</param>
    /// <exception cref="JsonFormatException">It is not JSON.</exception>
    public static ObjectHealth Of(ReadOnlySpan<byte> state) => Of(JsonView.Parse(state));

    internal static ObjectHealth Of(JsonView item)
    {
        if (item["metadata"u8]["deletionTimestamp"u8].Exists)
            return new ObjectHealth(HealthStatus.Progressing, "being deleted");
        var group = item["apiVersion"u8].Text is { } version && version.IndexOf('/', StringComparison.Ordinal) is var slash and > 0 ? version[..slash] : "";
        return (group, item["kind"u8].Text) switch
        {
            ("apps", "Deployment") => Deployment(item),
            ("apps", "StatefulSet") => StatefulSet(item),
            ("apps", "DaemonSet") => DaemonSet(item),
            ("apps", "ReplicaSet") or ("", "ReplicationController") => ReplicaSet(item),
            ("batch", "Job") => Job(item),
            ("batch", "CronJob") => item["spec"u8]["suspend"u8].IsTrue ? new ObjectHealth(HealthStatus.Suspended, "suspended") : Healthy,
            ("", "Pod") => Pod(item),
            ("", "Service") => Service(item),
            ("", "PersistentVolumeClaim") => Claim(item),
            ("", "Node") => Node(item),
            ("", "Namespace") => item["status"u8]["phase"u8].Text == "Terminating" ? new ObjectHealth(HealthStatus.Progressing, "being deleted") : Healthy,
            ("autoscaling", "HorizontalPodAutoscaler") => Autoscaler(item),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => CustomResourceDefinition(item),
            ("networking.k8s.io", "Ingress") or ("", _) => Healthy,
            _ => Generic(item),
        };
    }

    /// <summary>The worst of several.</summary>
    public static HealthStatus Worst(IEnumerable<HealthStatus> states) => states.DefaultIfEmpty(HealthStatus.Healthy).Max();

    static ObjectHealth? Generation(JsonView item) =>
        item["status"u8]["observedGeneration"u8].Integer is { } observed && item["metadata"u8]["generation"u8].Integer is { } wanted && observed < wanted
            ? Progressing($"generation {wanted} is not observed yet, {observed} is") : null;

    static ObjectHealth Deployment(JsonView item)
    {
        if (item["spec"u8]["paused"u8].IsTrue)
            return new ObjectHealth(HealthStatus.Suspended, "paused");
        if ((Generation(item) ?? NotObserved(item)) is { } stale)
            return stale;
        if (Condition(item, "Progressing") is { } progress && progress["reason"u8].Text == "ProgressDeadlineExceeded")
            return Degraded(progress["message"u8].Text ?? "the progress deadline was exceeded");
        var (wanted, updated, replicas, available) = (Wanted(item), Count(item, "updatedReplicas"), Count(item, "replicas"), Count(item, "availableReplicas"));
        return updated < wanted ? Progressing($"{updated} of {wanted} replicas updated")
            : replicas > updated ? Progressing($"{replicas - updated} old replicas to be terminated")
            : available < updated ? Progressing($"{available} of {updated} updated replicas available")
            : Healthy;
    }

    static ObjectHealth StatefulSet(JsonView item)
    {
        if ((Generation(item) ?? NotObserved(item)) is { } stale)
            return stale;
        var (wanted, ready) = (Wanted(item), Count(item, "readyReplicas"));
        if (ready < wanted)
            return Progressing($"{ready} of {wanted} replicas ready");
        var strategy = item["spec"u8]["updateStrategy"u8];
        if (strategy["type"u8].Text == "OnDelete")
            return Healthy;
        var (updated, kept) = (Count(item, "updatedReplicas"), strategy["rollingUpdate"u8]["partition"u8].Integer ?? 0);
        if (kept > 0)
            return updated < wanted - kept ? Progressing($"{updated} of {wanted - kept} replicas updated") : Healthy;
        return item["status"u8]["updateRevision"u8].Text is { } revision && revision != item["status"u8]["currentRevision"u8].Text ? Progressing($"{updated} of {wanted} replicas updated") : Healthy;
    }

    static ObjectHealth DaemonSet(JsonView item)
    {
        if ((Generation(item) ?? NotObserved(item)) is { } stale)
            return stale;
        var (wanted, updated, available) = (Count(item, "desiredNumberScheduled"), Count(item, "updatedNumberScheduled"), Count(item, "numberAvailable"));
        if (item["spec"u8]["updateStrategy"u8]["type"u8].Text != "OnDelete" && updated < wanted)
            return Progressing($"{updated} of {wanted} pods updated");
        return available < wanted ? Progressing($"{available} of {wanted} pods available") : Healthy;
    }

    static ObjectHealth ReplicaSet(JsonView item)
    {
        if (Generation(item) is { } stale)
            return stale;
        if (Condition(item, "ReplicaFailure") is { } failure && failure["status"u8].Text == "True")
            return Degraded(failure["message"u8].Text ?? "a replica could not be made");
        var (wanted, available) = (Wanted(item), Count(item, "availableReplicas"));
        return available < wanted ? Progressing($"{available} of {wanted} replicas available") : Healthy;
    }

    static ObjectHealth Job(JsonView item)
    {
        foreach (var condition in item["status"u8]["conditions"u8].Items.Where(condition => condition["status"u8].Text == "True"))
        {
            switch (condition["type"u8].Text)
            {
                case "Failed":
                    return Degraded(condition["message"u8].Text ?? "failed");
                case "Suspended":
                    return new ObjectHealth(HealthStatus.Suspended, "suspended");
                case "Complete":
                    return Healthy;
            }
        }
        return Progressing($"{Count(item, "succeeded")} of {item["spec"u8]["completions"u8].Integer ?? 1} completions");
    }

    static ObjectHealth Pod(JsonView item)
    {
        var status = item["status"u8];
        var isKept = item["spec"u8]["restartPolicy"u8].Text is not ("Never" or "OnFailure");
        foreach (var statuses in (string[])["initContainerStatuses", "containerStatuses"])
        {
            foreach (var container in status[statuses].Items)
            {
                var waiting = container["state"u8]["waiting"u8];
                if (waiting["reason"u8].Text is { } reason && (reason.StartsWith("Err", StringComparison.Ordinal) || reason.EndsWith("Error", StringComparison.Ordinal) || reason.EndsWith("BackOff", StringComparison.Ordinal) || reason == "InvalidImageName"))
                    return Degraded($"{container["name"u8].Text}: {reason}{(waiting["message"u8].Text is { } message ? $": {message}" : "")}");
            }
        }
        return status["phase"u8].Text switch
        {
            "Succeeded" => Healthy,
            "Failed" => Degraded(status["message"u8].Text ?? Ended(status) ?? status["reason"u8].Text ?? "failed"),
            "Running" when Condition(item, "Ready")?["status"u8].Text == "True" => Healthy,
            "Running" when isKept && status["containerStatuses"u8].Items.FirstOrDefault(container => container["lastState"u8]["terminated"u8].Exists && !container["ready"u8].IsTrue) is { Exists: true } failed =>
                Degraded($"{failed["name"u8].Text}: not ready, restarted {failed["restartCount"u8].Integer ?? 0} times"),
            "Running" => isKept ? Progressing("not ready") : Progressing("running"),
            var phase => Condition(item, "PodScheduled") is { } scheduled && scheduled["status"u8].Text == "False" ? Progressing(scheduled["message"u8].Text ?? "not scheduled") : Progressing(phase?.ToLowerInvariant() ?? "pending"),
        };
    }

    static string? Ended(JsonView status) => status["containerStatuses"u8].Items.Select(container => (Name: container["name"u8].Text, Ended: container["state"u8]["terminated"u8]))
        .Where(container => container.Ended["exitCode"u8].Integer is not (null or 0)).Select(container => $"{container.Name}: exit code {container.Ended["exitCode"u8].Integer}").FirstOrDefault();

    static ObjectHealth Service(JsonView item) =>
        item["spec"u8]["type"u8].Text == "LoadBalancer" && item["status"u8]["loadBalancer"u8]["ingress"u8].Count == 0 ? Progressing("no load balancer yet") : Healthy;

    static ObjectHealth Claim(JsonView item) => item["status"u8]["phase"u8].Text switch
    {
        "Bound" => Healthy,
        "Lost" => Degraded("its volume is lost"),
        _ => Progressing("not bound"),
    };

    static ObjectHealth Node(JsonView item)
    {
        if (Condition(item, "Ready") is not { } ready || ready["status"u8].Text != "True")
            return Degraded(Condition(item, "Ready")?["message"u8].Text ?? "not ready");
        return item["spec"u8]["unschedulable"u8].IsTrue ? new ObjectHealth(HealthStatus.Suspended, "cordoned") : Healthy;
    }

    static ObjectHealth Autoscaler(JsonView item)
    {
        foreach (var type in (string[])["AbleToScale", "ScalingActive"])
        {
            if (Condition(item, type) is { } condition && condition["status"u8].Text == "False" && condition["reason"u8].Text != "ScalingDisabled")
                return condition["reason"u8].Text?.StartsWith("Failed", StringComparison.Ordinal) == true ? Degraded(condition["message"u8].Text ?? type) : Progressing(condition["message"u8].Text ?? type);
        }
        return Healthy;
    }

    static ObjectHealth CustomResourceDefinition(JsonView item) =>
        Condition(item, "Established")?["status"u8].Text == "True" ? Healthy
        : Condition(item, "NamesAccepted")?["status"u8].Text == "False" ? Degraded("its names are taken") : Progressing("not established");

    static ObjectHealth Generic(JsonView item)
    {
        if (Generation(item) is { } stale)
            return stale;
        if (Condition(item, "Stalled") is { } stalled && stalled["status"u8].Text == "True")
            return Degraded(stalled["message"u8].Text ?? "stalled");
        if (Condition(item, "Reconciling") is { } reconciling && reconciling["status"u8].Text == "True")
            return Progressing(reconciling["message"u8].Text ?? "reconciling");
        // Argo CD writes what it thinks of its own applications.
        if (item["status"u8]["health"u8]["status"u8].Text is { } named && Enum.TryParse<HealthStatus>(named, out var status))
            return new ObjectHealth(status, item["status"u8]["health"u8]["message"u8].Text ?? "");
        return (Condition(item, "Ready") ?? Condition(item, "Available"))?["status"u8].Text switch
        {
            "False" => new ObjectHealth(HealthStatus.Degraded, (Condition(item, "Ready") ?? Condition(item, "Available"))?["message"u8].Text ?? "not ready"),
            "Unknown" => Progressing("its readiness is unknown"),
            _ => Healthy,
        };
    }

    // A controller that has not looked yet has written no status at all.
    static ObjectHealth? NotObserved(JsonView item) => item["status"u8]["observedGeneration"u8].Exists ? null : Progressing("not observed by its controller yet");

    static JsonView? Condition(JsonView item, string type) => item["status"u8]["conditions"u8].Items.FirstOrDefault(condition => condition["type"u8].Text == type) is { Exists: true } found ? found : null;

    static long Wanted(JsonView item) => item["spec"u8]["replicas"u8].Integer ?? 1;

    static long Count(JsonView item, string field) => item["status"u8][field].Integer ?? 0;

    static ObjectHealth Progressing(string message) => new(HealthStatus.Progressing, message);

    static ObjectHealth Degraded(string message) => new(HealthStatus.Degraded, message);
}

/// <summary>States of health, the worse the later.</summary>
public enum HealthStatus
{
    /// <summary>It is what its spec asks for.</summary>
    Healthy,
    /// <summary>It rests because somebody said so.</summary>
    Suspended,
    /// <summary>It is not yet what its spec asks for, and may become so.</summary>
    Progressing,
    /// <summary>Nothing says how it fares.</summary>
    Unknown,
    /// <summary>It is not there.</summary>
    Missing,
    /// <summary>It failed, or will not become what its spec asks for.</summary>
    Degraded,
}
