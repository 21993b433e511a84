using System.Text;
using Replicator.Core.Questions;
using Xunit;

namespace Replicator.Core.Tests.Questions;

public sealed class ObjectHealthTests
{
    [Theory]
    [InlineData("apps/v1", "Deployment", """{"metadata":{"generation":2},"spec":{"replicas":3},"status":{"observedGeneration":2,"replicas":3,"updatedReplicas":3,"availableReplicas":3}}""", HealthStatus.Healthy, "")]
    [InlineData("apps/v1", "Deployment", """{"metadata":{"generation":2},"spec":{"replicas":3},"status":{"observedGeneration":1,"replicas":3,"updatedReplicas":3,"availableReplicas":3}}""", HealthStatus.Progressing, "generation 2 is not observed yet, 1 is")]
    [InlineData("apps/v1", "Deployment", """{"metadata":{"generation":1},"spec":{"replicas":3},"status":{}}""", HealthStatus.Progressing, "not observed by its controller yet")]
    [InlineData("apps/v1", "Deployment", """{"metadata":{"generation":2},"spec":{"replicas":3},"status":{"observedGeneration":2,"replicas":4,"updatedReplicas":2,"availableReplicas":3}}""", HealthStatus.Progressing, "2 of 3 replicas updated")]
    [InlineData("apps/v1", "Deployment", """{"metadata":{"generation":2},"spec":{"replicas":3},"status":{"observedGeneration":2,"replicas":4,"updatedReplicas":3,"availableReplicas":3}}""", HealthStatus.Progressing, "1 old replicas to be terminated")]
    [InlineData("apps/v1", "Deployment", """{"metadata":{"generation":2},"spec":{"replicas":3},"status":{"observedGeneration":2,"replicas":3,"updatedReplicas":3,"availableReplicas":1}}""", HealthStatus.Progressing, "1 of 3 updated replicas available")]
    [InlineData("apps/v1", "Deployment", """{"metadata":{"generation":2},"status":{"observedGeneration":2,"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded","message":"too slow"}]}}""", HealthStatus.Degraded, "too slow")]
    [InlineData("apps/v1", "Deployment", """{"spec":{"paused":true},"status":{}}""", HealthStatus.Suspended, "paused")]
    [InlineData("apps/v1", "StatefulSet", """{"spec":{"replicas":3},"status":{"observedGeneration":1,"readyReplicas":2}}""", HealthStatus.Progressing, "2 of 3 replicas ready")]
    [InlineData("apps/v1", "StatefulSet", """{"spec":{"replicas":3,"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":1}}},"status":{"observedGeneration":1,"readyReplicas":3,"updatedReplicas":1}}""", HealthStatus.Progressing, "1 of 2 replicas updated")]
    [InlineData("apps/v1", "StatefulSet", """{"spec":{"replicas":1},"status":{"observedGeneration":1,"readyReplicas":1,"currentRevision":"a","updateRevision":"a"}}""", HealthStatus.Healthy, "")]
    [InlineData("apps/v1", "DaemonSet", """{"status":{"observedGeneration":1,"desiredNumberScheduled":3,"updatedNumberScheduled":3,"numberAvailable":2}}""", HealthStatus.Progressing, "2 of 3 pods available")]
    [InlineData("apps/v1", "ReplicaSet", """{"spec":{"replicas":2},"status":{"conditions":[{"type":"ReplicaFailure","status":"True","message":"quota"}]}}""", HealthStatus.Degraded, "quota")]
    [InlineData("batch/v1", "Job", """{"spec":{"completions":2},"status":{"succeeded":1}}""", HealthStatus.Progressing, "1 of 2 completions")]
    [InlineData("batch/v1", "Job", """{"status":{"conditions":[{"type":"Failed","status":"True","message":"backoff limit"}]}}""", HealthStatus.Degraded, "backoff limit")]
    [InlineData("batch/v1", "Job", """{"status":{"conditions":[{"type":"Complete","status":"True"}]}}""", HealthStatus.Healthy, "")]
    [InlineData("batch/v1", "CronJob", """{"spec":{"suspend":true}}""", HealthStatus.Suspended, "suspended")]
    [InlineData("v1", "Pod", """{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}""", HealthStatus.Healthy, "")]
    [InlineData("v1", "Pod", """{"status":{"phase":"Running","containerStatuses":[{"name":"web","ready":false,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}""", HealthStatus.Degraded, "web: CrashLoopBackOff")]
    [InlineData("v1", "Pod", """{"status":{"phase":"Pending","containerStatuses":[{"name":"web","state":{"waiting":{"reason":"ErrImagePull","message":"not found"}}}]}}""", HealthStatus.Degraded, "web: ErrImagePull: not found")]
    [InlineData("v1", "Pod", """{"status":{"phase":"Running","containerStatuses":[{"name":"web","ready":false,"restartCount":4,"state":{"running":{}},"lastState":{"terminated":{"exitCode":1}}}]}}""", HealthStatus.Degraded, "web: not ready, restarted 4 times")]
    [InlineData("v1", "Pod", """{"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","message":"0/3 nodes are available"}]}}""", HealthStatus.Progressing, "0/3 nodes are available")]
    [InlineData("v1", "Pod", """{"status":{"phase":"Failed","containerStatuses":[{"name":"m","state":{"terminated":{"exitCode":3}}}]}}""", HealthStatus.Degraded, "m: exit code 3")]
    [InlineData("v1", "Pod", """{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}""", HealthStatus.Progressing, "being deleted")]
    [InlineData("v1", "Service", """{"spec":{"type":"LoadBalancer"},"status":{"loadBalancer":{}}}""", HealthStatus.Progressing, "no load balancer yet")]
    [InlineData("v1", "Service", """{"spec":{"type":"ClusterIP"}}""", HealthStatus.Healthy, "")]
    [InlineData("v1", "PersistentVolumeClaim", """{"status":{"phase":"Lost"}}""", HealthStatus.Degraded, "its volume is lost")]
    [InlineData("v1", "Node", """{"spec":{"unschedulable":true},"status":{"conditions":[{"type":"Ready","status":"True"}]}}""", HealthStatus.Suspended, "cordoned")]
    [InlineData("v1", "ConfigMap", """{"data":{}}""", HealthStatus.Healthy, "")]
    [InlineData("example.com/v1", "Widget", """{"status":{"conditions":[{"type":"Ready","status":"False","message":"no database"}]}}""", HealthStatus.Degraded, "no database")]
    [InlineData("example.com/v1", "Widget", """{"status":{"conditions":[{"type":"Stalled","status":"True","message":"stuck"}]}}""", HealthStatus.Degraded, "stuck")]
    [InlineData("example.com/v1", "Widget", """{"metadata":{"generation":3},"status":{"observedGeneration":2}}""", HealthStatus.Progressing, "generation 3 is not observed yet, 2 is")]
    [InlineData("argoproj.io/v1alpha1", "Application", """{"status":{"health":{"status":"Missing","message":"gone"}}}""", HealthStatus.Missing, "gone")]
    public void Health_is_what_the_status_says(string version, string kind, string fields, HealthStatus status, string message)
    {
        var health = ObjectHealth.Of(Encoding.UTF8.GetBytes("{\"apiVersion\":\"" + version + "\",\"kind\":\"" + kind + "\"," + fields[1..]));
        Assert.Equal((status, message), (health.Status, health.Message));
    }
}
