using System.Globalization;

namespace Replicator.Core.Questions;

/// <summary>How much of a workload is ready, as kubectl's column READY has it.</summary>
static class Readiness
{
    public static string Of(JsonView item)
    {
        var status = item["status"u8];
        long Count(ReadOnlySpan<byte> field) => status[field].Integer ?? 0;
        return item["kind"u8].Text switch
        {
            "Deployment" or "StatefulSet" or "ReplicaSet" or "ReplicationController" when item["spec"u8]["template"u8].Exists => Share(Count("readyReplicas"u8), item["spec"u8]["replicas"u8].Integer ?? 1),
            "DaemonSet" => Share(Count("numberReady"u8), Count("desiredNumberScheduled"u8)),
            "Job" when item["spec"u8]["template"u8].Exists => Share(Count("succeeded"u8), item["spec"u8]["completions"u8].Integer ?? 1),
            "Pod" => Share(status["containerStatuses"u8].Items.Count(container => container["ready"u8].IsTrue), item["spec"u8]["containers"u8].Count),
            _ => "",
        };
    }

    static string Share(long ready, long wanted) => string.Create(CultureInfo.InvariantCulture, $"{ready}/{wanted}");
}
