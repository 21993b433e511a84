using System.Text.RegularExpressions;
using Replicator.TestKit;
using YamlDotNet.RepresentationModel;

namespace Replicator.EndToEnd.Tests.Operations;

/// <summary>What <c>docker-compose.yml</c> says of its services, with its merge keys resolved and every variable at its default.</summary>
sealed partial class ComposeFile
{
    readonly YamlMappingNode _root;

    ComposeFile(YamlMappingNode root) => _root = root;

    public static ComposeFile Read() => new(Load());

    /// <summary>The file as it is, with its merge keys resolved.</summary>
    public static YamlMappingNode Load()
    {
        var yaml = new YamlStream();
        using var reader = File.OpenText(Path.Combine(TestRecordings.Repository, "docker-compose.yml"));
        yaml.Load(reader);
        return (YamlMappingNode)Merge(yaml.Documents[0].RootNode);
    }

    /// <summary>What a mapping says itself goes before what it merges, and of those the first (https://yaml.org/type/merge.html). YamlDotNet's own parser for it takes the one for a repetition of the other.</summary>
    static YamlNode Merge(YamlNode node)
    {
        if (node is YamlSequenceNode items)
            return new YamlSequenceNode(items.Select(Merge));
        if (node is not YamlMappingNode mapping)
            return node;
        var merged = new YamlMappingNode();
        foreach (var (key, value) in mapping.Children.Where(child => !IsMerge(child.Key)))
            merged.Add(key, Merge(value));
        foreach (var source in mapping.Children.Where(child => IsMerge(child.Key)).SelectMany(child => child.Value is YamlSequenceNode many ? many.Children : [child.Value]))
        {
            foreach (var (key, value) in ((YamlMappingNode)Merge(source)).Children.Where(child => !merged.Children.ContainsKey(child.Key)))
                merged.Add(key, value);
        }
        return merged;
    }

    static bool IsMerge(YamlNode key) => key is YamlScalarNode { Value: "<<" };

    /// <summary>The services that run an image of this name, in an order in which each comes after what it needs.</summary>
    public IReadOnlyList<Service> ServicesOf(string image)
    {
        var waiting = Map(_root, "services").Children.Where(service => Text(service.Value["image"]).StartsWith($"{image}:", StringComparison.Ordinal)).Select(service => Describe(Text(service.Key), (YamlMappingNode)service.Value)).ToList();
        var ordered = new List<Service>();
        while (waiting.Count > 0)
        {
            var next = waiting.Find(service => !service.Needs.Keys.Any(needed => waiting.Any(other => other.Name == needed))) ?? throw new InvalidDataException($"The services {string.Join(", ", waiting.Select(service => service.Name))} wait for each other.");
            ordered.Add(next);
            waiting.Remove(next);
        }
        return ordered;
    }

    /// <summary>Where the file of a secret is, from the root of the repository.</summary>
    public string SecretFile(string name) => Text(Map(Map(_root, "secrets"), name)["file"]);

    static Service Describe(string name, YamlMappingNode service) => new(
        name,
        [.. ((YamlSequenceNode)service["command"]).Select(Text)],
        Pairs(service, "environment").ToDictionary(pair => Text(pair.Key), pair => Text(pair.Value)),
        Pairs(service, "depends_on").ToDictionary(pair => Text(pair.Key), pair => Text(pair.Value["condition"])),
        Items(service, "secrets").ToDictionary(secret => Text(secret is YamlMappingNode mapping ? mapping["source"] : secret), secret => secret is YamlMappingNode mapping ? Text(mapping["target"]) : $"/run/secrets/{Text(secret)}"),
        Items(service, "volumes").OfType<YamlMappingNode>().ToDictionary(volume => Text(volume["target"]), volume => Text(volume["source"])));

    static IEnumerable<KeyValuePair<YamlNode, YamlNode>> Pairs(YamlMappingNode node, string key) => node.Children.TryGetValue(key, out var value) ? ((YamlMappingNode)value).Children : [];

    static IEnumerable<YamlNode> Items(YamlMappingNode node, string key) => node.Children.TryGetValue(key, out var value) ? (YamlSequenceNode)value : [];

    static YamlMappingNode Map(YamlMappingNode node, string key) => (YamlMappingNode)node[key];

    static string Text(YamlNode node) => Variable().Replace(((YamlScalarNode)node).Value!, "${default}");

    [GeneratedRegex(@"\$\{\w+:-(?<default>[^}]*)\}")]
    private static partial Regex Variable();

    /// <summary>A service.</summary>
    /// <param name="Name">Its name, which is its host's.</param>
    /// <param name="Command">The arguments of its image's program.</param>
    /// <param name="Environment">Its variables.</param>
    /// <param name="Needs">What it waits for, and until what.</param>
    /// <param name="Secrets">Where in it each secret is.</param>
    /// <param name="Files">What of the repository is mounted at which place in it.</param>
    public sealed record Service(string Name, IReadOnlyList<string> Command, IReadOnlyDictionary<string, string> Environment, IReadOnlyDictionary<string, string> Needs, IReadOnlyDictionary<string, string> Secrets, IReadOnlyDictionary<string, string> Files);
}
