using System.Net;
using System.Net.Sockets;

namespace Replicator.TestKit.Network;

/// <summary>For programs that cannot be told to take any port and say which.</summary>
public static class FreePort
{
    /// <summary>Different loopback ports that nobody listened on a moment ago.</summary>
    public static int[] Find(int count)
    {
        // All are held until all are found: else the second may be the first again.
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        try
        {
            listeners.ForEach(listener => listener.Start());
            return [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        }
        finally
        {
            listeners.ForEach(listener => listener.Dispose());
        }
    }
}
