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

    /// <summary>After how long without a byte a connection is asked whether it is alive, and how long it has for the answer: client-go's values.</summary>
    internal (TimeSpan Delay, TimeSpan Timeout) KeepAlivePing { get; init; } = (TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(15));

    /// <summary>The clock by which files of certificates and tokens are looked at again.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Reads an environment variable; tests give their own.</summary>
    internal Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;
}
