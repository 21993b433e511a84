using System.Globalization;
using System.Text.Json;
using Replicator.Core.Json;
using Replicator.KubeApi.Tables;
using Xunit;

namespace Replicator.KubeApi.Tests.Tables;

/// <summary>Branches of the server's printers that no recorded object takes.</summary>
public sealed class BuiltInTablesTests
{
    static readonly string Minutes2 = Printed.Ago(TimeSpan.FromMinutes(2));

    [Theory]
    [InlineData("""{"type":"ClusterIP","clusterIPs":["None"]}""", "", "None", "<none>", "<none>")]
    [InlineData("""{"type":"ClusterIP","clusterIPs":["10.0.0.1"],"externalIPs":["1.1.1.1","2.2.2.2"],"ports":[{"port":80,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]}""", "", "10.0.0.1", "1.1.1.1,2.2.2.2", "80/TCP,53/UDP")]
    [InlineData("""{"type":"NodePort","clusterIP":"10.0.0.1","ports":[{"port":80,"nodePort":30080,"protocol":"TCP"}]}""", "", "10.0.0.1", "<none>", "80:30080/TCP")]
    [InlineData("""{"type":"LoadBalancer","clusterIPs":["10.0.0.1"]}""", "", "10.0.0.1", "<pending>", "<none>")]
    [InlineData("""{"type":"LoadBalancer","clusterIPs":["10.0.0.1"]}""", """{"ip":"9.9.9.9"},{"hostname":"a-very-long-name.elb.example.com"},{"ip":"9.9.9.9"},{}""", "10.0.0.1", "9.9.9.9,a-very-long-name.elb.example.com", "<none>")]
    [InlineData("""{"type":"LoadBalancer","clusterIPs":["10.0.0.1"],"externalIPs":["1.1.1.1"]}""", """{"ip":"9.9.9.9","hostname":"x"},{"ip":"10.9.9.9"}""", "10.0.0.1", "10.9.9.9,9.9.9.9,1.1.1.1", "<none>")]
    [InlineData("""{"type":"ExternalName","externalName":"db.example.com"}""", "", "<none>", "db.example.com", "<none>")]
    [InlineData("""{"type":"Sideways"}""", "", "<none>", "<unknown>", "<none>")]
    public void A_service_shows_where_it_is_reached(string spec, string ingress, string clusterIP, string externalIP, string ports)
    {
        var cells = Printed.Cells("services", $$$"""{"spec":{{{spec}}},"status":{"loadBalancer":{"ingress":[{{{ingress}}}]} } }""");
        Assert.Equal((clusterIP, externalIP, ports), (cells["Cluster-IP"], cells["External-IP"], cells["Port(s)"]));
    }

    [Fact]
    public void Labels_are_in_the_order_of_their_whole_text()
    {
        // '-' and '.' come before '=', so that a-b goes before a.
        var cells = Printed.Cells("services", """{"spec":{"selector":{"a":"1","a-b":"2","a.c":"3","z":"","app":"\u0077eb"}}}""");
        Assert.Equal("a-b=2,a.c=3,a=1,app=web,z=", cells["Selector"]);
    }

    [Theory]
    [InlineData("""{"matchLabels":{"b":"2","a":"1"}}""", "a=1,b=2")]
    [InlineData("""{"matchLabels":{"b":"2"},"matchExpressions":[{"key":"c","operator":"Exists"},{"key":"a","operator":"DoesNotExist"},{"key":"b","operator":"In","values":["y","x"]},{"key":"d","operator":"NotIn","values":["q"]}]}""", "!a,b=2,b in (x,y),c,d notin (q)")]
    [InlineData("{}", "<none>")]
    [InlineData("""{"matchExpressions":[{"key":"a","operator":"In"}]}""", "<error>")]
    [InlineData("""{"matchExpressions":[{"key":"a","operator":"Exists","values":["x"]}]}""", "<error>")]
    [InlineData("""{"matchExpressions":[{"key":"a","operator":"Near"}]}""", "<error>")]
    public void A_label_selector_reads_as_kubectl_takes_it(string selector, string expected)
    {
        Assert.Equal(expected, Printed.Cells("networkpolicies.networking.k8s.io", $$$"""{"spec":{"podSelector":{{{selector}}} } }""")["Pod-Selector"]);
        var ofDeployment = expected is "<error>" ? "<invalid>" : expected is "<none>" ? "" : expected;
        Assert.Equal(ofDeployment, Printed.Cells("deployments.apps", $$$"""{"spec":{"selector":{{{selector}}} } }""")["Selector"]);
    }

