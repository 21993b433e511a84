using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Questions;
using Replicator.Core.Storage;
using Xunit;

namespace Replicator.Core.Tests.Questions;

public sealed class ObjectBlameTests
{
    static readonly DateTimeOffset Start = new(2026, 1, 1, 3, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Blame_of_a_generated_history_is_that_of_a_naive_look_at_each_field() => KubernetesObjects.State.Array[1, 8].Sample(states =>
    {
        var blame = ObjectBlame.Of(states.Select((state, index) => Version(index, state)));
        // Lists without keys are compared by place, which a naive look cannot: they are left out here and tested below.
        foreach (var field in blame.Fields.Where(field => !field.Address.ToString().StartsWith("spec.args", StringComparison.Ordinal)))
        {
            // From the end back to the first version in which the field, or what it lies in, was not what it is.
            var since = states.Length - 1;
            while (since > 0 && Leaves(states[since - 1]).GetValueOrDefault(field.Address.ToString()) == field.Value)
                since--;
            Assert.True(since.ToString(CultureInfo.InvariantCulture) == field.Version.ResourceVersion, $"{field.Address} was set by {since}, not by {field.Version.ResourceVersion}:\n{string.Join('\n', states)}");
        }
        Assert.Equal(Leaves(states[^1]).Keys.Order(), blame.Fields.Select(field => field.Address.ToString()).Order());
    }, iter: 200);

    [Fact]
    public void An_element_of_a_list_without_keys_keeps_its_version_when_others_come_and_go_before_it()
    {
        var blame = ObjectBlame.Of(
        [
            Version(0, """{"args":["a","b","c"]}"""),
            Version(1, """{"args":["a","x","b","c"]}"""),
            Version(2, """{"args":["a","x","b","y"]}"""),
        ]);
        Assert.Equal(["0", "1", "0", "2"], blame.Fields.Select(field => field.Version.ResourceVersion));
    }

    [Fact]
    public void Managed_fields_say_who_by_members_keys_sets_and_whole_values()
    {
        const string fields = """
            {"f:metadata":{"f:finalizers":{".":{},"v:\"example.com/hold\"":{}},"f:labels":{".":{},"f:app":{}}},
             "f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}},"f:selector":{}}}
            """;
        var state = $$$$"""
            {"metadata":{"finalizers":["example.com/hold","other"],"labels":{"app":"web","tier":"x"},"managedFields":[
              {"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{{{{fields}}}},"manager":"kubectl","operation":"Apply","time":"2026-01-01T03:00:00Z"},
              {"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:app":{}}},"f:status":{"f:phase":{}}},"manager":"kubelet","operation":"Update","subresource":"status","time":"2026-01-01T04:00:00Z"}],"name":"o"},
             "spec":{"containers":[{"image":"a:1","name":"web","ports":[{"containerPort":80,"protocol":"TCP"},{"containerPort":81,"protocol":"TCP"}]},{"image":"b:1","name":"proxy"}],"selector":{"matchLabels":{"app":"web"}}},"status":{"phase":"Running"}}
            """;
        var who = ObjectBlame.Of([Version(0, state)]).Fields.ToDictionary(field => field.Address.ToString(), field => string.Join(", ", field.Managers.Select(manager => manager.ToString())));
        Assert.Equal("kubectl (apply)", who["spec.containers[name=web].image"]);
        Assert.Equal("", who["spec.containers[name=proxy].image"]);
        Assert.Equal("kubectl (apply)", who["spec.containers[name=web].ports[containerPort=80,protocol=TCP].containerPort"]);
        Assert.Equal("", who["spec.containers[name=web].ports[containerPort=81,protocol=TCP].containerPort"]);
        Assert.Equal("kubectl (apply)", who["metadata.finalizers[0]"]);
        Assert.Equal("", who["metadata.finalizers[1]"]);
        // A selector is replaced as a whole, so everything in it is the manager's.
        Assert.Equal("kubectl (apply)", who["spec.selector.matchLabels.app"]);
        // Of two that share a field, the one that wrote last comes first.
        Assert.Equal("kubelet (status), kubectl (apply)", who["metadata.labels.app"]);
        Assert.Equal("kubelet (status)", who["status.phase"]);
        Assert.DoesNotContain(who.Keys, path => path.Contains("managedFields", StringComparison.Ordinal));
    }

    [Fact]
    public void What_the_record_began_with_was_set_at_some_time_before()
    {
        var blame = ObjectBlame.Of([Version(0, """{"a":1,"b":1}""") with { Provenance = Provenance.List }, Version(1, """{"a":1,"b":2}""")]);
        Assert.Equal([true, false], blame.Fields.Select(field => field.IsBefore));
        blame = ObjectBlame.Of([Version(0, """{"a":1,"b":1}"""), Version(1, """{"a":1,"b":2}""") with { Provenance = Provenance.Relist }]);
        Assert.Equal([false, true], blame.Fields.Select(field => field.IsBefore));
    }

    [Fact]
    public void Each_line_of_the_yaml_bears_the_field_that_it_shows()
    {
        var blame = ObjectBlame.Of([Version(0, """{"spec":{"containers":[{"image":"a:1","name":"web"}],"text":"one\ntwo\n"}}"""), Version(1, """{"spec":{"containers":[{"image":"a:2","name":"web"}],"text":"one\ntwo\n"}}""")]);
        Assert.Equal(["spec:", "  containers:", "  - image: a:2", "    name: web", "  text: |", "    one", "    two"], blame.Lines.Select(line => line.Text));
        Assert.Equal([null, null, "1", "0", "0", "0", "0"], blame.Lines.Select(line => line.Field?.Version.ResourceVersion));
    }

    static StoredVersion Version(int number, string state) => new()
    {
        Object = new ObjectIdentity("ns", "o", "uid"),
        Type = new ResourceType("", "v1", "pods", "Pod", Namespaced: true),
        Event = number == 0 ? EventType.ObjectAdded : EventType.ObjectModified,
        ResourceVersion = number.ToString(CultureInfo.InvariantCulture),
        Position = number + 1,
        From = Start.AddSeconds(number),
        Provenance = Provenance.Watch,
        State = CanonicalJson.ToArray(Encoding.UTF8.GetBytes(state)),
    };

    /// <summary>The leaves by their addresses, found over another JSON library.</summary>
    static Dictionary<string, string> Leaves(string state)
    {
        var leaves = new Dictionary<string, string>();
        Walk(JsonNode.Parse(state), "");
        return leaves;

        void Walk(JsonNode? node, string path)
        {
            switch (node)
            {
                case JsonObject { Count: > 0 } map:
                    foreach (var (name, value) in map)
                        Walk(value, path.Length == 0 ? name : $"{path}.{name}");
                    break;
                case JsonArray { Count: > 0 } list:
                    for (var index = 0; index < list.Count; index++)
                    {
                        var key = list[index] is JsonObject element ? element.ContainsKey("name") ? "name" : "type" : null;
                        Walk(list[index], key is null ? $"{path}[{index}]" : $"{path}[{key}={list[index]![key]!.GetValue<string>()}]");
                    }
                    break;
                default:
                    leaves[path] = node?.ToJsonString() ?? "null";
                    break;
            }
        }
    }
}
