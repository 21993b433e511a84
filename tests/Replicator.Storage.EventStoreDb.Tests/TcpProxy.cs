using System.Net;
using System.Net.Sockets;

namespace Replicator.Storage.EventStoreDb.Tests;

/// <summary>A piece of network that can be cut.</summary>
sealed class TcpProxy : IDisposable
{
    readonly string _host;
    readonly int _targetPort;
    readonly Lock _lock = new();
    readonly HashSet<Socket> _open = [];
    Socket? _listener;

    public TcpProxy(string host, int port)
    {
        (_host, _targetPort) = (host, port);
        Restore();
    }

    public int Port { get; private set; }

    /// <summary>Breaks all connections off and takes no more.</summary>
    public void Cut()
    {
        lock (_lock)
        {
            _listener?.Dispose();
            _listener = null;
            foreach (var socket in _open)
            {
                // A reset, not an orderly end.
                socket.LingerState = new LingerOption(true, 0);
                socket.Dispose();
            }
            _open.Clear();
        }
    }

    /// <summary>Takes connections again, on the same port.</summary>
    public void Restore()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, Port));
        listener.Listen();
        Port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        lock (_lock)
            _listener = listener;
        _ = AcceptAsync(listener);
    }

    public void Dispose() => Cut();

    async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                var near = await listener.AcceptAsync();
                var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                near.NoDelay = true;
                await far.ConnectAsync(_host, _targetPort);
                lock (_lock)
                {
                    _open.Add(near);
                    _open.Add(far);
                }
                _ = CopyAsync(near, far);
                _ = CopyAsync(far, near);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Cut.
        }
    }

    async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                for (var sent = 0; sent < count;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            from.Dispose();
            to.Dispose();
        }
        lock (_lock)
            _open.Remove(from);
    }
}