    [Fact]
    public void A_node_shows_its_state_roles_and_addresses()
    {
        var bare = Printed.Cells("nodes", "{}");
        Assert.Equal(("Unknown", "<none>", "<none>", "<unknown>"), (bare["Status"], bare["Roles"], bare["Internal-IP"], bare["OS-Image"]));
        var cells = Printed.Cells("nodes", """
            {"metadata":{"labels":{"node-role.kubernetes.io/worker":"","node-role.kubernetes.io/control-plane":"","node-role.kubernetes.io/":"","kubernetes.io/role":"worker","x":"y"}},
             "spec":{"unschedulable":true},
             "status":{"conditions":[{"type":"DiskPressure","status":"True"},{"type":"Ready","status":"Unknown"}],
               "addresses":[{"type":"Hostname","address":"n"},{"type":"InternalIP","address":"10.0.0.1"},{"type":"InternalIP","address":"fd00::1"},{"type":"ExternalIP","address":"1.1.1.1"}],
               "nodeInfo":{"kubeletVersion":"v1.36.2","kernelVersion":"6.1","architecture":"arm64","containerRuntimeVersion":"containerd://2"}}}
            """);
        Assert.Equal(("NotReady,SchedulingDisabled", "control-plane,worker", "10.0.0.1", "1.1.1.1"), (cells["Status"], cells["Roles"], cells["Internal-IP"], cells["External-IP"]));
        Assert.Equal(("v1.36.2", "<unknown>", "6.1 (arm64)", "containerd://2"), (cells["Version"], cells["OS-Image"], cells["Kernel-Version"], cells["Container-Runtime"]));
    }

    [Theory]
    [InlineData("""{"conditions":[{"type":"Complete","status":"True"}]}""", "Complete")]
    [InlineData("""{"conditions":[{"type":"Complete","status":"False"},{"type":"Failed","status":"True"}]}""", "Failed")]
    [InlineData("""{"conditions":[{"type":"Suspended","status":"True"}]}""", "Suspended")]
    [InlineData("""{"conditions":[{"type":"FailureTarget","status":"True"}]}""", "FailureTarget")]
    [InlineData("""{"conditions":[{"type":"SuccessCriteriaMet","status":"True"}]}""", "SuccessCriteriaMet")]
    [InlineData("{}", "Running")]
    public void A_job_shows_its_state(string status, string expected)
    {
        Assert.Equal(expected, Printed.Cells("jobs.batch", $$"""{"status":{{status}} }""")["Status"]);
        var whenDeleted = expected is "Complete" or "Failed" ? expected : "Terminating";
        Assert.Equal(whenDeleted, Printed.Cells("jobs.batch", $$$"""{"metadata":{"deletionTimestamp":"{{{Minutes2}}}"},"status":{{{status}}} }""")["Status"]);
    }

    [Theory]
    [InlineData("""{"completions":5}""", "2/5")]
    [InlineData("{}", "2/1")]
    [InlineData("""{"parallelism":1}""", "2/1")]
    [InlineData("""{"parallelism":3}""", "2/1 of 3")]
    public void A_job_shows_how_many_are_done(string spec, string expected) =>
        Assert.Equal(expected, Printed.Cells("jobs.batch", $$$"""{"spec":{{{spec}}},"status":{"succeeded":2}}""")["Completions"]);

    [Fact]
    public void A_job_that_runs_has_lasted_until_now()
    {
        Assert.Equal("", Printed.Cells("jobs.batch", "{}")["Duration"]);
        Assert.Equal("2m", Printed.Cells("jobs.batch", $$$"""{"status":{"startTime":"{{{Minutes2}}}"}}""")["Duration"]);
        Assert.Equal("90s", Printed.Cells("jobs.batch", $$$"""{"status":{"startTime":"{{{Minutes2}}}","completionTime":"{{{Printed.Ago(TimeSpan.FromSeconds(30))}}}"}}""")["Duration"]);
    }

