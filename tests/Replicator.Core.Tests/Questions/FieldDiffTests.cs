using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Replicator.Core.Json;
using Replicator.Core.Questions;
using Replicator.Core.Tests.Json;
using Xunit;

namespace Replicator.Core.Tests.Questions;

public sealed class FieldDiffTests
{
    [Fact]
    public void The_differences_applied_to_the_one_give_the_other() => Gen.OneOf(RandomJson.Pair, Objects).Sample(pair =>
    {
        var (from, to) = (CanonicalJson.ToArray(Encoding.UTF8.GetBytes(pair.Item1)), CanonicalJson.ToArray(Encoding.UTF8.GetBytes(pair.Item2)));
        var changes = FieldDiff.Between(from, to, noise: true);
        Assert.Equal(from.AsSpan().SequenceEqual(to), changes.Count == 0);
        Assert.Equal(changes.Count, changes.Select(change => (change.Address, change.Kind)).Distinct().Count());
        Assert.Equal(Encoding.UTF8.GetString(to), Encoding.UTF8.GetString(CanonicalJson.ToArray(Encoding.UTF8.GetBytes(Apply(Encoding.UTF8.GetString(from), changes)))));
    }, iter: 1000);

    [Theory]
    [InlineData("""{"a":1}""", """{"a":1}""", "")]
    [InlineData("""{"spec":{"replicas":2}}""", """{"spec":{"replicas":3}}""", "spec.replicas: 2 -> 3")]
    [InlineData("""{"metadata":{"labels":{"a.b/c":"x"}}}""", """{"metadata":{"labels":{}}}""", "-metadata.labels['a.b/c']: x")]
    [InlineData("""{"c":[{"image":"a:1","name":"web"},{"name":"proxy"}]}""", """{"c":[{"name":"proxy"},{"image":"a:2","name":"web"}]}""", """c[name=web].image: a:1 -> a:2; c: order ["web","proxy"] -> ["proxy","web"]""")]
    [InlineData("""{"p":[{"containerPort":80,"protocol":"TCP"}]}""", """{"p":[{"containerPort":80,"protocol":"TCP"},{"containerPort":80,"protocol":"UDP"}]}""", """+p[containerPort=80,protocol=UDP]: {"containerPort":80,"protocol":"UDP"}""")]
    [InlineData("""{"args":["a","b","c"]}""", """{"args":["a","x","b","c"]}""", "+args[1]: x")]
    [InlineData("""{"args":["a","b"]}""", """{"args":["a","c"]}""", "args[1]: b -> c")]
    [InlineData("""{"n":1.0}""", """{"n":1}""", "n: 1.0 -> 1")]
    [InlineData("""{"a":{"b":null}}""", """{"a":"b"}""", """a: {"b":null} -> b""")]
    public void A_difference_reads_as_people_write_fields(string from, string to, string expected) =>
        Assert.Equal(expected, string.Join("; ", FieldDiff.Between(CanonicalJson.ToArray(Encoding.UTF8.GetBytes(from)), CanonicalJson.ToArray(Encoding.UTF8.GetBytes(to)), noise: false).Select(ChangeText.Of)));

    [Theory]
    [InlineData("""{"metadata":{"resourceVersion":"@"}}""", true)]
    [InlineData("""{"metadata":{"generation":"@"}}""", true)]
    [InlineData("""{"metadata":{"managedFields":[{"manager":"@"}]}}""", true)]
    [InlineData("""{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"@"}}}""", true)]
    [InlineData("""{"metadata":{"annotations":{"endpoints.kubernetes.io/last-change-trigger-time":"@"}}}""", true)]
    [InlineData("""{"status":{"conditions":[{"lastHeartbeatTime":"@","type":"Ready"}]}}""", true)]
    [InlineData("""{"spec":{"renewTime":"@"}}""", true)]
    [InlineData("""{"spec":{"template":{"metadata":{"generation":"@"}}}}""", false)]
    [InlineData("""{"status":{"conditions":[{"lastTransitionTime":"@","type":"Ready"}]}}""", false)]
    [InlineData("""{"data":{"resourceVersion":"@"}}""", false)]
    [InlineData("""{"spec":{"lease":{"renewTime":"@"}}}""", false)]
    public void Noise_is_hidden_unless_asked_for_and_nothing_else_is(string template, bool isNoise)
    {
        var (from, to) = (Encoding.UTF8.GetBytes(template.Replace('@', '1')), Encoding.UTF8.GetBytes(template.Replace('@', '2')));
        Assert.Equal(isNoise ? 0 : 1, FieldDiff.Between(from, to, noise: false).Count);
        Assert.NotEmpty(FieldDiff.Between(from, to, noise: true));
    }

