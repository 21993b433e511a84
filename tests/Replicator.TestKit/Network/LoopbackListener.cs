using System.Net;
using System.Net.Sockets;

namespace Replicator.TestKit.Network;

/// <summary>Takes connections on a free port of this machine, one after another, until it is disposed.</summary>
sealed class LoopbackListener : IAsyncDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource _stopping = new();
    readonly Task _accepting;

    /// <summary>Takes connections from here on.</summary>
    /// <param name="accepted">Told of each, in their order; must not block.</param>
    public LoopbackListener(Action<Socket> accepted)
    {
        _listener.Start();
        Stopping = _stopping.Token;
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync(accepted);
    }

    /// <summary>Where clients connect.</summary>
    public int Port { get; }

    /// <summary>Cancelled when it is disposed.</summary>
    public CancellationToken Stopping { get; }

    /// <summary>Takes no more connections, and returns when nobody is told of any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stopping.Dispose();
    }

    async Task AcceptAsync(Action<Socket> accepted)
    {
        while (!Stopping.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync(Stopping);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
            accepted(client);
        }
    }
}