    [Fact]
    public void A_cron_job_shows_schedule_zone_and_last_run()
    {
        var bare = Printed.Cells("cronjobs.batch", """{"spec":{"schedule":"@daily"}}""");
        Assert.Equal(("@daily", "<none>", "<unset>", "0", "<none>"), (bare["Schedule"], bare["Timezone"], bare["Suspend"], bare["Active"], bare["Last Schedule"]));
        var cells = Printed.Cells("cronjobs.batch", $$$"""{"spec":{"suspend":true,"timeZone":"Europe/Berlin"},"status":{"active":[{},{}],"lastScheduleTime":"{{{Minutes2}}}"}}""");
        Assert.Equal(("Europe/Berlin", "True", "2", "2m"), (cells["Timezone"], cells["Suspend"], cells["Active"], cells["Last Schedule"]));
    }

    [Fact]
    public void An_event_shows_its_series_before_its_count_and_falls_back_to_the_time_of_the_newer_api()
    {
        var series = Printed.Cells("events", $$$"""
            {"metadata":{"name":"e"},"type":"Warning","reason":"BackOff","involvedObject":{"kind":"Pod","name":"web","fieldPath":"spec.containers{app}"},"source":{"component":"kubelet","host":"node-1"},
             "message":"  two\nlines\t\n","firstTimestamp":null,"lastTimestamp":null,"eventTime":"{{{Printed.Ago(TimeSpan.FromHours(1))}}}","series":{"count":7,"lastObservedTime":"{{{Minutes2}}}"},"count":3}
            """);
        Assert.Equal(("2m", "60m", "7", "pod/web"), (series["Last Seen"], series["First Seen"], series["Count"], series["Object"]));
        Assert.Equal(("kubelet, node-1", "two\nlines", "spec.containers{app}"), (series["Source"], series["Message"], series["Subobject"]));
        var single = Printed.Cells("events", $$$"""{"involvedObject":{"kind":"Node"},"reportingComponent":"scheduler","reportingInstance":"s-0","eventTime":"{{{Minutes2}}}"}""");
        Assert.Equal(("2m", "2m", "1", "node", "scheduler, s-0"), (single["Last Seen"], single["First Seen"], single["Count"], single["Object"], single["Source"]));
        var newer = Printed.Cells("events.events.k8s.io", $$$"""
            {"regarding":{"kind":"Pod","name":"web"},"note":"pulled","deprecatedCount":4,"deprecatedFirstTimestamp":"{{{Printed.Ago(TimeSpan.FromHours(9))}}}","deprecatedLastTimestamp":"{{{Minutes2}}}","reportingController":"kubelet"}
            """);
        Assert.Equal(("2m", "9h", "4", "pod/web", "kubelet", "pulled"), (newer["Last Seen"], newer["First Seen"], newer["Count"], newer["Object"], newer["Source"], newer["Message"]));
        Assert.Equal("<unknown>", Printed.Cells("events", "{}")["Last Seen"]);
    }

    [Fact]
    public void A_volume_shows_its_capacity_modes_and_claim()
    {
        var cells = Printed.Cells("persistentvolumes", """
            {"metadata":{"annotations":{"volume.beta.kubernetes.io/storage-class":"old"}},
             "spec":{"capacity":{"storage":"10Gi"},"accessModes":["ReadWriteMany","ReadOnlyMany","ReadWriteOnce","ReadWriteOncePod","ReadWriteMany"],"persistentVolumeReclaimPolicy":"Retain","claimRef":{"namespace":"shop","name":"data"},"storageClassName":"new","volumeMode":"Block"},
             "status":{"phase":"Bound","reason":"Because"}}
            """);
        Assert.Equal(("10Gi", "RWO,ROX,RWX,RWOP", "Retain", "Bound", "shop/data"), (cells["Capacity"], cells["Access Modes"], cells["Reclaim Policy"], cells["Status"], cells["Claim"]));
        Assert.Equal(("old", "<unset>", "Because", "Block"), (cells["StorageClass"], cells["VolumeAttributesClass"], cells["Reason"], cells["VolumeMode"]));
        var deleted = Printed.Cells("persistentvolumes", $$$"""{"metadata":{"deletionTimestamp":"{{{Minutes2}}}"},"status":{"phase":"Bound"}}""");
        Assert.Equal(("0", "", "Terminating", "", "<unset>"), (deleted["Capacity"], deleted["Access Modes"], deleted["Status"], deleted["Claim"], deleted["VolumeMode"]));
    }

