using System.Net;

namespace Replicator;

/// <summary>The address that something of ours listens on.</summary>
static class ListenUrl
{
    /// <exception cref="CommandException">It is none that can be listened on.</exception>
    public static string Check(string url)
    {
        // Kestrel takes any host name that it does not know for "every interface": a slip of the pen would open the API to the network.
        if (!Uri.TryCreate(url.Replace("//*", "//0.0.0.0", StringComparison.Ordinal).Replace("//+", "//0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var parsed)
            || parsed.Scheme != Uri.UriSchemeHttp || parsed.AbsolutePath != "/" || parsed.Query.Length > 0
            || !(parsed.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(parsed.Host.Trim('[', ']'), out _)))
            throw new CommandException($"'{url}' is not an address to listen on: write http://, an IP address, localhost or *, and a port, such as http://127.0.0.1:7070.");
        return url;
    }
}
