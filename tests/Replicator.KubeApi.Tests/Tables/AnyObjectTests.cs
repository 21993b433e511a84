using System.Text;
using System.Text.Json;
using CsCheck;
using Replicator.Core.Json;
using Replicator.KubeApi.Tables;
using Xunit;

namespace Replicator.KubeApi.Tests.Tables;

/// <summary>Objects of any shape: what a log holds was once true, and need not be what a type says today.</summary>
public sealed class AnyObjectTests
{
    /// <summary>All names that any printer asks for, so that random objects are often looked into.</summary>
    static readonly string[] Names =
    [
        "metadata", "spec", "status", "name", "namespace", "creationTimestamp", "deletionTimestamp", "labels", "annotations", "ownerReferences", "controller", "apiVersion", "kind",
        "containers", "initContainers", "containerStatuses", "initContainerStatuses", "state", "lastState", "terminated", "waiting", "running", "reason", "exitCode", "signal", "finishedAt", "started", "ready",
        "restartCount", "restartPolicy", "conditions", "type", "phase", "podIP", "podIPs", "ip", "readinessGates", "conditionType", "template", "replicas", "selector", "matchLabels", "matchExpressions",
        "key", "operator", "values", "ports", "port", "nodePort", "protocol", "externalIPs", "clusterIPs", "loadBalancer", "ingress", "hostname", "rules", "host", "tls", "subsets", "addresses", "address",
        "hard", "used", "capacity", "storage", "accessModes", "claimRef", "metrics", "currentMetrics", "resource", "target", "averageValue", "current", "scaleTargetRef", "minReplicas", "subjects", "roleRef",
        "paramRef", "paramKind", "webhooks", "drivers", "tokenRequests", "audience", "series", "count", "eventTime", "involvedObject", "regarding", "source", "message", "note", "active", "lastScheduleTime",
        "jobTemplate", "completions", "parallelism", "startTime", "completionTime", "allocation", "pool", "taint", "limited", "limitResponse", "queuing", "storageVersions", "parentRef", "cidrs", "endpoints",
        "autoscaling.alpha.kubernetes.io/metrics", "targetCPUUtilizationPercentage", "expirationSeconds", "certificate", "nodeInfo",
    ];

    static readonly string[] Texts =
    [
        "", "a", "Pods", "Resource", "Object", "External", "ContainerResource", "Completed", "True", "Ready", "Available", "Dangling", "Healthy", "Initialized", "PodScheduled", "SchedulingGated", "Always", "In", "NotIn",
        "Exists", "DoesNotExist", "LoadBalancer", "ClusterIP", "ExternalName", "NodeLost", "ServiceAccount", "2026-11-24T11:58:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999+24:59", "fd00::1",
        "\u00e4\u20ac\U0001F600", "\" \\ \n \u0001 <&>", "\u2028", "apps/v1", "limits.cpu", "[{\"type\":\"Resource\"}]", "{", "\u00a0white\u3000", "\u0130",
    ];

    static readonly TableDefinition[] Tables =
    [
        .. Resources().Select(resource => TableDefinitions.For(resource.Group, resource.Version, resource.Resource, null)),
        TableDefinitions.For("lab.example.com", "v1", "applications", Encoding.UTF8.GetBytes("""
            {"spec":{"versions":[{"name":"v1","additionalPrinterColumns":[
              {"name":"A","type":"string","jsonPath":".spec"},{"name":"B","type":"integer","jsonPath":".status.replicas"},{"name":"C","type":"number","jsonPath":".spec.*"},{"name":"D","type":"boolean","jsonPath":"..ready"},
              {"name":"E","type":"date","jsonPath":".status.startTime"},{"name":"F","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"},{"name":"G","type":"string","jsonPath":".spec.containers[-1:].name"},
              {"name":"H","type":"string","jsonPath":"..name"},{"name":"I","type":"string","jsonPath":".spec['replicas','containers'][0]"},{"name":"J","type":"string","jsonPath":".spec.ports[?(@.port>=80)]"}]}]}}
            """)),
    ];

