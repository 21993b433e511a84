using System.Net.Sockets;
using RabbitMQ.Client;

namespace Replicator.Bus;

/// <summary>The sockets of one client of the broker. They can be cut, whatever state the client is in: nothing that it still holds goes out any more, the broker forgets it, and it can connect no more.</summary>
/// <remarks>RabbitMQ.Client (7.2.2) waits without end for its own writer, main loop and semaphores when it is closed (rabbitmq/rabbitmq-dotnet-client#1968, #1976), and MassTransit (8.5) for whatever it had begun to connect to.</remarks>
sealed class Sockets(Action<Exception> lost)
{
    readonly Lock _lock = new();
    readonly List<Socket> _open = [];
    bool _cut;

    /// <summary>Makes a socket, as the client makes its own, but watched.</summary>
    /// <exception cref="IOException">They are cut.</exception>
    public ITcpClient Create(AddressFamily family)
    {
        var socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        lock (_lock)
        {
            if (!_cut)
            {
                _open.Add(socket);
                return new WatchedTcpClient(socket, lost, () => Forget(socket));
            }
        }
        socket.Dispose();
        throw new IOException("The connection was given up.");
    }

    /// <summary>Resets every connection, without a goodbye, and refuses new ones. What is closed already stays so.</summary>
    public void Cut()
    {
        lock (_lock)
        {
            _cut = true;
            // With a linger of zero: what waits in the operating system is not sent either.
            _open.ForEach(socket => socket.Close(0));
            _open.Clear();
        }
    }

    void Forget(Socket socket)
    {
        lock (_lock)
            _open.Remove(socket);
    }
}
