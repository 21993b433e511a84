using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Replicator.TestKit.ApiServer;

/// <summary>A certificate authority of a test's own.</summary>
public sealed class TestCertificates : IDisposable
{
    readonly X509Certificate2 _authority;

    public TestCertificates(string name = "test-ca")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var now = TimeProvider.System.GetUtcNow();
        _authority = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
    }

    /// <summary>The authority, as PEM.</summary>
    public string AuthorityPem => _authority.ExportCertificatePem();

    /// <summary>A server's certificate for host names and addresses.</summary>
    public X509Certificate2 Server(params string[] hosts)
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts)
        {
            if (IPAddress.TryParse(host, out var address))
                names.AddIpAddress(address);
            else
                names.AddDnsName(host);
        }
        return Issue($"CN={hosts[0]}", names, "1.3.6.1.5.5.7.3.1");
    }

    /// <summary>A client's certificate and key, as PEM.</summary>
    public (string Certificate, string Key) Client(string name)
    {
        using var certificate = Issue($"CN={name}", null, "1.3.6.1.5.5.7.3.2");
        return (certificate.ExportCertificatePem(), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    public void Dispose() => _authority.Dispose();

    X509Certificate2 Issue(string subject, SubjectAlternativeNameBuilder? names, string usage)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        if (names is not null)
            request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var signed = request.Create(_authority, now.AddHours(-1), now.AddDays(7), RandomNumberGenerator.GetBytes(12));
        using var keyed = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(keyed.Export(X509ContentType.Pfx), password: null, X509KeyStorageFlags.Exportable);
    }
}
