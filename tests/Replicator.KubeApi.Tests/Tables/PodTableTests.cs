using Replicator.KubeApi.Tables;
using Xunit;

namespace Replicator.KubeApi.Tests.Tables;

/// <summary>What a pod's containers make of its row.</summary>
public sealed class PodTableTests
{
    static readonly string Minutes2 = Printed.Ago(TimeSpan.FromMinutes(2));
    static readonly string Hours5 = Printed.Ago(TimeSpan.FromHours(5));

    [Theory]
    [InlineData("""{"phase":"Pending"}""", "0/2", "Pending")]
    [InlineData("""{"phase":"Failed","reason":"Evicted"}""", "0/2", "Evicted")]
    [InlineData("""{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]}""", "0/2", "SchedulingGated")]
    [InlineData("""{"phase":"Running","containerStatuses":[{"ready":true,"state":{"running":{}}},{"ready":true,"state":{"running":{}}}]}""", "2/2", "Running")]
    [InlineData("""{"phase":"Running","containerStatuses":[{"ready":false,"state":{"running":{}}},{"ready":true,"state":{"running":{}}}]}""", "1/2", "Running")]
    [InlineData("""{"phase":"Running","containerStatuses":[{"ready":true,"state":{}},{"ready":true,"state":{"running":{}}}]}""", "1/2", "Running")]
    [InlineData("""{"phase":"Running","containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}}},{"state":{"waiting":{"reason":"ImagePullBackOff"}}}]}""", "0/2", "CrashLoopBackOff")]
    [InlineData("""{"phase":"Running","containerStatuses":[{"state":{"running":{}},"ready":true},{"state":{"waiting":{"reason":"ImagePullBackOff"}}}]}""", "1/2", "ImagePullBackOff")]
    [InlineData("""{"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":137,"signal":9}}}]}""", "0/2", "Signal:9")]
    [InlineData("""{"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":3}}}]}""", "0/2", "ExitCode:3")]
    [InlineData("""{"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}""", "0/2", "OOMKilled")]
    // One of two is done: what that makes of the pod depends on the other.
    [InlineData("""{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"state":{"terminated":{"reason":"Completed"}}},{"ready":true,"state":{"running":{}}}]}""", "1/2", "Running")]
    [InlineData("""{"phase":"Running","containerStatuses":[{"state":{"terminated":{"reason":"Completed"}}},{"ready":true,"state":{"running":{}}}]}""", "1/2", "NotReady")]
    [InlineData("""{"phase":"Running","containerStatuses":[{"state":{"terminated":{"reason":"Completed"}}},{"state":{"terminated":{"reason":"Error","exitCode":1}}}]}""", "0/2", "Error")]
    [InlineData("""{"phase":"Running","containerStatuses":[{"state":{"terminated":{"reason":"Completed"}}},{"state":{"terminated":{"exitCode":7}}}]}""", "0/2", "ExitCode:7")]
    [InlineData("""{"phase":"Succeeded","containerStatuses":[{"state":{"terminated":{"reason":"Completed"}}},{"state":{"terminated":{"reason":"Completed"}}}]}""", "0/2", "Completed")]
    public void Readiness_and_reason_follow_from_the_containers(string status, string ready, string reason)
    {
        var cells = Print("""{"containers":[{},{}]}""", status);
        Assert.Equal((ready, reason), (cells["Ready"], cells["Status"]));
    }

    [Theory]
    [InlineData("""{"phase":"Pending","initContainerStatuses":[{"name":"one","state":{"waiting":{"reason":"PodInitializing"}}}]}""", "Init:0/2")]
    [InlineData("""{"phase":"Pending","initContainerStatuses":[{"name":"one","state":{"terminated":{"exitCode":0}}},{"name":"two","state":{"running":{}}}]}""", "Init:1/2")]
    [InlineData("""{"phase":"Pending","initContainerStatuses":[{"name":"one","state":{"waiting":{"reason":"ErrImagePull"}}}]}""", "Init:ErrImagePull")]
    [InlineData("""{"phase":"Pending","initContainerStatuses":[{"name":"one","state":{"terminated":{"exitCode":1,"reason":"Error"}}}]}""", "Init:Error")]
    [InlineData("""{"phase":"Pending","initContainerStatuses":[{"name":"one","state":{"terminated":{"exitCode":143,"signal":15}}}]}""", "Init:Signal:15")]
    [InlineData("""{"phase":"Pending","initContainerStatuses":[{"name":"one","state":{"terminated":{"exitCode":2}}}]}""", "Init:ExitCode:2")]
    [InlineData("""{"phase":"Running","conditions":[{"type":"Initialized","status":"True"}],"initContainerStatuses":[{"name":"one","state":{"running":{}}}],"containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]}""", "ContainerCreating")]
    public void Init_containers_come_first(string status, string reason) =>
        Assert.Equal(reason, Print("""{"containers":[{}],"initContainers":[{"name":"one"},{"name":"two"}]}""", status)["Status"]);

