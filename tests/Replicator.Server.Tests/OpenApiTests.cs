using System.Text.Json.Nodes;
using Replicator.Core.Recording;
using Xunit;

namespace Replicator.Server.Tests;

/// <summary><c>/openapi/v1.json</c> against what is served.</summary>
public sealed class OpenApiTests
{
    [Fact]
    public async Task The_document_names_every_route_of_the_api_with_a_summary_and_a_name()
    {
        await using var rig = await ApiRig.StartAsync();
        var document = await rig.GetAsync("openapi/v1.json");
        Assert.StartsWith("3.", document["openapi"]!.GetValue<string>(), StringComparison.Ordinal);
        var described = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(operation => (path.Key, Method: operation.Key.ToUpperInvariant(), Operation: operation.Value!))).ToList();
        var served = rig.Routes.Where(route => route.Pattern.StartsWith("/api/v1/", StringComparison.Ordinal) || route.Pattern is "/healthz" or "/readyz").ToList();
        Assert.True(served.Count > 8, $"{served.Count}");
        Assert.Equal(served.Order(), described.Select(operation => (operation.Key, operation.Method)).Order());
        Assert.All(described, operation =>
        {
            Assert.NotEmpty(operation.Operation["summary"]!.GetValue<string>());
            Assert.NotEmpty(operation.Operation["operationId"]!.GetValue<string>());
            Assert.All(operation.Operation["parameters"]?.AsArray() ?? [], parameter => Assert.NotEmpty(parameter!["description"]!.GetValue<string>()));
            Assert.NotEmpty(operation.Operation["responses"]!["200"]!["content"]!.AsObject());
        });
    }

    [Theory]
    [InlineData("changes", "changes")]
    [InlineData("diff", "diff")]
    [InlineData("history/{resource}/{namespace}/{name}", "history/pods/shop/web-0")]
    [InlineData("history/{resource}/{name}", "history/pods/web-0")]
    [InlineData("blame/{resource}/{namespace}/{name}", "blame/pods/shop/web-0")]
    [InlineData("blame/{resource}/{name}", "blame/pods/web-0")]
    [InlineData("objects/{resource}/{namespace}/{name}", "objects/pods/shop/web-0")]
    [InlineData("objects/{resource}/{name}", "objects/pods/web-0")]
    [InlineData("tree/{resource}/{namespace}/{name}", "tree/pods/shop/web-0")]
    [InlineData("tree/{resource}/{name}", "tree/pods/web-0")]
    [InlineData("images", "images")]
    [InlineData("images/runs", "images/runs")]
    [InlineData("runtimes", "runtimes")]
    [InlineData("apps", "apps")]
    [InlineData("export", "export")]
    [InlineData("names", "names")]
    public async Task The_document_describes_every_parameter_that_is_understood(string route, string path)
    {
        await using var rig = await ApiRig.StartAsync();
        var document = await rig.GetAsync("openapi/v1.json");
        var described = document["paths"]![$"/api/v1/clusters/{{cluster}}/{route}"]!["get"]!["parameters"]!.AsArray().Where(parameter => parameter!["in"]!.GetValue<string>() == "query").Select(parameter => parameter!["name"]!.GetValue<string>());
        // The refusal of an unknown one names those that are known.
        var (_, refusal, _) = await rig.SendAsync($"api/v1/clusters/test/{path}?nonsense=1");
        var known = JsonNode.Parse(refusal)!["detail"]!.GetValue<string>().Split("known are ")[1].TrimEnd('.').Split(", ");
        Assert.Equal(known.Order(), described.Order());
    }

    [Theory]
    [InlineData("changes?objects=true&patches=true", "ChangePage", "items")]
    [InlineData("history/pods/shop/web-0?objects=true&changes=true&noise=true", "HistoryPage", "items")]
    [InlineData("diff?from=rv:10&noise=true&objects=true", "DiffAnswer", "items")]
    [InlineData("blame/pods/shop/web-0", "BlameAnswer", "fields")]
    [InlineData("blame/pods/shop/web-0", "BlameAnswer", "lines")]
    [InlineData("apps", "AppList", "items")]
    [InlineData("images", "ImageList", "items")]
    [InlineData("export?resource=pods", "ExportAnswer", "omitted")]
    public async Task What_is_answered_has_the_fields_that_the_document_gives(string path, string page, string list)
    {
        await using var rig = await ApiRig.StartAsync();
        await rig.RecordAsync(ApiRig.Pods, (DeltaKind.Modified, "web-0", 60, "11"), (DeltaKind.Added, "web-1", 61, "12"));
        var document = await rig.GetAsync("openapi/v1.json");
        var whole = Resolve(document, document["components"]!["schemas"]![page]!);
        var one = Resolve(document, Resolve(document, whole["properties"]![list]!)["items"]!);
        var answer = await rig.GetAsync($"api/v1/clusters/test/{path}");
        Assert.Equal(Names(whole["properties"]!).Order(), Names(answer).Order());
        Assert.All(answer[list]!.AsArray(), field =>
        {
            Assert.Subset(Names(one["properties"]!).ToHashSet(), Names(field!).ToHashSet());
            Assert.Superset(one["required"]!.AsArray().Select(name => name!.GetValue<string>()).ToHashSet(), Names(field!).ToHashSet());
        });
    }

    [Fact]
    public async Task Every_reference_in_the_document_leads_to_a_schema()
    {
        await using var rig = await ApiRig.StartAsync();
        var document = await rig.GetAsync("openapi/v1.json");
        var references = new List<string>();
        Collect(document);
        Assert.NotEmpty(references);
        Assert.All(references.Distinct(), reference => Assert.NotNull(Follow(document, reference)));

        void Collect(JsonNode? node)
        {
            if (node is JsonObject map)
            {
                foreach (var (name, value) in map)
                {
                    if (name == "$ref" && value is JsonValue)
                        references.Add(value.GetValue<string>());
                    else
                        Collect(value);
                }
            }
            else if (node is JsonArray list)
            {
                foreach (var element in list)
                    Collect(element);
            }
        }
    }

    static JsonNode Resolve(JsonNode document, JsonNode schema) => schema["$ref"] is { } reference ? Follow(document, reference.GetValue<string>())! : schema;

    static JsonNode? Follow(JsonNode document, string reference) => reference[2..].Split('/').Aggregate((JsonNode?)document, (node, name) => node is JsonArray list ? list[int.Parse(name, System.Globalization.CultureInfo.InvariantCulture)] : node?[name.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)]);

    static IEnumerable<string> Names(JsonNode json) => json.AsObject().Select(field => field.Key);
}
