using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Replicator.TestKit.Network;

/// <summary>A wire between a client and a server that a test can cut.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    readonly ConcurrentDictionary<Socket, bool> _sockets = [];
    readonly EndPoint _target;
    readonly LoopbackListener _listener;
    long _forwarded;
    volatile bool _refuses, _mutes;
    TaskCompletionSource? _held;

    /// <summary>A wire to a port of this machine.</summary>
    public TcpProxy(int target) : this("127.0.0.1", target) { }

    /// <summary>A wire to a port of some machine.</summary>
    public TcpProxy(string host, int target) : this(IPAddress.TryParse(host, out var address) ? new IPEndPoint(address, target) : new DnsEndPoint(host, target)) { }

    /// <summary>A wire to wherever a server listens, be it a Unix socket.</summary>
    public TcpProxy(EndPoint target)
    {
        _target = target;
        _listener = new LoopbackListener(Accept);
    }

    /// <summary>Where clients connect.</summary>
    public int Port => _listener.Port;

    /// <summary>How many connections there have been.</summary>
    public int Connections { get; private set; }

    /// <summary>How many bytes went to the server.</summary>
    public long Forwarded => Interlocked.Read(ref _forwarded);

    /// <summary>Resets every connection, without a goodbye, and every later one, until <see cref="Mend"/>.</summary>
    public void Cut()
    {
        _refuses = true;
        Reset();
    }

    /// <summary>Resets every connection; new ones are served.</summary>
    public void Reset()
    {
        foreach (var socket in _sockets.Keys)
            Drop(socket);
    }

    /// <summary>Swallows what the server answers, until <see cref="Mend"/>.</summary>
    public void Mute() => _mutes = true;

    /// <summary>Lets nothing through in either direction, closes nothing and refuses nothing, as a network that has lost its way; until <see cref="Mend"/>, when what was sent meanwhile arrives, as TCP repeats it.</summary>
    public void Hold() => Interlocked.CompareExchange(ref _held, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), null);

    /// <summary>Serves connections as they should be again.</summary>
    public void Mend()
    {
        _refuses = _mutes = false;
        Interlocked.Exchange(ref _held, null)?.SetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        Cut();
    }

    void Accept(Socket client)
    {
        _sockets[client] = true;
        if (_refuses)
            Drop(client);
        else
            _ = ServeAsync(client);
    }

    async Task ServeAsync(Socket client)
    {
        var server = _target is UnixDomainSocketEndPoint ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        _sockets[server] = true;
        Connections++;
        try
        {
            await PassAsync();
            await server.ConnectAsync(_target, _listener.Stopping);
            await Task.WhenAny(PumpAsync(client, server, count: true), PumpAsync(server, client, count: false));
        }
        finally
        {
            // Where the server is away, the client learns it as it would without a proxy.
            Drop(client);
            Drop(server);
        }
    }

    async Task PumpAsync(Socket from, Socket to, bool count)
    {
        var buffer = new byte[64 * 1024];
        while (await from.ReceiveAsync(buffer, _listener.Stopping) is > 0 and var read)
        {
            if (count)
                Interlocked.Add(ref _forwarded, read);
            else if (_mutes)
                continue;
            await PassAsync();
            for (var sent = 0; sent < read;)
                sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), _listener.Stopping);
        }
    }

    /// <summary>Waits while the wire holds what is on it.</summary>
    Task PassAsync() => Volatile.Read(ref _held)?.Task.WaitAsync(_listener.Stopping) ?? Task.CompletedTask;

    void Drop(Socket socket)
    {
        if (!_sockets.TryRemove(socket, out _))
            return;
        // A close with a linger of zero is a reset: what was on its way is lost, as in a real cut.
        socket.Close(0);
    }
}