    [Fact]
    public void A_claim_shows_capacity_only_once_it_is_bound()
    {
        const string Status = """{"phase":"Pending","capacity":{"storage":"5Gi"},"accessModes":["ReadWriteOnce"]}""";
        var pending = Printed.Cells("persistentvolumeclaims", $$$"""{"spec":{"storageClassName":"fast"},"status":{{{Status}}} }""");
        Assert.Equal(("Pending", "", "", "", "fast", "<unset>"), (pending["Status"], pending["Volume"], pending["Capacity"], pending["Access Modes"], pending["StorageClass"], pending["VolumeMode"]));
        var bound = Printed.Cells("persistentvolumeclaims", $$$"""{"spec":{"volumeName":"pv-1","volumeMode":"Filesystem","volumeAttributesClassName":"gold"},"status":{{{Status}}} }""");
        Assert.Equal(("pv-1", "5Gi", "RWO", "gold", "Filesystem"), (bound["Volume"], bound["Capacity"], bound["Access Modes"], bound["VolumeAttributesClass"], bound["VolumeMode"]));
    }

    [Theory]
    [InlineData("{}", "Pending")]
    [InlineData("""{"conditions":[{"type":"Approved"}]}""", "Approved")]
    [InlineData("""{"conditions":[{"type":"Approved"}],"certificate":"LS0t"}""", "Approved,Issued")]
    [InlineData("""{"conditions":[{"type":"Approved"},{"type":"Denied"}]}""", "Denied")]
    [InlineData("""{"conditions":[{"type":"Approved"},{"type":"Failed"}]}""", "Approved,Failed")]
    public void A_signing_request_shows_what_became_of_it(string status, string expected) =>
        Assert.Equal(expected, Printed.Cells("certificatesigningrequests.certificates.k8s.io", $$"""{"status":{{status}} }""")["Condition"]);

    [Fact]
    public void A_signing_request_shows_signer_requestor_and_duration()
    {
        var bare = Printed.Cells("certificatesigningrequests.certificates.k8s.io", "{}");
        Assert.Equal(("<none>", "", "<none>"), (bare["SignerName"], bare["Requestor"], bare["RequestedDuration"]));
        var cells = Printed.Cells("certificatesigningrequests.certificates.k8s.io", """{"spec":{"signerName":"kubernetes.io/kubelet-serving","username":"system:node:n","expirationSeconds":86400}}""");
        Assert.Equal(("kubernetes.io/kubelet-serving", "system:node:n", "24h"), (cells["SignerName"], cells["Requestor"], cells["RequestedDuration"]));
    }

    [Theory]
    [InlineData("""{"type":"Resource","resource":{"name":"cpu","target":{"averageUtilization":70}}}""", """{"type":"Resource","resource":{"current":{"averageUtilization":12}}}""", "cpu: 12%/70%")]
    [InlineData("""{"type":"Resource","resource":{"name":"cpu","target":{"averageUtilization":70}}}""", null, "cpu: <unknown>/70%")]
    [InlineData("""{"type":"Resource","resource":{"name":"cpu","target":{}}}""", null, "cpu: <unknown>/<auto>")]
    [InlineData("""{"type":"Resource","resource":{"name":"memory","target":{"averageValue":"1Gi"}}}""", """{"resource":{"current":{"averageValue":"512Mi"}}}""", "memory: 512Mi/1Gi")]
    [InlineData("""{"type":"ContainerResource","containerResource":{"name":"cpu","container":"app","target":{"averageUtilization":50}}}""", """{"containerResource":{"current":{"averageUtilization":5}}}""", "cpu: 5%/50%")]
    [InlineData("""{"type":"Pods","pods":{"target":{"averageValue":"100m"}}}""", """{"pods":{"current":{"averageValue":"90m"}}}""", "90m/100m")]
    [InlineData("""{"type":"Pods","pods":{"target":{"averageValue":"100m"}}}""", null, "<unknown>/100m")]
    [InlineData("""{"type":"Object","object":{"target":{"value":"10"}}}""", """{"object":{"current":{"value":"4"}}}""", "4/10")]
    [InlineData("""{"type":"Object","object":{"target":{"averageValue":"10"}}}""", """{"object":{"current":{"averageValue":"4"}}}""", "4/10 (avg)")]
    [InlineData("""{"type":"External","external":{"target":{"value":"10"}}}""", null, "<unknown>/10")]
    [InlineData("""{"type":"External","external":{"target":{"averageValue":"10"}}}""", """{"external":{"current":{"value":"4"}}}""", "<unknown>/10 (avg)")]
    [InlineData("""{"type":"Later"}""", null, "<unknown type>")]
    public void An_autoscaler_shows_every_kind_of_metric(string spec, string? status, string expected)
    {
        var cells = Printed.Cells("horizontalpodautoscalers.autoscaling", $$$"""{"spec":{"metrics":[{{{spec}}}]},"status":{"currentMetrics":[{{{status}}}]}}""", "v2");
        Assert.Equal(expected, cells["Targets"]);
    }

