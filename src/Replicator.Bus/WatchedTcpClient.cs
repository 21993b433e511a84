using System.Net.Sockets;
using RabbitMQ.Client;

namespace Replicator.Bus;

/// <summary>A connection that says when it is lost, as soon as the operating system knows.</summary>
/// <remarks>
/// RabbitMQ.Client (7.2.2) fails the publishes that await a confirmation when their channel shuts down, but waits for a semaphore with the shutdown's own token before it does, and gives up where that is cancelled already: then they wait for
/// ever, and nobody logs anything.
/// </remarks>
sealed class WatchedTcpClient(Socket socket, Action<Exception> lost, Action closed) : TcpClientAdapter(socket)
{
    public override void Close()
    {
        base.Close();
        closed();
    }

    public override NetworkStream GetStream() => new WatchedStream(Client, lost);

    sealed class WatchedStream(Socket socket, Action<Exception> lost) : NetworkStream(socket)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                var read = await base.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
                if (read == 0 && !buffer.IsEmpty)
                    lost(new EndOfStreamException("The broker closed the connection."));
                return read;
            }
            catch (IOException exception)
            {
                lost(exception);
                throw;
            }
        }
    }
}
