using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.SelfChecking;

namespace Replicator.Configuration;

/// <summary>What the settings say of one cluster.</summary>
sealed record ClusterSettings
{
    /// <summary>The id; null to make it from the context's name.</summary>
    public string? Id { get; init; }
    /// <summary>The kubeconfig; null for what kubectl would read.</summary>
    public string? Kubeconfig { get; init; }
    /// <summary>The context; null for the current one.</summary>
    public string? Context { get; init; }
    /// <summary>What to record.</summary>
    public required RecordingRules Rules { get; init; }
    /// <summary>What to redact besides Secrets.</summary>
    public required IReadOnlyList<RedactionRule> Redact { get; init; }
    /// <summary>How the log is compared with the server.</summary>
    public required SelfCheckSettings SelfCheck { get; init; }
}
