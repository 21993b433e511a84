namespace Replicator.Informers;

/// <summary>Which cluster, and as whom.</summary>
public sealed record ClusterOptions
{
    /// <summary>The kubeconfig to read; null for what kubectl would read: <c>$KUBECONFIG</c>, <c>~/.kube/config</c>, and after those the service account of the pod that we run in.</summary>
    public string? KubeconfigPath { get; init; }

    /// <summary>The context to use; null for the kubeconfig's <c>current-context</c>.</summary>
    public string? Context { get; init; }

    /// <summary>What a server's log names us by.</summary>
    public string UserAgent { get; init; } = "replicator";

    /// <summary>Reads an environment variable; tests give their own.</summary>
    internal Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;
}
