using System.Globalization;
using System.Text.RegularExpressions;
using Replicator.Bus;
using Replicator.Configuration;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.SelfChecking;
using Replicator.Server.Access;

namespace Replicator;

/// <summary>What the environment (<c>REPLICATOR__DATA=...</c>) and, behind it, <c>replicator.yaml</c> in the working directory say; flags come first. docs/configuration.md is the reference.</summary>
sealed partial class Settings
{
    const string FileName = "replicator.yaml";
    const string Prefix = "REPLICATOR__";

    static readonly Dictionary<string, SettingKey> Keys = SettingKeys.All.ToDictionary(key => key.Path, StringComparer.OrdinalIgnoreCase);

    readonly IConfiguration _configuration;

    Settings(IConfiguration configuration) => _configuration = configuration;

    /// <exception cref="CommandException">The file cannot be read, or a setting is unknown or malformed.</exception>
    public static Settings Load() =>
        Load(new ConfigurationBuilder().AddInMemoryCollection(YamlSettings.Read(Path.Combine(Environment.CurrentDirectory, FileName))).AddEnvironmentVariables(Prefix).Build());

    internal static Settings Load(IConfiguration configuration)
    {
        var settings = new Settings(configuration);
        Check(configuration, "");
        // A rule with a slip of the pen is found when the program starts, whichever command it was. Not so the stores: a command's own options may choose them.
        _ = settings.Clusters;
        _ = settings.BufferBytes;
        _ = settings.Access;
        return settings;
    }

    public string Data => Text("data") ?? Keys["data"].Default;

    public string Listen => Text("listen") ?? Keys["listen"].Default;

    /// <summary>What a process does: see <see cref="RoleNames"/>.</summary>
    public string Roles => Texts("roles") is { Count: > 0 } names ? string.Join(',', names) : Keys["roles"].Default;

    /// <summary>Whether log lines are JSON objects.</summary>
    public bool LogsJson => (Text("log:format") ?? Keys["log.format"].Default) switch
    {
        "json" => true,
        "text" => false,
        var other => throw new CommandException($"'{other}' is not a format of log lines: write text or json in log.format."),
    };

    /// <summary>The bus that the log is published to.</summary>
    public BusOptions Bus => BusSettings.Read(_configuration.GetSection("bus"));

    /// <summary>Where log and projection are; engines that flags name come first.</summary>
    public StoreSettings Store(string? log = null, string? snapshots = null) => StoreSettings.Read(_configuration.GetSection("store"), log, snapshots);

    /// <summary>The schema in PostgreSQL, wherever that is.</summary>
    public string PostgresSchema => StoreSettings.ReadSchema(_configuration.GetSection("store"));

