using Replicator.Core.Kubernetes;

namespace Replicator.Core.Rules;

/// <summary>What a collector records of a cluster, and what not.</summary>
/// <remarks>An object is recorded where an <see cref="RuleKind.Include"/> rule covers it, or there is none, and no <see cref="RuleKind.Exclude"/> rule does.</remarks>
public sealed class RecordingRules
{
    /// <summary>The document of the cluster's discovery stream that holds the rules in force.</summary>
    public const string DocumentPath = "replicator/rules";

    /// <summary>Records everything.</summary>
    public static RecordingRules None { get; } = new([]);

    /// <summary>What is excluded where nobody says otherwise: leases, one update every ten seconds and node that says nothing but "I live".</summary>
    public static RecordingRule DefaultExclusion { get; } = new() { Name = "exclude:leases.coordination.k8s.io", Kind = RuleKind.Exclude, Types = ["leases.coordination.k8s.io"] };

    /// <summary>Creates a set of rules.</summary>
    /// <exception cref="FormatException">A rule cannot be meant; the message names it and the remedy.</exception>
    public RecordingRules(IReadOnlyList<RecordingRule> rules)
    {
        All = rules;
        var names = new HashSet<string>(StringComparer.Ordinal);
        if (rules.Count(rule => rule.Kind == RuleKind.Ignore) is > IgnoreFilter.MaxRules and var count)
            throw new FormatException($"There are {count} ignore rules and may be {IgnoreFilter.MaxRules}: a rule may name many types and paths.");
        foreach (var rule in rules)
        {
            if (!names.Add(rule.Name))
                throw new FormatException($"Two rules have the name '{rule.Name}': their counts could not be told apart; give one another name.");
            if (rule.Types.Count == 0)
                throw new FormatException($"Rule '{rule.Name}' names no type: write types: ['*'] for all.");
            if (rule.Kind == RuleKind.Ignore && rule.Paths.Count == 0)
                throw new FormatException($"Rule '{rule.Name}' names no path: a change that touches nothing is never recorded anyway.");
            if (rule.Paths.FirstOrDefault(path => path.IsRoot) is not null)
                throw new FormatException($"Rule '{rule.Name}' would ignore every change of an object: exclude its type in place of '$'.");
        }
    }

    /// <summary>The rules.</summary>
    public IReadOnlyList<RecordingRule> All { get; }

    /// <summary>Whether any object of a type may be recorded; a type that has none need not be watched.</summary>
    public bool Records(ResourceType type) => For(type, null)?.ExcludesType != true;

    /// <summary>The rules that concern a type; null where everything of it is recorded as it is.</summary>
    /// <param name="type">The type.</param>
    /// <param name="counts">Told what is suppressed; null where that is nobody's concern.</param>
    public TypeRules? For(ResourceType type, RuleCounts? counts)
    {
        var concerning = All.Where(rule => rule.Concerns(type)).ToList();
        var isLimited = All.Any(rule => rule.Kind == RuleKind.Include) && !concerning.Any(rule => rule.Kind == RuleKind.Include && rule.Namespaces.Count == 0);
        concerning.RemoveAll(rule => rule.Kind == RuleKind.Include && !isLimited);
        return concerning.Count == 0 && !isLimited ? null : new TypeRules(type.GroupResource, concerning, isLimited, counts);
    }

    /// <summary>The rules as the JSON document that is recorded and that the API shows.</summary>
    public byte[] ToJson() => TypeRules.Write(json =>
    {
        json.WriteStartObject();
        TypeRules.WriteRules(json, All, withTypes: true, isLimited: false);
        json.WriteEndObject();
    });
}
