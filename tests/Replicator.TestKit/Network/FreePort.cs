using System.Net;
using System.Net.Sockets;

namespace Replicator.TestKit.Network;

/// <summary>For programs that cannot be told to take any port and say which.</summary>
public static class FreePort
{
    // Below those that systems give to outgoing connections (Linux: from 32768 on): a server that a test restarts would find its port taken by one of them.
    const int First = 10_000, End = 32_000;

    /// <summary>Different loopback ports that nobody listened on a moment ago.</summary>
    public static int[] Find(int count)
    {
        var listeners = new List<TcpListener>();
        try
        {
            // All are held until all are found: else the second may be the first again.
            while (listeners.Count < count)
            {
                if (TryListen(Random.Shared.Next(First, End)) is { } listener)
                    listeners.Add(listener);
            }
            return [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        }
        finally
        {
            listeners.ForEach(listener => listener.Dispose());
        }
    }

    static TcpListener? TryListen(int port)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return listener;
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            listener.Dispose();
            return null;
        }
    }
}
