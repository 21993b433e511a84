using System.Text;

namespace Replicator;

/// <summary>A kubeconfig whose one context is a recorded cluster at an instant.</summary>
static class PastKubeconfig
{
    /// <summary>The address of the Kubernetes API of a cluster at an instant.</summary>
    public static Uri Server(ApiSession api, string cluster, string instant) => new(api.Url, $"clusters/{Uri.EscapeDataString(cluster)}/as-of/{Uri.EscapeDataString(instant)}");

    /// <exception cref="CommandException">The instant or the cluster cannot be served; the message is the server's.</exception>
    public static async Task<string> CreateAsync(ApiSession api, string? cluster, string instant, CancellationToken cancellationToken)
    {
        var id = await api.ResolveClusterAsync(cluster, cancellationToken);
        // Asked here, a slip of the pen is a line now and not an error of every later command.
        using var _ = await api.GetAsync($"api/v1/clusters/{Uri.EscapeDataString(id)}/as-of/{Uri.EscapeDataString(instant)}", cancellationToken);
        var server = Server(api, id, instant);
        var trust = api.Url.Scheme != Uri.UriSchemeHttps ? ""
            : (api.Authority is { } authority ? $", certificate-authority-data: {Convert.ToBase64String(Encoding.UTF8.GetBytes(authority))}" : "") + (api.ServerName is { } name ? $", tls-server-name: \"{name}\"" : "");
        // Without a user's credentials some clients ask for a password on the terminal.
        var user = api.User?.Members ?? $"{{token: \"{api.Token ?? "none"}\"}}";
        return $$"""
            apiVersion: v1
            kind: Config
            current-context: past
            contexts:
            - name: past
              context: {cluster: past, user: reader}
            clusters:
            - name: past
              cluster: {server: "{{server.AbsoluteUri}}"{{trust}}}
            users:
            - name: reader
              user: {{user}}

            """;
    }
}