    [Fact]
    public void An_autoscaler_shows_two_metrics_and_counts_the_others()
    {
        const string Metric = """{"type":"Pods","pods":{"target":{"averageValue":"1"}}}""";
        var cells = Printed.Cells("horizontalpodautoscalers.autoscaling", $$$"""{"spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":9,"metrics":[{{{Metric}}},{{{Metric}}},{{{Metric}}},{{{Metric}}}]},"status":{"currentReplicas":3}}""", "v2");
        Assert.Equal(("<unknown>/1, <unknown>/1 + 2 more...", "<unset>", "9", "3", "Deployment/web"), (cells["Targets"], cells["MinPods"], cells["MaxPods"], cells["Replicas"], cells["Reference"]));
        Assert.Equal("<none>", Printed.Cells("horizontalpodautoscalers.autoscaling", "{}", "v2")["Targets"]);
    }

    [Theory]
    [InlineData("", "", """{"targetCPUUtilizationPercentage":70}""", """{"currentCPUUtilizationPercentage":12}""", "cpu: 12%/70%")]
    [InlineData("""[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1Gi"}}]""", "", """{"targetCPUUtilizationPercentage":70}""", "{}", "memory: <unknown>/1Gi, cpu: <unknown>/70%")]
    [InlineData("""[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"5"}}]""",
        """[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":3}},{"type":"Pods","pods":{"currentAverageValue":"4"}}]""", """{"targetCPUUtilizationPercentage":70}""", "{}", "cpu: 3%/70%, 4/5")]
    [InlineData("""[{"type":"External","external":{"targetAverageValue":"5"}},{"type":"Object","object":{"targetValue":"7"}}]""", """[{"type":"External","external":{"currentAverageValue":"1"}},{"type":"Object","object":{"currentValue":"2"}}]""", "{}", "{}", "1/5 (avg), 2/7")]
    [InlineData("not json", "[]", "{}", "{}", "<none>")]
    public void An_autoscaler_of_the_first_version_has_metrics_in_annotations(string metrics, string current, string spec, string status, string expected)
    {
        var annotations = $$"""{"autoscaling.alpha.kubernetes.io/metrics":{{JsonSerializer.Serialize(metrics)}},"autoscaling.alpha.kubernetes.io/current-metrics":{{JsonSerializer.Serialize(current)}} }""";
        Assert.Equal(expected, Printed.Cells("horizontalpodautoscalers.autoscaling", $$$"""{"metadata":{"annotations":{{{annotations}}} },"spec":{{{spec}}},"status":{{{status}}} }""")["Targets"]);
    }

    [Theory]
    [InlineData("[]", "<none>")]
    [InlineData("""[{"addresses":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}],"ports":[{"port":80},{"port":443}]}]""", "10.0.0.1:80,[fd00::1]:80,10.0.0.1:443 + 1 more...")]
    [InlineData("""[{"addresses":[{"ip":"10.0.0.1"}]},{"addresses":[{"ip":"10.0.0.2"}]}]""", "10.0.0.1,10.0.0.2")]
    [InlineData("""[{"notReadyAddresses":[{"ip":"10.0.0.1"}],"ports":[{"port":80}]}]""", "")]
    public void Endpoints_show_three_addresses(string subsets, string expected) => Assert.Equal(expected, Printed.Cells("endpoints", $$"""{"subsets":{{subsets}} }""")["Endpoints"]);

    [Fact]
    public void An_endpoint_slice_shows_three_ports_and_addresses()
    {
        var bare = Printed.Cells("endpointslices.discovery.k8s.io", """{"addressType":"IPv4"}""");
        Assert.Equal(("IPv4", "<unset>", "<unset>"), (bare["AddressType"], bare["Ports"], bare["Endpoints"]));
        var cells = Printed.Cells("endpointslices.discovery.k8s.io",
            """{"ports":[{"port":80},{"name":"http"},{},{"port":1}],"endpoints":[{"addresses":["a","b"]},{"addresses":["c"]},{"addresses":["d","e"]}]}""");
        Assert.Equal(("80,http,* + 1 more...", "a,b,c + 2 more..."), (cells["Ports"], cells["Endpoints"]));
    }

