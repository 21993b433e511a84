using System.Collections.Concurrent;
using CsCheck;
using Replicator.Core.Kubernetes;
using Replicator.Informers.Caching;
using Xunit;

namespace Replicator.Informers.Tests.Caching;

public sealed class IndexerTests
{
    static readonly Dictionary<string, IndexFunction> Standard = new()
    {
        ["namespace"] = IndexFunctions.Namespace,
        ["app"] = IndexFunctions.Label("app"),
        ["owner"] = IndexFunctions.Owner,
        ["controller"] = IndexFunctions.Controller,
    };

    [Fact]
    public void Objects_are_found_by_key_and_by_what_the_index_functions_say()
    {
        var indexer = new Indexer(Standard);
        indexer.Put(Pods.Object("shop", "web-0", labels: "\"app\":\"web\"", owners: """{"kind":"ReplicaSet","uid":"rs","controller":true},{"kind":"Other","uid":"other"}"""));
        indexer.Put(Pods.Object("shop", "db-0", labels: "\"tier\":\"data\",\"app\":\"db\""));
        indexer.Put(Pods.Object("bank", "web-0", labels: "\"app\":\"web\""));
        Assert.Equal(3, indexer.Count);
        Assert.True(indexer.TryGet(new ObjectKey("bank", "web-0"), out var found));
        Assert.Equal("bank/web-0", found.Key.ToString());
        Assert.False(indexer.TryGet(new ObjectKey("bank", "db-0"), out _));
        Assert.Equal(["shop/db-0", "shop/web-0"], Keys(indexer, "namespace", "shop"));
        Assert.Equal(["bank/web-0", "shop/web-0"], Keys(indexer, "app", "web"));
        Assert.Equal(["shop/web-0"], Keys(indexer, "owner", "other"));
        Assert.Equal(["shop/web-0"], Keys(indexer, "controller", "rs"));
        Assert.Empty(indexer.ByIndex("controller", "other"));
        Assert.Equal(["db", "web"], indexer.IndexValues("app").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_change_moves_an_object_from_its_old_values_to_its_new_ones()
    {
        var indexer = new Indexer(Standard);
        indexer.Put(Pods.Object("shop", "web-0", "1", labels: "\"app\":\"web\""));
        indexer.Put(Pods.Object("shop", "web-0", "2", labels: "\"app\":\"shop\""));
        Assert.Empty(indexer.ByIndex("app", "web"));
        Assert.Equal("2", Assert.Single(indexer.ByIndex("app", "shop")).ResourceVersion);
        indexer.Put(Pods.Object("shop", "web-0", "3"));
        Assert.Empty(indexer.IndexValues("app"));
    }

    [Fact]
    public void A_value_without_objects_is_in_no_index()
    {
        var indexer = new Indexer(Standard);
        indexer.Put(Pods.Object("shop", "web-0", labels: "\"app\":\"web\""));
        Assert.True(indexer.Remove(new ObjectKey("shop", "web-0")));
        Assert.False(indexer.Remove(new ObjectKey("shop", "web-0")));
        Assert.Empty(indexer.IndexValues("app"));
        Assert.Empty(indexer.IndexValues("namespace"));
    }

    [Fact]
    public void An_index_added_later_covers_what_is_there_already()
    {
        var indexer = new Indexer();
        indexer.Put(Pods.Object("shop", "web-0", labels: "\"app\":\"web\""));
        indexer.AddIndex("app", IndexFunctions.Label("app"));
        indexer.AddIndex("node", (scoped in ObjectView item, ICollection<string> values) =>
        {
            using var document = System.Text.Json.JsonDocument.Parse(item.Json.ToArray());
            values.Add(document.RootElement.GetProperty("spec").GetProperty("nodeName").GetString()!);
        });
        indexer.Put(Pods.Object("shop", "web-1"));
        Assert.Equal(["shop/web-0"], Keys(indexer, "app", "web"));
        Assert.Equal(["shop/web-0", "shop/web-1"], Keys(indexer, "node", "node-1"));
    }

    [Fact]
    public void An_unknown_index_is_named_along_with_those_that_there_are()
    {
        var indexer = new Indexer(Standard);
        var exception = Assert.Throws<KeyNotFoundException>(() => indexer.ByIndex("apps", "web"));
        Assert.Contains("'apps'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("'app'", exception.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => indexer.AddIndex("app", IndexFunctions.Namespace));
    }

    [Fact]
    public void An_index_function_that_changes_its_mind_leaves_nothing_behind()
    {
        var calls = 0;
        var indexer = new Indexer(new Dictionary<string, IndexFunction>
        {
            ["whim"] = (scoped in ObjectView _, ICollection<string> values) => values.Add($"{++calls}"),
        });
        indexer.Put(Pods.Object("shop", "web-0", "1"));
        indexer.Put(Pods.Object("shop", "web-0", "2"));
        Assert.Equal(["2"], indexer.IndexValues("whim"));
        indexer.Remove(new ObjectKey("shop", "web-0"));
        Assert.Empty(indexer.IndexValues("whim"));
    }

    [Fact]
    public void A_list_stays_what_it_was()
    {
        var indexer = new Indexer(Standard);
        indexer.Put(Pods.Object("shop", "web-0", "1"));
        var (all, some) = (indexer.List(), indexer.ByIndex("namespace", "shop"));
        indexer.Put(Pods.Object("shop", "web-0", "2"));
        indexer.Put(Pods.Object("shop", "web-1", "3"));
        Assert.Equal("1", Assert.Single(all).ResourceVersion);
        Assert.Equal("1", Assert.Single(some).ResourceVersion);
    }

    [Fact]
    public void A_label_selector_selects_as_the_server_does()
    {
        var indexer = new Indexer();
        indexer.Put(Pods.Object("shop", "web-0", labels: "\"app\":\"web\",\"canary\":\"\""));
        indexer.Put(Pods.Object("shop", "web-1", labels: "\"app\":\"web\""));
        indexer.Put(Pods.Object("bank", "web-0", labels: "\"a\\u0070p\":\"w\\u0065b\""));
        Assert.Equal(["bank/web-0", "shop/web-1"], indexer.List(LabelSelector.Parse("app=web,!canary")).Select(item => item.Key.ToString()).Order(StringComparer.Ordinal));
        Assert.Equal(["shop/web-1"], indexer.List(LabelSelector.Parse("app=web,!canary"), "shop").Select(item => item.Key.ToString()));
    }

    [Fact]
    public void The_indexer_equals_a_naive_model_whatever_is_put_removed_and_replaced()
    {
        var gen = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 7], Gen.Int[0, 3], (kind, name, label) => (kind, name, label)).Array[0, 80];
        gen.Sample(steps =>
        {
            var indexer = new Indexer(Standard);
            var model = new Dictionary<ObjectKey, (string Version, int Label)>();
            for (var version = 0; version < steps.Length; version++)
            {
                var (kind, name, label) = steps[version];
                var key = new ObjectKey(name % 2 == 0 ? "even" : "odd", $"pod-{name}");
                var item = Pods.Object(key.Namespace, key.Name, $"{version}", labels: label == 0 ? "" : $"\"app\":\"app-{label}\"");
                switch (kind)
                {
                    case < 6:
                        indexer.Put(item);
                        model[key] = ($"{version}", label);
                        break;
                    case < 9:
                        if (indexer.Remove(key) != model.Remove(key))
                            return false;
                        break;
                    default:
                        indexer.Replace([item]);
                        model.Clear();
                        model[key] = ($"{version}", label);
                        break;
                }
            }
            return Versions(indexer.List()).SetEquals(model.Select(pair => (pair.Key, pair.Value.Version)))
                && Enumerable.Range(1, 3).All(label => Versions(indexer.ByIndex("app", $"app-{label}")).SetEquals(model.Where(pair => pair.Value.Label == label).Select(pair => (pair.Key, pair.Value.Version))))
                && ((string[])["even", "odd"]).All(scope => indexer.IndexKeys("namespace", scope).ToHashSet().SetEquals(model.Keys.Where(key => key.Namespace == scope)))
                && indexer.IndexValues("app").ToHashSet().SetEquals(model.Values.Where(value => value.Label > 0).Select(value => $"app-{value.Label}"));
        });
    }

    [Fact]
    public async Task Readers_never_see_an_object_half_way_between_two_values()
    {
        var indexer = new Indexer(Standard);
        indexer.Put(Pods.Object("shop", "web-0", "1", labels: "\"app\":\"a\""));
        var wrong = new ConcurrentQueue<string>();
        var (a, b) = (Pods.Object("shop", "web-0", "2", labels: "\"app\":\"a\""), Pods.Object("shop", "web-0", "3", labels: "\"app\":\"b\""));
        var writing = Task.Run(() =>
        {
            for (var round = 0; round < 20_000; round++)
                indexer.Put(round % 2 == 0 ? b : a);
        }, TestContext.Current.CancellationToken);
        while (!writing.IsCompleted)
        {
            if (indexer.IndexValues("app").Count != 1)
                wrong.Enqueue("the object was in no index or in two places at once");
        }
        await writing;
        Assert.Empty(wrong);
    }

    static IEnumerable<string> Keys(Indexer indexer, string index, string value) => indexer.IndexKeys(index, value).Select(key => key.ToString()).Order(StringComparer.Ordinal);

    static HashSet<(ObjectKey, string)> Versions(IEnumerable<Unstructured> items) => [.. items.Select(item => (item.Key, item.ResourceVersion))];
}
