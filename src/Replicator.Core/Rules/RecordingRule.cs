using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Rules;

/// <summary>Says of some types, in all or in some namespaces, what is not recorded.</summary>
/// <remarks>In patterns <c>*</c> stands for any number of characters, dots included; case makes no difference.</remarks>
public sealed record RecordingRule
{
    /// <summary>What counts and reports name it by; unique among the rules.</summary>
    public required string Name { get; init; }

    /// <summary>What it does.</summary>
    public required RuleKind Kind { get; init; }

    /// <summary>Patterns of <c>plural.group</c> (the core group's types are the plural alone): <c>pods</c>, <c>*.apps</c>, <c>*</c>.</summary>
    public required IReadOnlyList<string> Types { get; init; }

    /// <summary>Patterns of namespaces; empty for all objects. A rule that names namespaces never concerns cluster-scoped objects.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>The paths of <see cref="RuleKind.Ignore"/>; empty for the other kinds.</summary>
    public IReadOnlyList<FieldPath> Paths { get; init; } = [];

    /// <summary>Whether it has something to say of a type.</summary>
    public bool Concerns(ResourceType type) => (type.Namespaced || Namespaces.Count == 0) && Types.Any(pattern => Wildcard.Matches(pattern, type.GroupResource.ToString()));

    /// <summary>Whether it has something to say of the objects in a namespace (empty for cluster-scoped ones) of a type that it concerns.</summary>
    public bool Covers(string @namespace) => Namespaces.Count == 0 || (@namespace.Length > 0 && Namespaces.Any(pattern => Wildcard.Matches(pattern, @namespace)));
}