    static readonly Gen<string> Leaf = Gen.OneOf(
        AnyOf(Texts).Select(text => JsonSerializer.Serialize(text)),
        AnyOf("null", "true", "false", "0", "1", "-1", "2.5", "1e400", "-0", "9223372036854775807", "9223372036854775808", "\"\\ud800\"", "\"\\udc00x\\/\"", "[]", "{}"));

    static readonly Gen<string> AnyObject = ObjectOf(ValueOf(5));

    [Fact]
    public void Every_table_prints_an_object_of_any_shape_as_a_row_of_as_many_cells_as_columns() => AnyObject.Sample(json =>
    {
        var (tape, row) = (Parse(Encoding.UTF8.GetBytes(json)), new JsonTape());
        foreach (var table in Tables)
        {
            // Not .NET's own reader: an object may hold half a surrogate pair, and its row then holds it too.
            row.Parse(Printed.Bytes(table, tape, Printed.Now));
            Assert.True(row.TryGetProperty(row.Root, "cells"u8, out var cells));
            Assert.Equal(CellsOf(table), row.ChildCount(cells));
            foreach (var cell in row.Elements(cells))
                Assert.True(row.Kind(cell) is JsonKind.String or JsonKind.Number or JsonKind.True or JsonKind.False or JsonKind.Null, $"{row.Kind(cell)} is no cell");
        }
    }, iter: 2_000);

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("17")]
    [InlineData("\"text\"")]
    public void What_is_no_object_at_all_is_an_empty_row(string json)
    {
        foreach (var table in Tables)
            Assert.Equal(CellsOf(table), Printed.Row(table, json, Printed.Now)["cells"]!.AsArray().Count);
    }

    [Fact]
    public void A_row_after_a_row_is_as_if_it_were_the_first() => Gen.Select(AnyObject, AnyObject).Sample((first, second) =>
    {
        var (one, other) = (Parse(Encoding.UTF8.GetBytes(first)), Parse(Encoding.UTF8.GetBytes(second)));
        foreach (var table in Tables)
        {
            var alone = Printed.Bytes(table, other, Printed.Now);
            Printed.Bytes(table, one, Printed.Now);
            Assert.Equal(alone, Printed.Bytes(table, other, Printed.Now));
        }
    }, iter: 200);

    static JsonTape Parse(byte[] json)
    {
        var tape = new JsonTape();
        tape.Parse(json);
        return tape;
    }

    /// <summary>The server declares one column fewer for IP addresses than it prints.</summary>
    static int CellsOf(TableDefinition table) => table.Columns.Count + (table.Columns.Any(column => column.Name == "ParentRef") ? 1 : 0);

    static Gen<string> AnyOf(params string[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    static Gen<string> ValueOf(int depth) => depth == 0 ? Leaf : Gen.Frequency((2, Leaf), (4, ObjectOf(ValueOf(depth - 1))), (3, ValueOf(depth - 1).Array[0, 4].Select(elements => $"[{string.Join(',', elements)}]")));

    static Gen<string> ObjectOf(Gen<string> value) =>
        Gen.Select(AnyOf(Names), value).Array[0, 12].Select(members => $"{{{string.Join(',', members.Select(member => $"{JsonSerializer.Serialize(member.Item1)}:{member.Item2}"))}}}");

    static IEnumerable<(string Group, string Version, string Resource)> Resources()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(TestKit.TestRecordings.Shop, "golden", "00-base", "tables")))
        {
            var parts = Path.GetFileName(file)[..^".json.gz".Length].Split('_');
            yield return (parts[0] == "core" ? "" : parts[0], parts[1], parts[2]);
        }
        yield return ("certificates.k8s.io", "v1beta1", "clustertrustbundles");
        yield return ("certificates.k8s.io", "v1beta1", "podcertificaterequests");
        yield return ("coordination.k8s.io", "v1beta1", "leasecandidates");
        yield return ("internal.apiserver.k8s.io", "v1alpha1", "storageversions");
        yield return ("resource.k8s.io", "v1alpha3", "devicetaintrules");
        yield return ("storagemigration.k8s.io", "v1beta1", "storageversionmigrations");
        yield return ("example.com", "v1", "things");
    }
}