    [Fact]
    public void An_ingress_shows_class_hosts_and_address()
    {
        var bare = Printed.Cells("ingresses.networking.k8s.io", """{"spec":{"rules":[{}]}}""");
        Assert.Equal(("<none>", "*", "", "80"), (bare["Class"], bare["Hosts"], bare["Address"], bare["Ports"]));
        var cells = Printed.Cells("ingresses.networking.k8s.io", """
            {"spec":{"ingressClassName":"nginx","tls":[{}],"rules":[{"host":"a"},{},{"host":"b"},{"host":"c"},{"host":"d"}]},"status":{"loadBalancer":{"ingress":[{"hostname":"lb.example.com"},{"ip":"1.1.1.1"}]}}}
            """);
        Assert.Equal(("nginx", "a,b,c + 2 more...", "1.1.1.1,lb.example.com", "80, 443"), (cells["Class"], cells["Hosts"], cells["Address"], cells["Ports"]));
    }

    [Fact]
    public void References_read_as_paths()
    {
        Assert.Equal("<none>", Printed.Cells("ingressclasses.networking.k8s.io", "{}")["Parameters"]);
        Assert.Equal("Params.example.com/p", Printed.Cells("ingressclasses.networking.k8s.io", """{"spec":{"parameters":{"kind":"Params","apiGroup":"example.com","name":"p"}}}""")["Parameters"]);
        Assert.Equal("gateways.gateway.networking.k8s.io/shop/gw", Printed.Cells("ipaddresses.networking.k8s.io", """{"spec":{"parentRef":{"group":"gateway.networking.k8s.io","resource":"Gateways","namespace":"shop","name":"gw"}}}""")["ParentRef"]);
        Assert.Equal("<none>", Printed.Cells("ipaddresses.networking.k8s.io", "{}")["ParentRef"]);
        Assert.Equal("node/n", Printed.Cells("controllerrevisions.apps", """{"metadata":{"ownerReferences":[{"kind":"X","name":"x"},{"controller":true,"apiVersion":"v1","kind":"Node","name":"n"}]}}""")["Controller"]);
        Assert.Equal("<none>", Printed.Cells("controllerrevisions.apps", "{}")["Controller"]);
    }

    [Fact]
    public void A_binding_shows_users_groups_and_service_accounts()
    {
        var cells = Printed.Cells("rolebindings.rbac.authorization.k8s.io", """
            {"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"User","name":"ann"},{"kind":"Group","name":"devs"},{"kind":"ServiceAccount","namespace":"shop","name":"ci"},{"kind":"User","name":"bob"},{"kind":"Robot","name":"r"}]}
            """);
        Assert.Equal(("Role/reader", "ann, bob", "devs", "shop/ci"), (cells["Role"], cells["Users"], cells["Groups"], cells["ServiceAccounts"]));
    }

    [Fact]
    public void A_quota_parts_requests_and_limits()
    {
        var cells = Printed.Cells("resourcequotas", """{"status":{"hard":{"pods":"10","limits.cpu":"4","cpu":"2","limits.memory":"8Gi"},"used":{"pods":"3","limits.cpu":"500m"}}}""");
        Assert.Equal(("cpu: 0/2, pods: 3/10", "limits.cpu: 500m/4, limits.memory: 0/8Gi"), (cells["Request"], cells["Limit"]));
    }

    [Fact]
    public void A_disruption_budget_shows_a_number_or_a_share()
    {
        var cells = Printed.Cells("poddisruptionbudgets.policy", """{"spec":{"minAvailable":"50%"},"status":{"disruptionsAllowed":2}}""");
        Assert.Equal(("50%", "N/A", "2"), (cells["Min Available"], cells["Max Unavailable"], cells["Allowed Disruptions"]));
        Assert.Equal("1", Printed.Cells("poddisruptionbudgets.policy", """{"spec":{"maxUnavailable":1}}""")["Max Unavailable"]);
    }

