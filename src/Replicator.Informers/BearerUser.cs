namespace Replicator.Informers;

/// <summary>A user of a kubeconfig who shows himself by a bearer token: what he shows, and how another kubeconfig says it.</summary>
/// <param name="Token">The token, valid now.</param>
/// <param name="Members">The members of a kubeconfig's <c>user</c> as JSON, which is YAML too. A plugin or a file stays one there, so that a token that expires is renewed.</param>
public sealed record BearerUser(string Token, string Members)
{
    /// <summary>Reads a context's user.</summary>
    /// <exception cref="ClusterConfigurationException">There is no such kubeconfig, context or user, or he shows no token.</exception>
    public static Task<BearerUser> ReadAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        return ClusterConnection.ReadUserAsync(options, cancellationToken);
    }
}
