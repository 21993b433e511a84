namespace Replicator.Core.Rules;

/// <summary>What a <see cref="RecordingRule"/> does.</summary>
public enum RuleKind
{
    /// <summary>Where there are such rules, what none of them names is not recorded.</summary>
    Include,
    /// <summary>What it names is not recorded, whatever is included.</summary>
    Exclude,
    /// <summary>A change that touches only the rule's paths is not recorded. A creation and a deletion always are.</summary>
    Ignore,
    /// <summary><c>metadata.managedFields</c> is left out of what is recorded.</summary>
    DropManagedFields,
}