    [Fact]
    public void Storage_shows_defaults_that_are_not_written()
    {
        var bare = Printed.Cells("storageclasses.storage.k8s.io", """{"metadata":{"name":"fast","annotations":{"storageclass.kubernetes.io/is-default-class":"true"}},"provisioner":"p"}""");
        Assert.Equal(("fast (default)", "p", "Delete", "Immediate", "false"), (bare["Name"], bare["Provisioner"], bare["ReclaimPolicy"], bare["VolumeBindingMode"], bare["AllowVolumeExpansion"]));
        var driver = Printed.Cells("csidrivers.storage.k8s.io", """{"spec":{"tokenRequests":[{"audience":"a"},{"audience":""},{"audience":"b"}],"volumeLifecycleModes":["Persistent","Ephemeral"]}}""");
        Assert.Equal(("true", "false", "a,,b", "Persistent,Ephemeral"), (driver["AttachRequired"], driver["PodInfoOnMount"], driver["TokenRequests"], driver["Modes"]));
        var bareDriver = Printed.Cells("csidrivers.storage.k8s.io", """{"spec":{"attachRequired":false}}""");
        Assert.Equal(("false", "<unset>", "<none>"), (bareDriver["AttachRequired"], bareDriver["TokenRequests"], bareDriver["Modes"]));
        var attachment = Printed.Cells("volumeattachments.storage.k8s.io", """{"spec":{"attacher":"x","nodeName":"n","source":{"persistentVolumeName":"pv"}},"status":{"attached":true}}""");
        Assert.Equal(("x", "pv", "n", "true"), (attachment["Attacher"], attachment["PV"], attachment["Node"], attachment["Attached"]));
        Assert.Equal("2", Printed.Cells("csinodes.storage.k8s.io", """{"spec":{"drivers":[{},{}]}}""")["Drivers"]);
        Assert.Equal("pods.", Printed.Cells("storageversionmigrations.storagemigration.k8s.io", """{"spec":{"resource":{"resource":"pods"}}}""")["Resource"]);
    }

    [Fact]
    public void Admission_policies_and_bindings_show_their_parameters()
    {
        Assert.Equal(("2", "<unset>"), Policy("""{"validations":[{},{}]}"""));
        Assert.Equal(("0", "v1/ConfigMap"), Policy("""{"paramKind":{"apiVersion":"v1","kind":"ConfigMap"}}"""));
        Assert.Equal("<unset>", Parameter("{}"));
        Assert.Equal("*/p", Parameter("""{"paramRef":{"name":"p"}}"""));
        Assert.Equal("shop/p", Parameter("""{"paramRef":{"name":"p","namespace":"shop"}}"""));
        Assert.Equal("&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}",
            Parameter("""{"paramRef":{"selector":{"matchLabels":{"b":"2","a":"1"},"matchExpressions":[{"key":"k","operator":"In","values":["x","y"]}]}}}"""));

        static (string, string) Policy(string spec)
        {
            var cells = Printed.Cells("validatingadmissionpolicies.admissionregistration.k8s.io", $$"""{"spec":{{spec}} }""");
            return (cells["Validations"], cells["ParamKind"]);
        }

        static string Parameter(string spec) => Printed.Cells("mutatingadmissionpolicybindings.admissionregistration.k8s.io", $$"""{"spec":{{spec}} }""")["ParamRef"];
    }

    [Theory]
    [InlineData("{}", "pending")]
    [InlineData("""{"allocation":{}}""", "allocated")]
    [InlineData("""{"allocation":{},"reservedFor":[{}]}""", "allocated,reserved")]
    public void A_resource_claim_shows_its_state(string status, string expected)
    {
        Assert.Equal(expected, Printed.Cells("resourceclaims.resource.k8s.io", $$"""{"status":{{status}} }""")["State"]);
        var deleted = Printed.Cells("resourceclaims.resource.k8s.io", $$$"""{"metadata":{"deletionTimestamp":"{{{Minutes2}}}"},"status":{{{status}}} }""");
        Assert.Equal(expected == "pending" ? "deleted" : $"deleted,{expected}", deleted["State"]);
    }

