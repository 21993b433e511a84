using System.Text;

namespace Replicator.TestKit.ApiServer;

/// <summary>Writes kubeconfigs for a <see cref="TestApiServer"/>.</summary>
public static class TestKubeconfig
{
    /// <summary>Writes one with the single context <c>test</c>.</summary>
    /// <param name="server">The server.</param>
    /// <param name="path">Where.</param>
    /// <param name="user">The user's members in YAML's flow style: <c>token: abc</c>; empty for an anonymous user.</param>
    /// <param name="url">Another URL than the server's own.</param>
    /// <param name="cluster">More members of the cluster.</param>
    /// <param name="authority">Another certificate authority than the server's, as PEM; empty for none.</param>
    public static string Write(TestApiServer server, string path, string user = "", string? url = null, string cluster = "", string? authority = null)
    {
        var trust = authority != "" && (url ?? server.Url.AbsoluteUri).StartsWith("https", StringComparison.Ordinal)
            ? $"certificate-authority-data: {Convert.ToBase64String(Encoding.UTF8.GetBytes(authority ?? server.Certificates.AuthorityPem))}, " : "";
        File.WriteAllText(path, $$"""
            apiVersion: v1
            kind: Config
            current-context: test
            clusters:
            - name: test
              cluster: { {{trust}}server: "{{url ?? server.Url.AbsoluteUri}}"{{(cluster.Length > 0 ? ", " : "")}}{{cluster}} }
            users:
            - name: test
              user: { {{user}} }
            contexts:
            - name: test
              context: { cluster: test, user: test }
            """);
        return path;
    }
}