    [Fact]
    public void A_summary_says_what_was_asked_for_before_what_followed_and_how_much_it_leaves_out()
    {
        var from = """{"metadata":{"labels":{"a":"1"}},"spec":{"replicas":2},"status":{"conditions":[{"lastTransitionTime":"x","type":"Ready"}],"readyReplicas":2}}"""u8;
        var to = """{"metadata":{"labels":{"a":"2"}},"spec":{"replicas":3},"status":{"conditions":[{"lastTransitionTime":"y","type":"Ready"}],"readyReplicas":1}}"""u8;
        Assert.Equal("spec.replicas: 2 -> 3; metadata.labels.a: 1 -> 2; status.readyReplicas: 2 -> 1; status.conditions[type=Ready].lastTransitionTime: x -> y", ChangeText.Summary(FieldDiff.Between(from, to, noise: false)));
        var many = Encoding.UTF8.GetBytes($"{{\"data\":{{{string.Join(',', Enumerable.Range(10, 30).Select(index => $"\"key-{index}\":\"value\""))}}}}}");
        Assert.EndsWith("; 23 more", ChangeText.Summary(FieldDiff.Between("""{"data":{}}"""u8, many, noise: false)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_value_is_named_by_its_size()
    {
        Assert.Equal("{30 fields}", ChangeText.Value($"{{{string.Join(',', Enumerable.Range(10, 30).Select(index => $"\"key-{index}\":\"value\""))}}}"));
        Assert.Equal("[40 items]", ChangeText.Value($"[{string.Join(',', Enumerable.Repeat("1234", 40))}]"));
        Assert.Equal(63, ChangeText.Value($"\"{new string('x', 500)}\"").Length);
    }

    /// <summary>Objects of the shapes that Kubernetes has: keyed lists within keyed lists, sets, maps.</summary>
    static Gen<(string, string)> Objects => Gen.Select(KubernetesObjects.State, KubernetesObjects.State);

    /// <summary>A second way to read the changes, over another JSON library.</summary>
    static string Apply(string from, IReadOnlyList<FieldChange> changes)
    {
        JsonNode? root = new JsonArray(JsonNode.Parse(from));
        // The root is the only element of a list, so that it can be replaced as everything else.
        foreach (var list in changes.GroupBy(change => change.Address.Parent?.ToString() ?? "\0"))
        {
            // Places are those of the lists as they were, for removals, and as they will be, for additions: in this order each is right when its turn comes.
            var ordered = list.OrderBy(change => change.Kind switch { FieldChangeKind.Changed => 0, FieldChangeKind.Removed => 1, FieldChangeKind.Added => 2, _ => 3 })
                .ThenBy(change => change.Kind == FieldChangeKind.Removed ? -change.Address.Index : change.Address.Index);
            foreach (var change in ordered.Where(change => change.Kind != FieldChangeKind.Reordered))
                Apply(root!, change);
        }
        foreach (var change in changes.Where(change => change.Kind == FieldChangeKind.Reordered).Reverse())
            Reorder((JsonArray)Find(root!, change.Address)!, change);
        return root![0]?.ToJsonString() ?? "null";
    }

    static void Apply(JsonNode root, FieldChange change)
    {
        var value = change.To is null ? null : JsonNode.Parse(change.To);
        if (change.Address.Parent is null)
        {
            root[0] = value;
            return;
        }
        switch (Find(root, change.Address.Parent))
        {
            case JsonObject map when change.Kind == FieldChangeKind.Removed:
                Assert.True(map.Remove(change.Address.Name!));
                break;
            case JsonObject map:
                map[change.Address.Name!] = value;
                break;
            case JsonArray list when change.Address.Key is not null:
                var place = list.IndexOf(list.FirstOrDefault(element => IsKeyed(element, change.Address.Key)));
                if (change.Kind == FieldChangeKind.Added)
                    list.Add(value);
                else if (change.Kind == FieldChangeKind.Removed)
                    list.RemoveAt(place);
                else
                    list[place] = value;
                break;
            case JsonArray list when change.Kind == FieldChangeKind.Added:
                list.Insert(change.Address.Index, value);
                break;
            case JsonArray list when change.Kind == FieldChangeKind.Removed:
                list.RemoveAt(change.Address.Index);
                break;
            case JsonArray list:
                list[change.Address.Index] = value;
                break;
        }
    }

    static void Reorder(JsonArray list, FieldChange change)
    {
        var order = JsonNode.Parse(change.To!)!.AsArray().Select(key => key!.ToJsonString()).ToList();
        var fields = ListKeysOf(list);
        var elements = list.ToDictionary(element => fields.Length == 1 ? element![fields[0]]?.ToJsonString() ?? "null" : $"[{string.Join(',', fields.Select(field => element![field]?.ToJsonString() ?? "null"))}]");
        list.Clear();
        foreach (var key in order)
            list.Add(elements[key]);
    }

    // The keys of a list that are left to choose from once all changes are made.
    static string[] ListKeysOf(JsonArray list)
    {
        foreach (var fields in (string[][])[["containerPort", "protocol"], ["mountPath"], ["name"], ["type"], ["uid"]])
        {
            if (list.All(element => element is JsonObject map && fields.All(field => map.ContainsKey(field) && map[field] is null or JsonValue)) && list.Select(element => string.Join('\n', fields.Select(field => element![field]?.ToJsonString() ?? "null"))).Distinct().Count() == list.Count)
                return fields;
        }
        throw new InvalidOperationException(list.ToJsonString());
    }

    static JsonNode? Find(JsonNode root, FieldAddress address) => address.Parent is null ? root[0] : Find(root, address.Parent) switch
    {
        JsonObject map => map[address.Name!],
        JsonArray list when address.Key is not null => list.First(element => IsKeyed(element, address.Key)),
        JsonArray list => list[address.Index],
        var other => throw new InvalidOperationException($"{address}: {other}"),
    };

    static bool IsKeyed(JsonNode? element, IReadOnlyList<KeyValuePair<string, string>> key) =>
        element is JsonObject map && key.All(field => map.TryGetPropertyValue(field.Key, out var value) && Encoding.UTF8.GetString(CanonicalJson.ToArray(Encoding.UTF8.GetBytes(value?.ToJsonString() ?? "null"))) == field.Value);
}
