using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Replicator.Server.Access;

/// <summary>The certificate that a server shows, from PEM files that may be written anew while it runs: new connections get the new one within ten seconds. Thread-safe.</summary>
/// <remarks>Whoever writes the two files anew does not do so at one instant. A pair that does not fit, or cannot be read, is reported and tried again; until then the last good one is shown.</remarks>
public sealed class ReloadingCertificate
{
    static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    readonly string _certificate;
    readonly string _key;
    readonly TimeProvider _time;
    readonly Action<string> _problem;
    readonly Lock _gate = new();
    SslStreamCertificateContext _current;
    (DateTime Certificate, DateTime Key) _written;
    long _looked;

    /// <summary>Loads the certificate.</summary>
    /// <param name="certificate">A PEM file: the certificate, and behind it those that lead to an authority.</param>
    /// <param name="key">A PEM file: its private key.</param>
    /// <param name="time">The clock by which the files are looked at.</param>
    /// <param name="problem">Told in one line why new files cannot be used.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    /// <exception cref="CryptographicException">They are no certificate with its key.</exception>
    public ReloadingCertificate(string certificate, string key, TimeProvider time, Action<string> problem)
    {
        (_certificate, _key, _time, _problem) = (certificate, key, time, problem);
        _written = Written();
        _current = Load();
        _looked = time.GetTimestamp();
    }

    /// <summary>The certificate to show now, with those that lead to an authority.</summary>
    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_gate)
            {
                if (_time.GetElapsedTime(_looked) >= Period)
                    Look();
                return _current;
            }
        }
    }

    void Look()
    {
        _looked = _time.GetTimestamp();
        try
        {
            var written = Written();
            if (written == _written)
                return;
            _current = Load();
            _written = written;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            _problem($"The new certificate in '{_certificate}' and '{_key}' cannot be used, the last one stays: {exception.Message}");
        }
    }

    (DateTime, DateTime) Written() => (File.GetLastWriteTimeUtc(_certificate), File.GetLastWriteTimeUtc(_key));

    SslStreamCertificateContext Load()
    {
        using var pem = LoadPair();
        // Not every platform's TLS takes a key that is in memory only.
        var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_certificate);
        chain.RemoveAt(0);
        return SslStreamCertificateContext.Create(certificate, chain, offline: true);
    }

    X509Certificate2 LoadPair()
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(_certificate, _key);
        }
        catch (ArgumentException exception)
        {
            throw new CryptographicException("the key is not that of the certificate", exception);
        }
    }
}