    /// <summary>How many bytes all clusters and types together may have read and not recorded yet.</summary>
    public long BufferBytes
    {
        get
        {
            var text = Text("bufferMiB") ?? Keys["bufferMiB"].Default;
            return int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) && number > 0 ? number * 1024L * 1024
                : throw new CommandException($"'bufferMiB' in {FileName} or {Prefix}... is '{text}'; write a whole number of MiB of at least 1, such as {Keys["bufferMiB"].Default}.");
        }
    }

    /// <summary>Who may read.</summary>
    public AccessSettings Access
    {
        get
        {
            var certificate = Text("tls:certificate");
            if (certificate is null != Text("tls:key") is null)
                throw new CommandException($"Only one of tls.certificate and tls.key is set in {FileName} or {Prefix}...: a certificate needs its key.");
            return new AccessSettings
            {
                Kubernetes = Flag("access:kubernetes"),
                Cache = Duration("", "access:cache", mayBeOff: false)!.Value,
                Tokens = [.. _configuration.GetSection("access:tokens").GetChildren().Select(Token)],
                Tls = certificate is null ? null : (certificate, Text("tls:key")!),
            };
        }
    }

    /// <summary>The redaction rules that hold where no cluster has its own.</summary>
    public IReadOnlyList<RedactionRule> RedactionRules => Redact("");

    /// <summary>The cluster that the settings outside of <c>clusters</c> describe.</summary>
    public ClusterSettings Cluster => new() { Id = Text("cluster"), Kubeconfig = Text("kubeconfig"), Context = Text("context"), Rules = Rules(""), Redact = RedactionRules, SelfCheck = SelfCheck("") };

    /// <summary>Whether there is a list of clusters.</summary>
    bool ListsClusters => _configuration.GetSection("clusters").GetChildren().Any();

    /// <summary>The clusters to replicate: those under <c>clusters</c>, or the one.</summary>
    public IReadOnlyList<ClusterSettings> Clusters
    {
        get
        {
            var listed = _configuration.GetSection("clusters").GetChildren().ToList();
            if (listed.Count == 0)
                return [Cluster];
            foreach (var name in (string[])["cluster", "kubeconfig", "context"])
            {
                if (Text(name) is { } value)
                    throw new CommandException($"Both '{name}' ({value}) and 'clusters' are set in {FileName} or {Prefix}...: move it into the entry of 'clusters' that it belongs to.");
            }
            var clusters = listed.Select(entry => new ClusterSettings
            {
                // Made from the context's name it would be known only once the kubeconfig can be read, and one that cannot must not stop the others.
                Id = Text($"{entry.Path}:id") ?? throw new CommandException($"{Shown(entry.Path)} in {FileName} or {Prefix}... needs an 'id', under which the cluster is recorded."),
                Kubeconfig = Text($"{entry.Path}:kubeconfig"),
                Context = Text($"{entry.Path}:context"),
                Rules = Rules($"{entry.Path}:"),
                Redact = Redact($"{entry.Path}:"),
                SelfCheck = SelfCheck($"{entry.Path}:"),
            }).ToList();
            return clusters.GroupBy(cluster => cluster.Id).FirstOrDefault(group => group.Count() > 1) is not { } twice ? clusters
                : throw new CommandException($"Two entries of 'clusters' in {FileName} or {Prefix}... have the id '{twice.Key}': one cluster has one writer; give one of them another id.");
        }
    }

    /// <summary>The clusters that flags and settings together mean. Flags come first: a kubeconfig or context is one cluster, whatever the settings list; an id alone may be one of the list.</summary>
    public IReadOnlyList<ClusterSettings> Choose(string? kubeconfig, string? context, string? id)
    {
        if (kubeconfig is not null || context is not null)
            return [Cluster with { Id = id ?? Cluster.Id, Kubeconfig = kubeconfig ?? Cluster.Kubeconfig, Context = context ?? Cluster.Context }];
        if (id is null)
            return Clusters;
        if (!ListsClusters)
            return [Cluster with { Id = id }];
        return Clusters.FirstOrDefault(cluster => cluster.Id == id) is { } chosen ? [chosen]
            : throw new CommandException($"The settings list no cluster '{id}': they have {string.Join(", ", Clusters.Select(cluster => cluster.Id))}.");
    }

    /// <summary>Refuses what no setting is called; a slip of the pen would otherwise be a rule that never holds.</summary>
    static void Check(IConfiguration section, string path)
    {
        foreach (var child in section.GetChildren())
        {
            var isPlace = path.Length > 0 && Keys.Keys.Any(key => key.StartsWith($"{path}[]", StringComparison.OrdinalIgnoreCase));
            var here = isPlace ? $"{path}[]" : path.Length == 0 ? child.Key : $"{path}.{child.Key}";
            var isList = isPlace || path.Length > 0 && Keys.TryGetValue(path, out _);
            if (isPlace && !int.TryParse(child.Key, out _))
                throw new CommandException($"'{Shown(child.Path)}': '{path}' is a list; write '- {child.Key}: ...' below it, or {Prefix}{path.ToUpperInvariant().Replace(".", "__", StringComparison.Ordinal)}__0__{child.Key.ToUpperInvariant()}=...");
            // Below a setting that takes a list of texts are their places.
            if (!isPlace && isList && int.TryParse(child.Key, out _))
                continue;
            if (!Keys.Keys.Any(key => key.Equals(here, StringComparison.OrdinalIgnoreCase) || key.StartsWith($"{here}.", StringComparison.OrdinalIgnoreCase) || key.StartsWith($"{here}[]", StringComparison.OrdinalIgnoreCase)))
            {
                var siblings = Keys.Keys.Where(key => path.Length == 0 || key.StartsWith($"{path}.", StringComparison.OrdinalIgnoreCase))
                    .Select(key => key[(path.Length == 0 ? 0 : path.Length + 1)..].Split('.', '[')[0]).Where(name => name.Length > 0).Distinct(StringComparer.Ordinal).ToList();
                var hint = siblings.Count == 0 ? $"'{path}' takes a value and nothing below it" : $"did you mean '{SettingKeys.Nearest(child.Key, siblings)}'? Known here are {string.Join(", ", siblings)}";
                throw new CommandException($"'{Shown(child.Path)}' is not a setting of {FileName} or {Prefix}...: {hint}.");
            }
            Check(child, here);
        }
    }

    static string Shown(string path) => path.Replace(ConfigurationPath.KeyDelimiter, ".", StringComparison.Ordinal);

    /// <summary>The rules, those of a cluster taking the common ones' place kind by kind.</summary>
    RecordingRules Rules(string prefix)
    {
        var rules = new List<RecordingRule>();
        foreach (var kind in Enum.GetValues<RuleKind>())
        {
            var name = System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(kind.ToString());
            var own = _configuration.GetSection($"{prefix}rules:{name}");
            var section = prefix.Length > 0 && own.Exists() ? own : _configuration.GetSection($"rules:{name}");
            if (!section.Exists() && kind == RuleKind.Exclude)
                rules.Add(RecordingRules.DefaultExclusion);
            else
                rules.AddRange(Entries(section).Select(entry => Rule(kind, name, entry)));
        }
        try
        {
            return new RecordingRules(rules);
        }
        catch (FormatException exception)
        {
            throw new CommandException($"The rules in {FileName} or {Prefix}...: {exception.Message}");
        }
    }

    RecordingRule Rule(RuleKind kind, string kindName, (IConfigurationSection Section, string? Text) entry)
    {
        var (types, namespaces) = (entry.Text is { } text ? [text] : Texts($"{entry.Section.Path}:types"), entry.Text is null ? Texts($"{entry.Section.Path}:namespaces") : []);
        try
        {
            foreach (var pattern in types.Concat(namespaces).Where(pattern => !Pattern().IsMatch(pattern)))
                throw new FormatException($"'{pattern}' is no pattern of types or namespaces: write letters, digits, '-', '.' and '*', such as pods, *.apps or kube-*.");
            return new RecordingRule
            {
                Kind = kind,
                Name = (entry.Text is null ? Text($"{entry.Section.Path}:name") : null) ?? $"{kindName}:{(types.Count == 0 ? "*" : string.Join(',', types))}{(namespaces.Count == 0 ? "" : $"@{string.Join(',', namespaces)}")}",
                Types = types.Count == 0 ? ["*"] : types,
                Namespaces = namespaces,
                Paths = kind == RuleKind.Ignore && entry.Text is null ? [.. Texts($"{entry.Section.Path}:paths").Select(FieldPath.Parse)] : [],
            };
        }
        catch (FormatException exception)
        {
            throw new CommandException($"{Shown(entry.Section.Path)} in {FileName} or {Prefix}...: {exception.Message}");
        }
    }

    /// <summary>The rules under <c>redact</c>: a list of <c>type</c> (plural.group) and <c>path</c>.</summary>
    IReadOnlyList<RedactionRule> Redact(string prefix)
    {
        var own = _configuration.GetSection($"{prefix}redact");
        return [.. (own.Exists() ? own : _configuration.GetSection("redact")).GetChildren().Select(rule =>
        {
            if (Text($"{rule.Path}:type") is not { } type || Text($"{rule.Path}:path") is not { } path)
                throw new CommandException($"{Shown(rule.Path)} in {FileName} or {Prefix}... needs a 'type' (such as configmaps or deployments.apps) and a 'path' (such as $.data.password).");
            try
            {
                return new RedactionRule(GroupResource.Parse(type), FieldPath.Parse(path));
            }
            catch (FormatException exception)
            {
                throw new CommandException($"{Shown(rule.Path)} in {FileName} or {Prefix}...: {exception.Message}");
            }
        })];
    }

    StaticToken Token(IConfigurationSection entry)
    {
        if (Text($"{entry.Path}:name") is not { } name || Text($"{entry.Path}:sha256") is not { } hash)
            throw new CommandException($"{Shown(entry.Path)} in {FileName} or {Prefix}... needs a 'name', under which the logs know it, and the 'sha256' of the token.");
        return new StaticToken { Name = name, Sha256 = AccessSettings.Hash(name, hash), Clusters = Texts($"{entry.Path}:clusters"), Namespaces = Texts($"{entry.Path}:namespaces") };
    }

    bool Flag(string path) => (Text(path) ?? Keys[path.Replace(':', '.')].Default) is var text && bool.TryParse(text, out var flag) ? flag
        : throw new CommandException($"{Shown(path)} in {FileName} or {Prefix}... is '{text}'; it is true or false.");

    SelfCheckSettings SelfCheck(string prefix) =>
        new(Duration(prefix, "selfCheck:period", mayBeOff: true), Duration(prefix, "selfCheck:patience", mayBeOff: false)!.Value);

    /// <summary>A number with its unit; null for <c>off</c>. Of the cluster, of all, or the default.</summary>
    TimeSpan? Duration(string prefix, string path, bool mayBeOff)
    {
        var text = Text(prefix + path) ?? Text(path) ?? Keys[path.Replace(':', '.')].Default;
        if (mayBeOff && text == "off")
            return null;
        var match = Length().Match(text);
        if (match.Success && double.TryParse(match.Groups[1].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number > 0)
        {
            var unit = match.Groups[2].Value switch { "ms" => TimeSpan.FromMilliseconds(1), "s" => TimeSpan.FromSeconds(1), "m" => TimeSpan.FromMinutes(1), "h" => TimeSpan.FromHours(1), _ => TimeSpan.FromDays(1) };
            if (number * unit.Ticks <= TimeSpan.FromDays(365).Ticks)
                return unit * number;
        }
        throw new CommandException($"{Shown(path)} in {FileName} or {Prefix}... is '{text}', which is no length of time: write a number above 0 with ms, s, m, h or d, such as 5m{(mayBeOff ? ", or off" : "")}; at most a year.");
    }

    string? Text(string path)
    {
        // What is not in the list of settings could not be refused when mistyped, nor be found in the reference.
        var key = Place().Replace(path, "[]").Replace(':', '.');
        if (!Keys.ContainsKey(key))
            throw new ArgumentException($"'{key}' is not in {nameof(SettingKeys)}.", nameof(path));
        return _configuration[path];
    }

    /// <summary>A text, texts with commas between them, or a list of texts.</summary>
    IReadOnlyList<string> Texts(string path)
    {
        _ = Text(path);
        return [.. Entries(_configuration.GetSection(path)).Select(entry => entry.Text ?? throw new CommandException($"{Shown(entry.Section.Path)} in {FileName} or {Prefix}... must be a text."))];
    }

    static IEnumerable<(IConfigurationSection Section, string? Text)> Entries(IConfigurationSection section) => section.Value switch
    {
        YamlSettings.EmptyList => [],
        { Length: > 0 } text => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(part => (section, (string?)part)),
        _ => section.GetChildren().OrderBy(child => int.TryParse(child.Key, out var place) ? place : int.MaxValue).Select(child => (child, child.Value)),
    };

    [GeneratedRegex(@"^[A-Za-z0-9*.-]+$")]
    private static partial Regex Pattern();

    [GeneratedRegex(@"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")]
    private static partial Regex Length();

    [GeneratedRegex(@":\d+(?=:|$)")]
    private static partial Regex Place();
}
