namespace Replicator.Core.Kubernetes;

/// <summary>A label selector: all requirements must hold.</summary>
public sealed record LabelSelector(IReadOnlyList<LabelRequirement> Requirements)
{
    /// <summary>Matches every object.</summary>
    public static LabelSelector Everything { get; } = new([]);
}

/// <summary>One requirement of a <see cref="LabelSelector"/>.</summary>
public sealed record LabelRequirement(string Key, LabelOperator Operator, IReadOnlyList<string> Values);

/// <summary>The operators of a label selector, as in k8s.io/apimachinery.</summary>
public enum LabelOperator
{
    /// <summary>The label has one of the values.</summary>
    In,
    /// <summary>The label is absent or has none of the values.</summary>
    NotIn,
    /// <summary>The label is present.</summary>
    Exists,
    /// <summary>The label is absent.</summary>
    DoesNotExist,
    /// <summary>The label's integer value is greater.</summary>
    GreaterThan,
    /// <summary>The label's integer value is less.</summary>
    LessThan,
}
