using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Replicator.Benchmarks.Feed;

/// <summary>
/// An API server reduced to one answer, whatever is asked: a rendered feed, as fast as the client reads. The kernel copies it from the page cache to the socket, so that of two cores nearly both are left to the client.
/// </summary>
static class FeedServer
{
    /// <summary>Serves until the process ends; says where on standard output.</summary>
    public static void Run(string file)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Console.WriteLine($"http://{listener.LocalEndPoint}");
        while (true)
        {
            var client = listener.Accept();
            new Thread(() => Serve(client, file)) { IsBackground = true }.Start();
        }
    }

    static void Serve(Socket client, string file)
    {
        using (client)
        {
            var buffer = new byte[16 * 1024];
            var length = 0;
            try
            {
                while (!buffer.AsSpan(0, length).EndsWith("\r\n\r\n"u8))
                {
                    var read = client.Receive(buffer.AsSpan(length));
                    if (read == 0)
                        return;
                    length += read;
                }
                client.Send(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"));
                client.SendFile(file);
                // The watch goes on in silence until the client has enough.
                while (client.Receive(buffer) > 0)
                    continue;
            }
            catch (SocketException)
            {
                // The client went away: it had what it wanted.
            }
        }
    }
}
