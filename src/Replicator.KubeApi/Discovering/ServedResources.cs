using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>What a server serves: made from its recorded discovery documents (aggregated, KEP-3352, or plain), and for custom resources from their definitions. Thread-safe.</summary>
public sealed class ServedResources
{
    /// <summary>The media type of aggregated discovery.</summary>
    public const string AggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    static readonly GroupResource CoreEvents = new("", "events"), EventsAgain = new("events.k8s.io", "events");

    readonly JsonArray _core, _groups;
    readonly Dictionary<(string Group, string Version, string Resource), ServedResource> _resources = [];
    readonly ConcurrentDictionary<string, DiscoveryAnswer?> _answers = [];

    ServedResources(JsonArray core, JsonArray groups) => (_core, _groups) = (core, groups);

    /// <summary>Every resource in every version.</summary>
    public IReadOnlyCollection<ServedResource> All => _resources.Values;

    /// <summary>Puts together what was served.</summary>
    /// <param name="documents">The documents by their paths (<c>api</c>, <c>apis/apps/v1</c>).</param>
    /// <param name="customs">The definitions that there are.</param>
    /// <param name="formerCustoms">The names (<c>plural.group</c>) of all that ever were: what is among them and has no definition is not served.</param>
    /// <param name="recorded">The types of which objects are recorded: they are served whatever the documents say.</param>
    /// <param name="withheld">What is not served, whatever documents and definitions say.</param>
    public static ServedResources Create(
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> documents, IReadOnlyCollection<CustomResource> customs, IReadOnlySet<string> formerCustoms, IEnumerable<ResourceType> recorded, IReadOnlySet<(string Group, string Version, string Resource)> withheld)
    {
        var types = recorded.ToList();
        var served = new ServedResources(DocumentReader.Read(documents, "api"), DocumentReader.Read(documents, "apis"));
        var defined = customs.Where(custom => custom.IsEstablished).ToDictionary(custom => custom.Name);
        served.Remove((group, _, resource) => formerCustoms.Contains($"{resource}.{group}") || defined.ContainsKey($"{resource}.{group}"));
        foreach (var custom in defined.Values.OrderBy(custom => custom.Group, StringComparer.Ordinal).ThenBy(custom => custom.Plural, StringComparer.Ordinal))
        {
            foreach (var version in custom.Versions)
                served.Add(custom.Group, version.Version, (JsonObject)version.Entry.DeepClone(), byPriority: true);
        }
        var names = served.Entries().Select(entry => (entry.Group, Name(entry.Resource))).ToHashSet();
        foreach (var type in types)
        {
            if (!names.Contains((type.Group, type.Resource)) && !formerCustoms.Contains(type.GroupResource.ToString()))
                served.Add(type.Group, type.Version, Describe(type), byPriority: false);
        }
        if (withheld.Count > 0)
            served.Remove((group, version, resource) => withheld.Contains((group, version, resource)));
        served.Index(types, defined);
        return served;
    }

    /// <summary>Finds a resource; null where it is not served so.</summary>
    public ServedResource? Find(string group, string version, string resource) => _resources.GetValueOrDefault((group, version, resource));

    /// <summary>The answer at a path of discovery (<c>api</c>, <c>apis</c>, <c>api/v1</c>, <c>apis/apps</c>, <c>apis/apps/v1</c>); null where there is none.</summary>
    internal DiscoveryAnswer? Answer(string path, bool isAggregated) => _answers.GetOrAdd(isAggregated ? $"{path} aggregated" : path, _ => Make(path, isAggregated) is { } node ? DiscoveryAnswer.Of(node) : null);

