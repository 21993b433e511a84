using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Replicator.Configuration;

/// <summary>Reads a YAML file as configuration. Unlike the configuration package for YAML it keeps an empty list (as <c>[]</c>), which means something here: <c>exclude: []</c> excludes nothing, not even leases.</summary>
static class YamlSettings
{
    public const string EmptyList = "[]";

    /// <exception cref="CommandException">The file is there and cannot be read.</exception>
    public static IEnumerable<KeyValuePair<string, string?>> Read(string path)
    {
        var stream = new YamlStream();
        try
        {
            if (!File.Exists(path))
                return [];
            using var reader = File.OpenText(path);
            stream.Load(reader);
        }
        catch (Exception exception) when (exception is YamlException or IOException or UnauthorizedAccessException)
        {
            var place = exception is YamlException { Start: var mark } ? $" at line {mark.Line}" : "";
            throw new CommandException($"'{Path.GetFileName(path)}' cannot be read{place}: {exception.Message}");
        }
        if (stream.Documents.Count == 0)
            return [];
        var values = new List<KeyValuePair<string, string?>>();
        Add(values, "", stream.Documents[0].RootNode, Path.GetFileName(path));
        return values;
    }

    static void Add(List<KeyValuePair<string, string?>> values, string path, YamlNode node, string file)
    {
        switch (node)
        {
            case YamlMappingNode mapping:
                foreach (var (name, value) in mapping.Children)
                    Add(values, Join(path, (name as YamlScalarNode)?.Value ?? throw Malformed(file, name)), value, file);
                break;
            case YamlSequenceNode sequence when path.Length > 0:
                if (sequence.Children.Count == 0)
                    values.Add(new(path, EmptyList));
                for (var i = 0; i < sequence.Children.Count; i++)
                    Add(values, Join(path, $"{i}"), sequence.Children[i], file);
                break;
            // What is left empty is not set.
            case YamlScalarNode { Style: ScalarStyle.Plain, Value: null or "" or "~" or "null" }:
                break;
            case YamlScalarNode scalar when path.Length > 0:
                values.Add(new(path, scalar.Value));
                break;
            default:
                throw Malformed(file, node);
        }
    }

    static string Join(string path, string name) => path.Length == 0 ? name : $"{path}{ConfigurationPath.KeyDelimiter}{name}";

    static CommandException Malformed(string file, YamlNode node) => new($"'{file}' cannot be read at line {node.Start.Line}: settings are 'name: value', 'name:' with more below it, or a list of such.");
}
