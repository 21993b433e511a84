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

    /// <summary>Writes a certificate and its key and returns its thumbprint.</summary>
    string WriteCertificate()
    {
        using var certificate = _certificates.Server("127.0.0.1");
        File.WriteAllText(_folder.File("tls.crt"), certificate.ExportCertificatePem());
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