    JsonObject? Make(string path, bool isAggregated)
    {
        var parts = path.Split('/');
        switch (parts)
        {
            case ["api" or "apis"] when isAggregated:
                return new JsonObject { ["kind"] = "APIGroupDiscoveryList", ["apiVersion"] = "apidiscovery.k8s.io/v2", ["metadata"] = new JsonObject(), ["items"] = (parts[0] == "api" ? _core : _groups).DeepClone() };
            case ["api"]:
                return new JsonObject
                {
                    ["kind"] = "APIVersions",
                    ["versions"] = new JsonArray([.. _core.SelectMany(Versions).Select(version => version["version"]!.DeepClone())]),
                    ["serverAddressByClientCIDRs"] = new JsonArray(),
                };
            case ["apis"]:
                return new JsonObject { ["kind"] = "APIGroupList", ["apiVersion"] = "v1", ["groups"] = new JsonArray([.. _groups.Select(group => (JsonNode)PlainGroup(group!))]) };
            case ["apis", var name]:
                if (_groups.FirstOrDefault(group => GroupName(group) == name) is not { } found)
                    return null;
                var plain = PlainGroup(found);
                plain.Insert(0, "kind", "APIGroup");
                plain.Insert(1, "apiVersion", "v1");
                return plain;
            case ["api", var version]:
                return PlainResources("", version);
            case ["apis", var group, var version]:
                return PlainResources(group, version);
            default:
                return null;
        }
    }

    static JsonObject PlainGroup(JsonNode group)
    {
        JsonObject Version(JsonNode version) => new() { ["groupVersion"] = $"{GroupName(group)}/{version["version"]}", ["version"] = version["version"]!.DeepClone() };
        var versions = Versions(group).ToList();
        // The server lists versions in the order of its preference.
        return new JsonObject { ["name"] = GroupName(group), ["versions"] = new JsonArray([.. versions.Select(version => (JsonNode)Version(version))]), ["preferredVersion"] = versions.Count > 0 ? Version(versions[0]) : null };
    }

    JsonObject? PlainResources(string group, string version)
    {
        var found = (group.Length == 0 ? _core : _groups).Where(item => GroupName(item) == group).SelectMany(Versions).FirstOrDefault(item => item["version"]!.GetValue<string>() == version);
        if (found is null)
            return null;
        var resources = new JsonArray();
        foreach (var resource in Resources(found))
        {
            var namespaced = resource["scope"]?.GetValue<string>() == "Namespaced";
            resources.Add(PlainResource(Name(resource), resource, namespaced, group, version, resource["singularResource"]?.GetValue<string>() ?? ""));
            foreach (var subresource in resource["subresources"] as JsonArray ?? [])
                resources.Add(PlainResource($"{Name(resource)}/{subresource!["subresource"]}", subresource, namespaced, group, version, ""));
        }
        return new JsonObject { ["kind"] = "APIResourceList", ["apiVersion"] = "v1", ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}", ["resources"] = resources };
    }

    static JsonObject PlainResource(string name, JsonNode resource, bool namespaced, string group, string version, string singular)
    {
        var plain = new JsonObject { ["name"] = name, ["singularName"] = singular, ["namespaced"] = namespaced };
        var kind = resource["responseKind"];
        // A kind of another group is named with it; the same one is left out, as the server does.
        if (kind?["version"]?.GetValue<string>() is { Length: > 0 } kindVersion && (kindVersion, kind["group"]?.GetValue<string>() ?? "") != (version, group))
        {
            plain["group"] = kind["group"]?.DeepClone();
            plain["version"] = kindVersion;
        }
        plain["kind"] = kind?["kind"]?.DeepClone();
        plain["verbs"] = resource["verbs"]?.DeepClone() ?? new JsonArray();
        foreach (var list in (string[])["shortNames", "categories"])
        {
            if (resource[list] is { } names)
                plain[list] = names.DeepClone();
        }
        return plain;
    }