    [Fact]
    public void Types_of_alpha_groups_have_their_columns()
    {
        var slice = Printed.Cells("resourceslices.resource.k8s.io", """{"spec":{"driver":"d","pool":{"name":"p"}}}""");
        Assert.Equal(("", "d", "p"), (slice["Node"], slice["Driver"], slice["Pool"]));
        var taint = Printed.Cells("devicetaintrules.resource.k8s.io", $$$"""{"spec":{"taint":{"key":"k","value":"v","effect":"NoExecute","timeAdded":"{{{Minutes2}}}"} } }""");
        Assert.Equal(("k", "v", "NoExecute", "2m"), (taint["Key"], taint["Value"], taint["Effect"], taint["TimeAdded"]));
        Assert.Equal("<none>", Printed.Cells("clustertrustbundles.certificates.k8s.io", "{}")["SignerName"]);
        var request = Printed.Cells("podcertificaterequests.certificates.k8s.io", """{"spec":{"podName":"p","serviceAccountName":"s","nodeName":"n","signerName":"x"},"status":{"conditions":[{"type":"Denied"}]}}""");
        Assert.Equal(("p", "s", "n", "x", "Denied"), (request["PodName"], request["ServiceAccountName"], request["NodeName"], request["SignerName"], request["State"]));
        var candidate = Printed.Cells("leasecandidates.coordination.k8s.io", """{"spec":{"leaseName":"l","binaryVersion":"1.36.0","emulationVersion":"1.35.0"}}""");
        Assert.Equal(("l", "1.36.0", "1.35.0"), (candidate["LeaseName"], candidate["BinaryVersion"], candidate["EmulationVersion"]));
        var storage = Printed.Cells("storageversions.internal.apiserver.k8s.io", """{"status":{"storageVersions":[{"apiServerID":"a","encodingVersion":"v1"},{"apiServerID":"b","encodingVersion":"v2"}]}}""");
        Assert.Equal(("<unset>", "a=v1,b=v2"), (storage["CommonEncodingVersion"], storage["StorageVersions"]));
    }

    [Theory]
    [InlineData("[]", "Unknown")]
    [InlineData("""[{"type":"Available","status":"True","reason":"Passed"}]""", "True")]
    [InlineData("""[{"type":"Available","status":"False","reason":"MissingEndpoints"}]""", "False (MissingEndpoints)")]
    [InlineData("""[{"type":"Available","status":"False"}]""", "False")]
    public void An_api_service_shows_why_it_is_not_available(string conditions, string expected)
    {
        var cells = Printed.Cells("apiservices.apiregistration.k8s.io", $$$"""{"spec":{"service":{"namespace":"kube-system","name":"metrics"}},"status":{"conditions":{{{conditions}}} } }""");
        Assert.Equal(("kube-system/metrics", expected), (cells["Service"], cells["Available"]));
    }

    [Fact]
    public void Flow_schemas_are_printed_by_precedence()
    {
        var table = TableDefinitions.For("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", null);
        var schemas = new[] { (9, "a"), (1, "z"), (1, "b") }.Select(schema =>
        {
            var tape = new JsonTape();
            tape.Parse(System.Text.Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $$$"""{"metadata":{"name":"{{{schema.Item2}}}"},"spec":{"matchingPrecedence":{{{schema.Item1}}} } }""")));
            return tape;
        }).ToList();
        schemas.Sort(table.RowOrder!);
        Assert.Equal(["b", "z", "a"], schemas.Select(schema => Printed.Row(table, schema, Printed.Now)["cells"]![0]!.GetValue<string>()));
        Assert.Null(TableDefinitions.For("", "v1", "pods", null).RowOrder);
    }

    [Fact]
    public void A_priority_level_shows_its_queues_if_it_queues()
    {
        var exempt = Printed.Cells("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", """{"spec":{"type":"Exempt"}}""");
        Assert.Equal(("<none>", "<none>"), (exempt["NominalConcurrencyShares"], exempt["Queues"]));
        var limited = Printed.Cells("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", """{"spec":{"limited":{"assuredConcurrencyShares":5,"limitResponse":{"queuing":{"queues":64,"handSize":6,"queueLengthLimit":50}}}}}""");
        Assert.Equal(("5", "64", "6", "50"), (limited["NominalConcurrencyShares"], limited["Queues"], limited["HandSize"], limited["QueueLengthLimit"]));
    }

    [Fact]
    public void A_type_without_a_printer_shows_when_it_was_created()
    {
        var table = TableDefinitions.For("example.com", "v1", "things", null);
        Assert.Equal(["Name", "Created At"], table.Columns.Select(column => column.Name));
        Assert.True(table.EmptyRowsAreNull);
        Assert.Equal("2026-11-24T11:58:00Z", Printed.Cells(table, """{"metadata":{"creationTimestamp":"2026-11-24T12:58:00.25+01:00"}}""")["Created At"]);
        Assert.Equal("0001-01-01T00:00:00Z", Printed.Cells(table, """{"metadata":{"creationTimestamp":null}}""")["Created At"]);
    }
}
