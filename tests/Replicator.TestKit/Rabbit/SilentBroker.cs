using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using Replicator.TestKit.Network;

namespace Replicator.TestKit.Rabbit;

/// <summary>A wire to a broker on which, at one step of one connection, the broker falls silent: that connection stays open for ever, nothing is read from it and nothing comes back. The others are served.</summary>
public sealed class SilentBroker : IAsyncDisposable
{
    const int FrameHeader = 7;

    readonly ConcurrentBag<Socket> _sockets = [];
    readonly int _target;
    readonly AmqpStep _step;
    readonly LoopbackListener _listener;
    int _until;

    /// <summary>A wire to a broker on this machine.</summary>
    /// <param name="target">The broker's port.</param>
    /// <param name="step">The step that gets no answer.</param>
    /// <param name="nth">Which one, counted over all connections: 1 is the first.</param>
    public SilentBroker(int target, AmqpStep step, int nth)
    {
        (_target, _step, _until) = (target, step, nth);
        _listener = new LoopbackListener(Accept);
    }

    /// <summary>Where clients connect.</summary>
    public int Port => _listener.Port;

    /// <summary>Whether the step has come.</summary>
    public bool HasFallenSilent => Volatile.Read(ref _until) <= 0;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        foreach (var socket in _sockets)
            socket.Dispose();
    }

    void Accept(Socket client)
    {
        client.NoDelay = true;
        _sockets.Add(client);
        _ = ServeAsync(client);
    }

    async Task ServeAsync(Socket client)
    {
        if (IsTheOne(AmqpStep.Connect))
            return;
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _sockets.Add(server);
        var silent = new TaskCompletionSource();
        try
        {
            await server.ConnectAsync("127.0.0.1", _target, _listener.Stopping);
            if (await Task.WhenAny(RequestAsync(client, server, silent), AnswerAsync(server, client, silent.Task)) is { IsCompletedSuccessfully: true } && silent.Task.IsCompleted)
                return;
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The broker is away, or the test is over: the client learns it as it would without a wire.
        }
        client.Dispose();
        server.Dispose();
    }

    bool IsTheOne(AmqpStep step) => step == _step && Interlocked.Decrement(ref _until) == 0;

    async Task RequestAsync(Socket client, Socket server, TaskCompletionSource silent)
    {
        var buffer = new byte[256 * 1024];
        var length = 0;
        var isFirst = true;
        while (await client.ReceiveAsync(buffer.AsMemory(length), _listener.Stopping) is > 0 and var read)
        {
            length += read;
            var taken = 0;
            if (isFirst && length >= 8)
            {
                (isFirst, taken) = (false, 8);
            }
            while (!isFirst && length - taken >= FrameHeader && FrameHeader + BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(taken + 3)) + 1 is var frame && length - taken >= frame)
            {
                const byte method = 1;
                if (buffer[taken] == method && IsTheOne((AmqpStep)BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(taken + FrameHeader))))
                {
                    silent.SetResult();
                    await SendAsync(server, buffer.AsMemory(0, taken));
                    return;
                }
                taken += frame;
            }
            await SendAsync(server, buffer.AsMemory(0, taken));
            buffer.AsSpan(taken, length - taken).CopyTo(buffer);
            length -= taken;
        }
    }

    async Task AnswerAsync(Socket server, Socket client, Task silent)
    {
        var buffer = new byte[64 * 1024];
        while (await server.ReceiveAsync(buffer, _listener.Stopping) is > 0 and var read)
        {
            if (!silent.IsCompleted)
                await SendAsync(client, buffer.AsMemory(0, read));
        }
        // A server that gives its client up says so to nobody here.
        if (silent.IsCompleted)
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _listener.Stopping);
    }

    async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await to.SendAsync(bytes, _listener.Stopping)..];
    }
}