    void Index(List<ResourceType> recorded, Dictionary<string, CustomResource> customs)
    {
        var stored = recorded.Select(type => type.GroupResource).ToHashSet();
        foreach (var (group, version, resource) in Entries())
        {
            var kind = resource["responseKind"];
            if (kind?["kind"]?.GetValue<string>() is not { Length: > 0 } kindName)
                continue;
            var type = new ResourceType(group, version, Name(resource), kindName, resource["scope"]?.GetValue<string>() == "Namespaced");
            var custom = customs.GetValueOrDefault(type.GroupResource.ToString());
            _resources[(group, version, type.Resource)] = new ServedResource
            {
                Type = type,
                Stored = type.GroupResource == EventsAgain && !stored.Contains(EventsAgain) ? CoreEvents
                    : type.GroupResource == CoreEvents && !stored.Contains(CoreEvents) && stored.Contains(EventsAgain) ? EventsAgain
                    : type.GroupResource,
                Custom = custom,
                SelectableFields = custom?.Versions.FirstOrDefault(one => one.Version == version)?.SelectableFields ?? [],
            };
        }
    }

    void Remove(Func<string, string, string, bool> isGone)
    {
        foreach (var (list, group) in ((JsonArray[])[_core, _groups]).SelectMany(list => list.Select(group => (list, group))).ToList())
        {
            foreach (var version in Versions(group!).ToList())
            {
                var resources = (JsonArray)version["resources"]!;
                foreach (var resource in resources.ToList())
                {
                    if (isGone(GroupName(group), version["version"]!.GetValue<string>(), Name(resource!)))
                        resources.Remove(resource);
                }
                if (resources.Count == 0)
                    ((JsonArray)group!["versions"]!).Remove(version);
            }
            if (!Versions(group!).Any())
                list.Remove(group);
        }
    }

    void Add(string group, string version, JsonObject resource, bool byPriority)
    {
        var list = group.Length == 0 ? _core : _groups;
        if (list.FirstOrDefault(item => GroupName(item) == group) is not { } found)
        {
            found = new JsonObject { ["metadata"] = group.Length == 0 ? new JsonObject() : new JsonObject { ["name"] = group }, ["versions"] = new JsonArray() };
            list.Add(found);
        }
        var versions = (JsonArray)found["versions"]!;
        if (versions.FirstOrDefault(item => item!["version"]!.GetValue<string>() == version) is not { } served)
        {
            served = new JsonObject { ["version"] = version, ["resources"] = new JsonArray(), ["freshness"] = "Current" };
            var before = byPriority ? versions.Count(item => VersionPriority.Comparer.Compare(item!["version"]!.GetValue<string>(), version) < 0) : versions.Count;
            versions.Insert(before, served);
        }
        ((JsonArray)served["resources"]!).Add(resource);
    }

    static JsonObject Describe(ResourceType type) => new()
    {
        ["resource"] = type.Resource,
        ["responseKind"] = new JsonObject { ["group"] = type.Group, ["version"] = type.Version, ["kind"] = type.Kind },
        ["scope"] = type.Namespaced ? "Namespaced" : "Cluster",
        ["singularResource"] = type.Kind.ToLowerInvariant(),
        ["verbs"] = new JsonArray("get", "list", "watch"),
    };

    IEnumerable<(string Group, string Version, JsonNode Resource)> Entries() =>
        from list in (JsonArray[])[_core, _groups]
        from item in list
        from version in Versions(item)
        from resource in Resources(version)
        select (GroupName(item), version["version"]!.GetValue<string>(), resource);

    static string GroupName(JsonNode? group) => group?["metadata"]?["name"]?.GetValue<string>() ?? "";

    static string Name(JsonNode resource) => resource["resource"]!.GetValue<string>();

    static IEnumerable<JsonNode> Versions(JsonNode? group) => (group?["versions"] as JsonArray)?.OfType<JsonNode>() ?? [];

    static IEnumerable<JsonNode> Resources(JsonNode version) => (version["resources"] as JsonArray)?.OfType<JsonNode>() ?? [];
}

/// <summary>A document as it is sent.</summary>
sealed record DiscoveryAnswer(byte[] Json, string ETag)
{
    public static DiscoveryAnswer Of(JsonObject document)
    {
        var json = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(document);
        return new DiscoveryAnswer(json, $"\"{Convert.ToHexString(SHA512.HashData(json))}\"");
    }
}
