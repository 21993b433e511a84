using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using Replicator.Server.Access;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.Server.Tests;

/// <summary>Certificates that are renewed while the server runs.</summary>
public sealed class ReloadingCertificateTests : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly TestCertificates _authority = new();
    readonly FakeTimeProvider _clock = new();
    readonly List<string> _problems = [];
    DateTime _written = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public void Dispose()
    {
        _folder.Dispose();
        _authority.Dispose();
    }

    [Fact]
    public void A_new_certificate_is_shown_within_ten_seconds_and_a_broken_one_never()
    {
        var first = Write(withKey: true);
        var certificate = Load();
        Assert.Equal(first, Shown(certificate));

        var second = Write(withKey: true);
        Assert.Equal(first, Shown(certificate));
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(second, Shown(certificate));

        // Half way through a renewal the key is still the old one.
        var third = Write(withKey: false);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(second, Shown(certificate));
        Assert.Contains("the last one stays", Assert.Single(_problems), StringComparison.Ordinal);
        Assert.NotEqual(third, Shown(certificate));

        var fourth = Write(withKey: true);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(fourth, Shown(certificate));
        Assert.Single(_problems);
    }

    [Fact]
    public void Certificates_behind_the_servers_own_are_shown_with_it()
    {
        var now = TimeProvider.System.GetUtcNow();
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = Request("CN=root", rootKey, isAuthority: true).CreateSelfSigned(now.AddHours(-1), now.AddDays(2));
        using var intermediateKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var unkeyed = Request("CN=intermediate", intermediateKey, isAuthority: true).Create(root, now.AddHours(-1), now.AddDays(2), [1]);
        using var intermediate = unkeyed.CopyWithPrivateKey(intermediateKey);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Request("CN=localhost", key, isAuthority: false).Create(intermediate, now.AddHours(-1), now.AddDays(1), [2]);
        File.WriteAllText(_folder.File("tls.crt"), $"{certificate.ExportCertificatePem()}\n{intermediate.ExportCertificatePem()}\n");
        File.WriteAllText(_folder.File("tls.key"), key.ExportPkcs8PrivateKeyPem());

        var shown = Load().Current;
        Assert.Equal(certificate.Thumbprint, shown.TargetCertificate.Thumbprint);
        Assert.Equal(intermediate.Thumbprint, Assert.Single(shown.IntermediateCertificates).Thumbprint);

        static CertificateRequest Request(string name, ECDsa key, bool isAuthority)
        {
            var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, hasPathLengthConstraint: false, 0, critical: true));
            return request;
        }
    }

    [Fact]
    public void A_pair_that_does_not_fit_is_refused_at_the_start()
    {
        Write(withKey: true);
        Write(withKey: false);
        Assert.ThrowsAny<CryptographicException>(() => { Load(); });
        Assert.ThrowsAny<IOException>(() => { _ = new ReloadingCertificate(_folder.File("missing"), _folder.File("tls.key"), _clock, _problems.Add); });
    }

    static string Shown(ReloadingCertificate certificate) => certificate.Current.TargetCertificate.Thumbprint;

    ReloadingCertificate Load() => new(_folder.File("tls.crt"), _folder.File("tls.key"), _clock, _problems.Add);

    string Write(bool withKey)
    {
        using var certificate = _authority.Server("localhost");
        // Two files of one tick could not be told apart.
        _written += TimeSpan.FromSeconds(1);
        File.WriteAllText(_folder.File("tls.crt"), certificate.ExportCertificatePem());
        File.SetLastWriteTimeUtc(_folder.File("tls.crt"), _written);
        if (withKey)
        {
            File.WriteAllText(_folder.File("tls.key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
            File.SetLastWriteTimeUtc(_folder.File("tls.key"), _written);
        }
        return certificate.Thumbprint;
    }
}
