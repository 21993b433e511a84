using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Replicator;

/// <summary>The address that something of ours listens on.</summary>
static class ListenUrl
{
    /// <param name="url">The address.</param>
    /// <param name="isTls">Whether there is a certificate to listen with.</param>
    /// <exception cref="CommandException">It is none that can be listened on.</exception>
    public static string Check(string url, bool isTls = false)
    {
        // Kestrel takes any host name that it does not know for "every interface": a slip of the pen would open the API to the network.
        if (!TryParse(url, out var parsed) || parsed.Scheme != Uri.UriSchemeHttp && parsed.Scheme != Uri.UriSchemeHttps || parsed.AbsolutePath != "/" || parsed.Query.Length > 0
            || !(parsed.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(parsed.Host.Trim('[', ']'), out _)))
            throw new CommandException($"'{url}' is not an address to listen on: write http://, an IP address, localhost or *, and a port, such as http://127.0.0.1:7070.");
        if (parsed.Scheme == Uri.UriSchemeHttps && !isTls)
            throw new CommandException($"'{url}' needs a certificate: set tls.certificate and tls.key (docs/access.md).");
        return url;
    }

    /// <summary>Whether only this machine can reach it.</summary>
    public static bool IsLoopback(string url) =>
        TryParse(url, out var parsed) && (parsed.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(parsed.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    static bool TryParse(string url, [NotNullWhen(true)] out Uri? parsed) =>
        Uri.TryCreate(url.Replace("//*", "//0.0.0.0", StringComparison.Ordinal).Replace("//+", "//0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out parsed);
}
