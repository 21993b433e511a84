using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replicator.KubeApi;

/// <summary>Reads the groups of a root (<c>api</c> or <c>apis</c>) out of recorded documents, as aggregated discovery has them; a server that is older than it left plain ones.</summary>
static class DocumentReader
{
    public static JsonArray Read(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> documents, string root)
    {
        if (Parse(documents, root) is not { } document)
            return [];
        if (document["items"] is JsonArray items)
            return Detach(items);
        var groups = new JsonArray();
        if (root == "api")
        {
            var versions = Versions("api", (document["versions"] as JsonArray)?.Select(version => version?.GetValue<string>()) ?? []);
            groups.Add(new JsonObject { ["metadata"] = new JsonObject(), ["versions"] = versions });
            return groups;
        }
        foreach (var group in document["groups"] as JsonArray ?? [])
        {
            if (group?["name"]?.GetValue<string>() is not { } name)
                continue;
            var preferred = group["preferredVersion"]?["version"]?.GetValue<string>();
            var names = (group["versions"] as JsonArray)?.Select(version => version?["version"]?.GetValue<string>()) ?? [];
            groups.Add(new JsonObject { ["metadata"] = new JsonObject { ["name"] = name }, ["versions"] = Versions($"apis/{name}", names.OrderBy(version => version != preferred)) });
        }
        return groups;

        JsonArray Versions(string path, IEnumerable<string?> names)
        {
            var versions = new JsonArray();
            foreach (var version in names.OfType<string>())
            {
                if (Parse(documents, $"{path}/{version}") is { } list)
                    versions.Add(new JsonObject { ["version"] = version, ["resources"] = Resources(list), ["freshness"] = "Current" });
            }
            return versions;
        }
    }

    static JsonArray Resources(JsonObject list)
    {
        var resources = new JsonArray();
        var entries = (list["resources"] as JsonArray)?.OfType<JsonObject>().ToList() ?? [];
        foreach (var entry in entries.Where(entry => !Name(entry).Contains('/', StringComparison.Ordinal)))
        {
            var resource = new JsonObject
            {
                ["resource"] = Name(entry),
                ["responseKind"] = Kind(entry),
                ["scope"] = entry["namespaced"]?.GetValue<bool>() == true ? "Namespaced" : "Cluster",
                ["singularResource"] = entry["singularName"]?.DeepClone() ?? "",
                ["verbs"] = entry["verbs"]?.DeepClone() ?? new JsonArray(),
            };
            foreach (var names in (string[])["shortNames", "categories"])
            {
                if (entry[names] is { } value)
                    resource[names] = value.DeepClone();
            }
            var subresources = entries.Where(other => Name(other).StartsWith($"{Name(entry)}/", StringComparison.Ordinal))
                .Select(other => (JsonNode)new JsonObject { ["subresource"] = Name(other)[(Name(entry).Length + 1)..], ["responseKind"] = Kind(other), ["verbs"] = other["verbs"]?.DeepClone() ?? new JsonArray() }).ToArray();
            if (subresources.Length > 0)
                resource["subresources"] = new JsonArray(subresources);
            resources.Add(resource);
        }
        return resources;
    }

    static JsonObject Kind(JsonObject entry) => new() { ["group"] = entry["group"]?.DeepClone() ?? "", ["version"] = entry["version"]?.DeepClone() ?? "", ["kind"] = entry["kind"]?.DeepClone() ?? "" };

    static string Name(JsonObject entry) => entry["name"]?.GetValue<string>() ?? "";

    static JsonObject? Parse(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> documents, string path)
    {
        if (!documents.TryGetValue(path, out var json))
            return null;
        var reader = new Utf8JsonReader(json.Span);
        return JsonNode.Parse(ref reader) as JsonObject;
    }

    static JsonArray Detach(JsonArray items) => (JsonArray)items.DeepClone();
}
