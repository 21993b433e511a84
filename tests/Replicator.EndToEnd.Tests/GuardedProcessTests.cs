using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The executable with a certificate and tokens: strangers are kept out, the commands of this machine are not.</summary>
public sealed class GuardedProcessTests : IDisposable
{
    const string Token = "a-long-and-random-token";

    readonly TemporaryFolder _folder = new();
    readonly TestCertificates _certificates = new();

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _folder.Dispose();
        _certificates.Dispose();
    }

    [Fact]
    public async Task A_guarded_process_lets_in_tokens_over_tls_and_the_commands_of_its_own_machine()
    {
        var first = WriteCertificate();
        await File.WriteAllTextAsync(_folder.File("replicator.yaml"), $$"""
            access:
              tokens:
                - name: ci
                  sha256: {{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Token)))}}
            tls: { certificate: tls.crt, key: tls.key }
            """, Cancel);
        await using var up = ReplicatorProcess.Start(_folder.Path, "up", "--demo", "--speed", "max", "--data", "data", "--listen", "https://127.0.0.1:0");
        var api = await up.WaitForApiAsync();
        Assert.Equal("https", api.Scheme);

        var (status, shown) = await GetAsync(api, Token);
        Assert.Equal((HttpStatusCode.OK, first), (status, shown));
        Assert.Equal(HttpStatusCode.Forbidden, (await GetAsync(api, null)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(api, "wrong")).Status);
        Assert.DoesNotContain("wrong\"", up.Errors, StringComparison.Ordinal);
        Assert.Contains("refused (401)", await up.WaitForErrorAsync("refused (401)"), StringComparison.Ordinal);

        // Its own token lies where only the owner of the data can read it, and goes with the process.
        var file = _folder.File(Path.Combine("data", "api-token"));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        var (code, output, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "status", "--data", "data");
        Assert.True(code == 0, errors);
        Assert.Contains("shop", output, StringComparison.Ordinal);
        await up.InterruptAsync();
        Assert.False(File.Exists(file));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kubectl_reads_the_past_of_a_guarded_process_by_the_kubeconfig_that_is_written_for_it(bool showsAuthority)
    {
        var client = await Kubectl.FindAsync();
        WriteCertificate(showsAuthority);
        await File.WriteAllTextAsync(_folder.File("authority.pem"), _certificates.AuthorityPem, Cancel);
        string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        await File.WriteAllTextAsync(_folder.File("replicator.yaml"), $$"""
            access:
              tokens:
                - { name: ops, sha256: {{Hash(Token)}} }
                - { name: shop-ci, sha256: {{Hash("of-shop")}}, namespaces: [shop] }
            tls: { certificate: tls.crt, key: tls.key }
            """, Cancel);
        await using var up = ReplicatorProcess.Start(_folder.Path, "up", "--demo", "--speed", "max", "--data", "data", "--listen", "https://127.0.0.1:0");
        var api = await up.WaitForApiAsync();

        // There is no past of a cluster before something was recorded of it.
        await Eventually.HoldsAsync(async () => !(await ReplicatorProcess.RunAsync(_folder.Path, "kubeconfig", "--as-of", "now", "--data", "data")).Errors.Contains("nothing was recorded of a cluster 'shop'", StringComparison.Ordinal), Cancel);

        // As whoever owns the data: the authority and the token lie beside it.
        var owner = await KubeconfigAsync("owner", "--data", "data");
        Assert.Contains("yes", await KubectlAsync(owner, 0, "auth", "can-i", "list", "secrets", "-A"), StringComparison.Ordinal);
        await Eventually.HoldsAsync(async () => (await client.RunAsync(_folder, owner, "get", "nodes", "-o", "name")).Output.Contains("node/node-001", StringComparison.Ordinal), Cancel);

        // As a user of a kubeconfig, whose token is renewed where it comes from: a file, here.
        await File.WriteAllTextAsync(_folder.File("token"), "of-shop", Cancel);
        await File.WriteAllTextAsync(_folder.File("mine"), """
            apiVersion: v1
            kind: Config
            current-context: mine
            contexts: [{name: mine, context: {cluster: mine, user: ci}}]
            clusters: [{name: mine, cluster: {server: "https://127.0.0.1:1"}}]
            users: [{name: ci, user: {tokenFile: token}}]
            """, Cancel);
        var ci = await KubeconfigAsync("ci", "--server", api.AbsoluteUri, "--certificate-authority", "authority.pem", "--kubeconfig", "mine");
        Assert.Contains($"tokenFile\":\"{_folder.File("token")}", await File.ReadAllTextAsync(ci, Cancel), StringComparison.Ordinal);
        Assert.Equal("yes", (await KubectlAsync(ci, 0, "auth", "can-i", "list", "pods", "-n", "shop")).Trim());
        Assert.StartsWith("no", await KubectlAsync(ci, 1, "auth", "can-i", "list", "pods", "-n", "payments"), StringComparison.Ordinal);
        Assert.Contains("[get list watch]", await KubectlAsync(ci, 0, "auth", "can-i", "--list", "-n", "shop"), StringComparison.Ordinal);
        Assert.Equal("shop-ci", (await KubectlAsync(ci, 0, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).Trim());
        Assert.Contains("pods is forbidden: User \"shop-ci\" cannot list resource \"pods\"", (await client.RunAsync(_folder, ci, "get", "pods", "-n", "payments")).Errors, StringComparison.Ordinal);
        // The shortcut asks in the same way.
        var (code, output, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "kubectl", "--as-of", "now", "--server", api.AbsoluteUri, "--certificate-authority", "authority.pem", "--kubeconfig", "mine", "--", "auth", "can-i", "get", "secrets", "-n", "shop");
        Assert.True(code == 0, errors);
        Assert.Equal("yes", output);

        async Task<string> KubeconfigAsync(string name, params string[] arguments)
        {
            var (code, output, errors) = await ReplicatorProcess.RunAsync(_folder.Path, ["kubeconfig", "--as-of", "now", .. arguments]);
            Assert.True(code == 0, errors);
            await File.WriteAllTextAsync(_folder.File(name), output, Cancel);
            return _folder.File(name);
        }

        async Task<string> KubectlAsync(string kubeconfig, int expected, params string[] arguments)
        {
            var (code, output, errors) = await client.RunAsync(_folder, kubeconfig, arguments);
            Assert.True(code == expected, $"{code}: {output}{errors}");
            return output;
        }
    }

    [Fact]
    public async Task A_user_who_shows_no_token_is_told_to_name_another()
    {
        await File.WriteAllTextAsync(_folder.File("mine"), """
            apiVersion: v1
            kind: Config
            current-context: mine
            contexts: [{name: mine, context: {cluster: mine, user: me}}]
            clusters: [{name: mine, cluster: {server: "https://127.0.0.1:1"}}]
            users: [{name: me, user: {}}]
            """, Cancel);
        var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "kubeconfig", "--as-of", "now", "--server", "http://127.0.0.1:1", "--kubeconfig", "mine");
        Assert.Equal(1, code);
        Assert.StartsWith("replicator: The user of context 'mine' shows no token", errors, StringComparison.Ordinal);
    }

    /// <summary>Writes a certificate and its key and returns its thumbprint.</summary>
    string WriteCertificate(bool showsAuthority = false)
    {
        using var certificate = _certificates.Server("127.0.0.1");
        File.WriteAllText(_folder.File("tls.crt"), certificate.ExportCertificatePem() + (showsAuthority ? $"\n{_certificates.AuthorityPem}" : ""));
        File.WriteAllText(_folder.File("tls.key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        return certificate.Thumbprint;
    }

    static async Task<(HttpStatusCode Status, string Thumbprint)> GetAsync(Uri api, string? token)
    {
        var shown = "";
        using var handler = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, certificate, _, _) =>
            {
                shown = certificate!.Thumbprint;
                return true;
            },
        };
        using var client = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(api, "api/v1/clusters"));
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await client.SendAsync(request, Cancel);
        return (response.StatusCode, shown);
    }
}
