using System.Net;
using System.Net.Sockets;
using Replicator.TestKit.Network;

namespace Replicator.TestKit.ApiServer;

/// <summary>Stands between client and server with the means of a bad network: connections that are reset, refused, frozen half-open, or that carry a few bytes at a time. Its address outlives the server behind it.</summary>
public sealed class TcpRelay : IAsyncDisposable
{
    readonly Lock _gate = new();
    readonly HashSet<Pair> _pairs = [];
    readonly LoopbackListener _listener;
    IPEndPoint? _target;

    public TcpRelay() => _listener = new LoopbackListener(Accept);

    /// <summary>Where clients connect.</summary>
    public int Port => _listener.Port;

    /// <summary>The server behind it; null while there is none: connections are reset.</summary>
    public IPEndPoint? Target
    {
        get => Volatile.Read(ref _target);
        set => Volatile.Write(ref _target, value);
    }

    /// <summary>How many bytes pass at a time, at most.</summary>
    public int PieceBytes { get; set; } = 64 * 1024;

    /// <summary>How many connections were opened.</summary>
    public int Accepted { get; private set; }

    /// <summary>Resets every open connection.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            foreach (var pair in _pairs)
                pair.Reset();
        }
    }

    /// <summary>Lets nothing pass any more on the connections that are open, in either direction, without closing them: what a lost network path looks like.</summary>
    public void Freeze()
    {
        lock (_gate)
        {
            foreach (var pair in _pairs)
                pair.Frozen.TrySetResult();
        }
    }

    /// <summary>Lets no request through any more on the connections that are open; what is being answered still arrives: how a server drains.</summary>
    public void Drain()
    {
        lock (_gate)
        {
            foreach (var pair in _pairs)
                pair.Draining = true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        Cut();
        Task[] running;
        lock (_gate)
            running = [.. _pairs.Select(pair => pair.Running)];
        await Task.WhenAll(running);
    }

    void Accept(Socket client)
    {
        Accepted++;
        if (Target is not { } target)
        {
            client.LingerState = new LingerOption(true, 0);
            client.Dispose();
            return;
        }
        var pair = new Pair(client);
        lock (_gate)
            _pairs.Add(pair);
        pair.Running = RunAsync(pair, target);
    }

    async Task RunAsync(Pair pair, IPEndPoint target)
    {
        try
        {
            await pair.Server.ConnectAsync(target, _listener.Stopping);
            await Task.WhenAll(PumpAsync(pair.Client, pair.Server, pair), PumpAsync(pair.Server, pair.Client, pair));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            pair.Reset();
        }
        lock (_gate)
            _pairs.Remove(pair);
        pair.Client.Dispose();
        pair.Server.Dispose();
    }

    async Task PumpAsync(Socket from, Socket to, Pair pair)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                var count = await from.ReceiveAsync(buffer.AsMemory(0, Math.Min(PieceBytes, buffer.Length)), SocketFlags.None, pair.Stopped.Token);
                if (pair.Frozen.Task.IsCompleted)
                    await pair.Ended.Task;
                if (count == 0)
                    break;
                if (pair.Draining && from == pair.Client)
                    await pair.Ended.Task;
                for (var at = 0; at < count;)
                    at += await to.SendAsync(buffer.AsMemory(at, count - at), SocketFlags.None, pair.Stopped.Token);
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            pair.Reset();
        }
    }

    sealed class Pair(Socket client)
    {
        readonly Lock _gate = new();
        bool _reset;

        public Socket Client { get; } = client;
        public Socket Server { get; } = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        public CancellationTokenSource Stopped { get; } = new();
        public TaskCompletionSource Frozen { get; } = new();
        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public Task Running { get; set; } = Task.CompletedTask;
        public volatile bool Draining;

        public void Reset()
        {
            lock (_gate)
            {
                if (_reset)
                    return;
                _reset = true;
            }
            foreach (var socket in (Socket[])[Client, Server])
            {
                // No lingering: the other side sees a reset, not an end.
                try
                {
                    socket.LingerState = new LingerOption(true, 0);
                }
                catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
                {
                    // It is closed already.
                }
                socket.Dispose();
            }
            Stopped.Cancel();
            Ended.TrySetResult();
        }
    }
}
