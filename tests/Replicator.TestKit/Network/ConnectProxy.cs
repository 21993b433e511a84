using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Replicator.TestKit.Network;

/// <summary>An HTTP proxy that opens tunnels (CONNECT, RFC 9110 section 9.3.6), all to one port of this machine, whatever host is asked for.</summary>
public sealed class ConnectProxy : IAsyncDisposable
{
    readonly ConcurrentBag<Socket> _sockets = [];
    readonly LoopbackListener _listener;
    readonly int _target;
    readonly string _admits;

    /// <summary>Tunnels to a port.</summary>
    /// <param name="target">The port.</param>
    /// <param name="user">Whom it serves.</param>
    /// <param name="password">And his password.</param>
    public ConnectProxy(int target, string user, string password)
    {
        (_target, _admits) = (target, $"Proxy-Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"))}");
        _listener = new LoopbackListener(client => _ = ServeAsync(client));
    }

    /// <summary>Where clients connect.</summary>
    public int Port => _listener.Port;

    /// <summary>The head of each request, in lines.</summary>
    public ConcurrentQueue<string[]> Requests { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        foreach (var socket in _sockets)
            socket.Dispose();
    }

    async Task ServeAsync(Socket client)
    {
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _sockets.Add(client);
        _sockets.Add(server);
        while (true)
        {
            if (await ReadHeadAsync(client) is not { } head)
                return;
            Requests.Enqueue(head);
            if (head.Contains(_admits))
                break;
            await client.SendAsync("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), _listener.Stopping);
        }
        await server.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _target), _listener.Stopping);
        await client.SendAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray(), _listener.Stopping);
        await Task.WhenAny(PumpAsync(client, server), PumpAsync(server, client));
        client.Dispose();
        server.Dispose();
    }

    /// <summary>Null where the client has gone.</summary>
    async Task<string[]?> ReadHeadAsync(Socket client)
    {
        // Nothing of the tunnel comes before the answer.
        var head = new List<byte>();
        var one = new byte[1];
        while (!Encoding.ASCII.GetString([.. head]).EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await client.ReceiveAsync(one, _listener.Stopping) == 0)
                return null;
            head.Add(one[0]);
        }
        return Encoding.ASCII.GetString([.. head]).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
    }

    async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[64 * 1024];
        while (await from.ReceiveAsync(buffer, _listener.Stopping) is > 0 and var read)
        {
            for (var sent = 0; sent < read;)
                sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), _listener.Stopping);
        }
    }
}
