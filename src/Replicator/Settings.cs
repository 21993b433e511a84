using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Redaction;

namespace Replicator;

/// <summary>What the environment (<c>REPLICATOR__DATA=...</c>) and, behind it, <c>replicator.yaml</c> in the working directory say; flags come first.</summary>
sealed class Settings
{
    const string FileName = "replicator.yaml";

    static readonly HashSet<string> Known = new(StringComparer.OrdinalIgnoreCase) { "data", "listen", "cluster", "kubeconfig", "context", "redact" };

    readonly IConfiguration _configuration;

    Settings(IConfiguration configuration) => _configuration = configuration;

    public static Settings Load()
    {
        IConfiguration configuration;
        try
        {
            configuration = new ConfigurationBuilder().AddYamlFile(Path.Combine(Environment.CurrentDirectory, FileName), optional: true).AddEnvironmentVariables("REPLICATOR__").Build();
        }
        catch (Exception exception) when (exception is InvalidDataException or FormatException or YamlDotNet.Core.YamlException)
        {
            throw new CommandException($"'{FileName}' cannot be read: {(exception.InnerException ?? exception).Message}");
        }
        foreach (var section in configuration.GetChildren())
        {
            // A key with a slip of the pen would otherwise be a rule that never holds.
            if (!Known.Contains(section.Key))
                throw new CommandException($"'{section.Key}' is not a setting of {FileName} or of REPLICATOR__...: known are {string.Join(", ", Known)}.");
        }
        return new Settings(configuration);
    }

    public string Data => _configuration["data"] ?? "./replicator-data";

    public string Listen => _configuration["listen"] ?? "http://127.0.0.1:7070";

    public string? Cluster => _configuration["cluster"];

    public string? Kubeconfig => _configuration["kubeconfig"];

    public string? Context => _configuration["context"];

    /// <summary>The rules under <c>redact</c>: a list of <c>type</c> (plural.group) and <c>path</c>.</summary>
    public IReadOnlyList<RedactionRule> RedactionRules => [.. _configuration.GetSection("redact").GetChildren().Select((rule, index) =>
    {
        if (rule["type"] is not { } type || rule["path"] is not { } path)
            throw new CommandException($"Redaction rule {index + 1} in {FileName} needs a 'type' (such as configmaps or deployments.apps) and a 'path' (such as $.data.password).");
        try
        {
            return new RedactionRule(GroupResource.Parse(type), FieldPath.Parse(path));
        }
        catch (FormatException exception)
        {
            throw new CommandException($"Redaction rule {index + 1} in {FileName}: {exception.Message}");
        }
    })];
}
