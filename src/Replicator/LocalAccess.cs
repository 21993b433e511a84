using System.Security.Cryptography.X509Certificates;

namespace Replicator;

/// <summary>How the commands of this machine get at a guarded API: by a token beside the data, which only the data's owner can read, and which is another with every start.</summary>
static class LocalAccess
{
    const string FileName = "api-token", AuthorityName = "api-authority.pem";

    /// <summary>Leaves the token in the data folder, and by whom the API's certificate is known; null takes it away.</summary>
    public static void Write(string data, string? token, string? authority)
    {
        var file = Path.Combine(data, FileName);
        File.Delete(file);
        File.Delete(Path.Combine(data, AuthorityName));
        if (authority is not null)
            File.WriteAllText(Path.Combine(data, AuthorityName), authority);
        if (token is null)
            return;
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(file, options);
        writer.Write(token);
    }

    /// <summary>By whom the certificate of the process that serves the folder is known, as PEM; null where it has none.</summary>
    public static string? ReadAuthority(string data) => Path.Combine(data, AuthorityName) is var file && File.Exists(file) ? File.ReadAllText(file) : null;

    /// <summary>Of the certificates that a server shows those that sign others, and where there is none (they may lie elsewhere, or it signs itself) the server's own; as PEM.</summary>
    public static string Authority(string certificates)
    {
        var shown = new X509Certificate2Collection();
        shown.ImportFromPemFile(certificates);
        var signing = shown.Where(certificate => certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(constraints => constraints.CertificateAuthority)).ToList();
        return string.Concat((signing.Count > 0 ? signing : [shown[0]]).Select(certificate => $"{certificate.ExportCertificatePem()}\n"));
    }

    /// <summary>The token of the process that serves the folder; null where its API is open.</summary>
    /// <exception cref="CommandException">It belongs to somebody else.</exception>
    public static string? Read(string data)
    {
        var file = Path.Combine(data, FileName);
        try
        {
            return File.Exists(file) ? File.ReadAllText(file) : null;
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new CommandException($"The API over '{data}' is guarded, and its token cannot be read ({exception.Message}): run the command as the user who runs 'replicator up'.");
        }
    }
}