    [Fact]
    public void A_sidecar_counts_as_a_container_and_does_not_hold_up_the_pod()
    {
        const string Spec = """{"containers":[{"name":"app"}],"initContainers":[{"name":"proxy","restartPolicy":"Always"},{"name":"migrate"}]}""";
        var starting = Print(Spec, """{"phase":"Pending","initContainerStatuses":[{"name":"proxy","state":{"running":{}},"started":false}]}""");
        Assert.Equal(("0/2", "Init:0/2"), (starting["Ready"], starting["Status"]));
        var migrating = Print(Spec, """{"phase":"Pending","initContainerStatuses":[{"name":"proxy","state":{"running":{}},"started":true,"ready":true},{"name":"migrate","state":{"running":{}}}]}""");
        Assert.Equal(("1/2", "Init:1/2"), (migrating["Ready"], migrating["Status"]));
        var running = Print(Spec, $$$"""
            {"phase":"Running","initContainerStatuses":[
              {"name":"proxy","state":{"running":{}},"started":true,"ready":true,"restartCount":2,"lastState":{"terminated":{"finishedAt":"{{{Minutes2}}}"} } },
              {"name":"migrate","state":{"terminated":{"exitCode":0}},"restartCount":7,"lastState":{"terminated":{"finishedAt":"{{{Printed.Ago(TimeSpan.FromSeconds(9))}}}"} } }],
             "containerStatuses":[{"name":"app","ready":true,"state":{"running":{}},"restartCount":1,"lastState":{"terminated":{"finishedAt":"{{{Hours5}}}"} } }]}
            """);
        // The restarts of what ran before the pod was ready are no restarts of the pod.
        Assert.Equal(("2/2", "Running", "3 (2m ago)"), (running["Ready"], running["Status"], running["Restarts"]));
    }

    [Fact]
    public void Statuses_are_matched_to_init_containers_by_name()
    {
        var cells = Print("""{"containers":[{}],"initContainers":[{"name":"migrate"},{"name":"proxy","restartPolicy":"Always"}]}""",
            """{"phase":"Pending","initContainerStatuses":[{"name":"proxy","started":true,"ready":true,"state":{"running":{}}},{"name":"migrate","state":{"running":{}}}]}""");
        Assert.Equal(("1/2", "Init:1/2"), (cells["Ready"], cells["Status"]));
    }

    [Theory]
    [InlineData(0, true, "0")]
    [InlineData(3, true, "3 (2m ago)")]
    [InlineData(3, false, "3")]
    public void Restarts_tell_when_the_last_was(int count, bool isDated, string expected)
    {
        var last = isDated ? $$$""","lastState":{"terminated":{"finishedAt":"{{{Minutes2}}}"}}""" : "";
        var earlier = isDated ? $$$""","lastState":{"terminated":{"finishedAt":"{{{Hours5}}}"}}""" : "";
        var cells = Print("""{"containers":[{},{}]}""", $$"""{"phase":"Running","containerStatuses":[{"restartCount":{{count}}{{last}} },{"restartCount":0{{earlier}} }]}""");
        Assert.Equal(expected, cells["Restarts"]);
    }

    [Fact]
    public void Restarts_of_init_containers_count_while_they_run() =>
        Assert.Equal("4 (5h ago)", Print("""{"containers":[{}],"initContainers":[{"name":"one"},{"name":"two"}]}""", $$$"""
            {"phase":"Pending","initContainerStatuses":[{"name":"one","restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"finishedAt":"{{{Hours5}}}"} } },{"name":"two","restartCount":9}]}
            """)["Restarts"]);

    [Theory]
    [InlineData("""{"phase":"Running"}""", "Terminating")]
    [InlineData("""{"phase":"Running","reason":"NodeLost"}""", "Unknown")]
    [InlineData("""{"phase":"Succeeded","containerStatuses":[{"state":{"terminated":{"reason":"Completed"}}}]}""", "Completed")]
    [InlineData("""{"phase":"Failed","reason":"Evicted"}""", "Evicted")]
    public void A_pod_that_is_being_deleted_says_so_until_it_has_ended(string status, string reason)
    {
        var json = $$"""{"metadata":{"name":"web","deletionTimestamp":"{{Minutes2}}"},"spec":{"containers":[{}]},"status":{{status}} }""";
        Assert.Equal(reason, Printed.Cells("pods", json)["Status"]);
    }

    [Theory]
    [InlineData("Succeeded", "The pod has completed successfully.")]
    [InlineData("Failed", "The pod failed.")]
    [InlineData("Running", null)]
    public void The_row_of_a_pod_that_has_ended_is_marked(string phase, string? message)
    {
        var conditions = Printed.Row(TableDefinitions.For("", "v1", "pods", null), $$"""{"status":{"phase":"{{phase}}"} }""", Printed.Now)["conditions"];
        Assert.Equal(message is null ? null : $$"""[{"type":"Completed","status":"True","reason":"{{phase}}","message":"{{message}}"}]""", conditions?.ToJsonString());
    }

    [Fact]
    public void Wide_columns_show_address_node_and_readiness_gates()
    {
        var bare = Print("{}", "{}");
        Assert.Equal(("<none>", "<none>", "<none>", "<none>"), (bare["IP"], bare["Node"], bare["Nominated Node"], bare["Readiness Gates"]));
        var full = Print("""{"nodeName":"node-1","readinessGates":[{"conditionType":"lb"},{"conditionType":"dns"},{"conditionType":"none"}]}""",
            """{"podIPs":[{"ip":"10.1.1.1"},{"ip":"fd00::1"}],"nominatedNodeName":"node-2","conditions":[{"type":"lb","status":"True"},{"type":"dns","status":"False"},{"type":"dns","status":"True"}]}""");
        Assert.Equal(("10.1.1.1", "node-1", "node-2", "1/3"), (full["IP"], full["Node"], full["Nominated Node"], full["Readiness Gates"]));
        Assert.Equal("10.2.2.2", Print("{}", """{"podIP":"10.2.2.2"}""")["IP"]);
    }

    static Dictionary<string, string> Print(string spec, string status) => Printed.Cells("pods", $$"""{"metadata":{"name":"web-1"},"spec":{{spec}},"status":{{status}} }""");
}
