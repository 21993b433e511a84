using System.Globalization;

namespace Replicator.Core.Kubernetes;

/// <summary>A label selector: all requirements must hold.</summary>
public sealed record LabelSelector(IReadOnlyList<LabelRequirement> Requirements)
{
    /// <summary>Matches every object.</summary>
    public static LabelSelector Everything { get; } = new([]);

    /// <summary>Parses a selector as the API server does: <c>app=web,tier in (a, b),!canary,size&gt;3</c>. Empty text selects everything.</summary>
    /// <exception cref="FormatException">It is none; the message says what was found where what was expected.</exception>
    public static LabelSelector Parse(string text) => new LabelSelectorParser(text).Parse();

    /// <summary>Whether labels fulfil every requirement.</summary>
    public bool Matches(IReadOnlyDictionary<string, string> labels)
    {
        foreach (var requirement in Requirements)
        {
            if (!requirement.Matches(labels))
                return false;
        }
        return true;
    }
}

/// <summary>One requirement of a <see cref="LabelSelector"/>.</summary>
public sealed record LabelRequirement(string Key, LabelOperator Operator, IReadOnlyList<string> Values)
{
    /// <summary>Whether labels fulfil it. An absent label fulfils <see cref="LabelOperator.NotIn"/>; one that is no integer fulfils no comparison.</summary>
    public bool Matches(IReadOnlyDictionary<string, string> labels)
    {
        var isThere = labels.TryGetValue(Key, out var value);
        return Operator switch
        {
            LabelOperator.In => isThere && Values.Contains(value!),
            LabelOperator.NotIn => !isThere || !Values.Contains(value!),
            LabelOperator.Exists => isThere,
            LabelOperator.DoesNotExist => !isThere,
            _ => isThere && long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
                && long.TryParse(Values[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var bound)
                && (Operator == LabelOperator.GreaterThan ? number > bound : number < bound),
        };
    }
}

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
