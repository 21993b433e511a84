using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replicator.KubeApi;

/// <summary>What a CustomResourceDefinition (apiextensions.k8s.io/v1) makes the server serve.</summary>
public sealed class CustomResource
{
    CustomResource(string name, string group, string plural, bool namespaced, bool isEstablished, bool isRenamedOnly, IReadOnlyList<CustomResourceVersion> versions) =>
        (Name, Group, Plural, Namespaced, IsEstablished, IsRenamedOnly, Versions) = (name, group, plural, namespaced, isEstablished, isRenamedOnly, versions);

    /// <summary>The definition's name.</summary>
    public string Name { get; }
    /// <summary>The API group.</summary>
    public string Group { get; }
    /// <summary>The plural.</summary>
    public string Plural { get; }
    /// <summary>The scope.</summary>
    public bool Namespaced { get; }
    /// <summary>Whether the server has taken it up.</summary>
    public bool IsEstablished { get; }
    /// <summary>Whether its versions differ in nothing but their name (conversion strategy <c>None</c>); otherwise a webhook converts them, which is not at hand.</summary>
    public bool IsRenamedOnly { get; }
    /// <summary>Its served versions, the most preferred first.</summary>
    public IReadOnlyList<CustomResourceVersion> Versions { get; }

    /// <summary>Reads a definition; null where it lacks what every definition has.</summary>
    public static CustomResource? Read(ReadOnlyMemory<byte> definition)
    {
        using var document = JsonDocument.Parse(definition);
        var root = document.RootElement;
        if (!root.TryGetProperty("spec"u8, out var spec) || Text(spec, "group") is not { } group || !spec.TryGetProperty("names"u8, out var names) || Text(names, "plural") is not { } plural || Text(names, "kind") is not { } kind)
            return null;
        var namespaced = Text(spec, "scope") == "Namespaced";
        var established = root.TryGetProperty("status"u8, out var status) && Elements(status, "conditions").Any(condition => Text(condition, "type") == "Established" && Text(condition, "status") == "True");
        var renamed = !spec.TryGetProperty("conversion"u8, out var conversion) || Text(conversion, "strategy") is null or "None";
        var versions = Elements(spec, "versions").Where(version => version.TryGetProperty("served"u8, out var served) && served.ValueKind == JsonValueKind.True && Text(version, "name") is not null)
            .OrderBy(version => Text(version, "name")!, VersionPriority.Comparer)
            .Select(version => new CustomResourceVersion(Text(version, "name")!, kind,
                [.. Elements(version, "selectableFields").Select(field => Text(field, "jsonPath")?.TrimStart('.')).OfType<string>()],
                Describe(group, Text(version, "name")!, plural, kind, namespaced, names, version))).ToList();
        return new CustomResource($"{plural}.{group}", group, plural, namespaced, established, renamed, versions);
    }

    /// <summary>The entry of aggregated discovery, as apiextensions-apiserver makes it.</summary>
    static JsonObject Describe(string group, string version, string plural, string kind, bool namespaced, JsonElement names, JsonElement served)
    {
        var entry = new JsonObject
        {
            ["resource"] = plural,
            ["responseKind"] = new JsonObject { ["group"] = group, ["version"] = version, ["kind"] = kind },
            ["scope"] = namespaced ? "Namespaced" : "Cluster",
            ["singularResource"] = Text(names, "singular") ?? kind.ToLowerInvariant(),
            ["verbs"] = Verbs("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"),
        };
        foreach (var list in (string[])["shortNames", "categories"])
        {
            if (Elements(names, list).Any())
                entry[list] = new JsonArray([.. Elements(names, list).Select(name => (JsonNode?)name.GetString())]);
        }
        var subresources = new JsonArray();
        if (served.TryGetProperty("subresources"u8, out var has) && has.ValueKind == JsonValueKind.Object)
        {
            if (has.TryGetProperty("status"u8, out _))
                subresources.Add(new JsonObject { ["subresource"] = "status", ["responseKind"] = new JsonObject { ["group"] = group, ["version"] = version, ["kind"] = kind }, ["verbs"] = Verbs("get", "patch", "update") });
            if (has.TryGetProperty("scale"u8, out _))
                subresources.Add(new JsonObject { ["subresource"] = "scale", ["responseKind"] = new JsonObject { ["group"] = "autoscaling", ["version"] = "v1", ["kind"] = "Scale" }, ["verbs"] = Verbs("get", "patch", "update") });
        }
        if (subresources.Count > 0)
            entry["subresources"] = subresources;
        return entry;
    }

    static JsonArray Verbs(params string[] verbs) => new([.. verbs.Select(verb => (JsonNode?)verb)]);

    static string? Text(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static IEnumerable<JsonElement> Elements(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];
}

/// <summary>A served version of a custom resource.</summary>
/// <param name="Version">Its name.</param>
/// <param name="Kind">The kind.</param>
/// <param name="SelectableFields">The fields by which it may be selected (KEP-4358).</param>
/// <param name="Entry">Its entry in aggregated discovery.</param>
public sealed record CustomResourceVersion(string Version, string Kind, IReadOnlyList<string> SelectableFields, JsonObject Entry);
