using System.Diagnostics.CodeAnalysis;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using Replicator.Contracts;

namespace Replicator.Bus;

/// <summary>A bus on RabbitMQ for sending alone. It has the topology declared before it, so that no send sets anything up, and it is replaced as a whole where something failed.</summary>
/// <remarks>
/// <para>
/// MassTransit (8.5) declares an exchange within the first send over a channel, and every other send waits for that one. Where it fails, whoever asks between its failure and the channel's end is put into a queue that nobody empties:
/// <c>OneTimeContextPayload</c> keeps the failed task, and the wait for it knows no cancellation. So the type is left out of its topology. A transport that has seen a connection break has other such states, and would try again by itself
/// after waits of its own; a new bus has none, and is opened as soon as the broker answers.
/// </para>
/// <para>
/// No step of the clients is trusted to end. RabbitMQ.Client (7.2.2) waits for the broker's first frame as long as it takes; MassTransit connects without a token, and its <c>StartAsync</c>, cancelled, first waits for that connection. Each
/// step has <see cref="Patience"/>; what is still under way then is left to end in the background, with its sockets cut.
/// </para>
/// </remarks>
sealed class RabbitMqSendBus(BusOptions options, ILoggerFactory logging, TimeProvider time) : ISendBus, IHostedService
{
    /// <summary>How long the broker may take to connect, and to be asked something: what the client itself allows a handshake, twice.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // What MassTransit itself allows a connection.
    static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);

    const int MostEnding = 4;

    readonly ILogger _logger = logging.CreateLogger<RabbitMqSendBus>();
    readonly Lock _lock = new();
    readonly List<Task> _ending = [];
    volatile Opened? _opened;

    public event Action<Exception>? Failed;

    public async ValueTask<ISendEndpoint> OpenAsync(CancellationToken cancellationToken)
    {
        // One that was lost while nothing was sent has told nobody: over it, sends would wait without end.
        if (_opened is { IsLost: false, Endpoint: { } endpoint })
            return endpoint;
        await ResetAsync(cancellationToken).ConfigureAwait(false);
        // First, for it is also how to learn in the broker's own words why there will be no connection.
        await DeclareAsync(cancellationToken).ConfigureAwait(false);
        var opened = new Opened(options);
        opened.Failed += exception =>
        {
            // What one that is given up still has to say concerns nobody.
            if (_opened == opened)
                Failed?.Invoke(exception);
        };
        _opened = opened;
        return await WithinAsync("open a connection to publish on", opened.StartAsync, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask ResetAsync(CancellationToken cancellationToken)
    {
        if (_opened is not { } opened)
            return;
        _opened = null;
        opened.Sockets.Cut();
        if (End(opened.StopAsync, opened.Sockets) is { } first)
            await first.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask AskAsync(string routingKey, Action<string> blocked, CancellationToken cancellationToken)
    {
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var alarm = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Observe(lost.Task);
        await ConnectAsync("replicator (question)", "say whether it takes messages", exception => lost.TrySetException(exception), async (connection, channel, stop) =>
        {
            connection.ConnectionBlockedAsync += (_, block) =>
            {
                alarm.TrySetResult(block.Reason);
                return Task.CompletedTask;
            };
            connection.ConnectionUnblockedAsync += (_, _) =>
            {
                over.TrySetResult();
                return Task.CompletedTask;
            };
            connection.ConnectionShutdownAsync += (_, shutdown) =>
            {
                lost.TrySetException(new IOException(shutdown.ReplyText));
                return Task.CompletedTask;
            };
            // A broker that is short of something tells so to whoever publishes, and to nobody else. What is taken back reaches nobody.
            await channel.TxSelectAsync(stop).ConfigureAwait(false);
            await channel.BasicPublishAsync(ChangeRouting.Exchange, routingKey, ReadOnlyMemory<byte>.Empty, stop).ConfigureAwait(false);
            var takenBack = channel.TxRollbackAsync(stop);
            // While the alarm stands, this ends in a timeout.
            Observe(takenBack);
            await (await Task.WhenAny(takenBack, alarm.Task, lost.Task).ConfigureAwait(false)).ConfigureAwait(false);
        }, async () =>
        {
            if (!alarm.Task.IsCompletedSuccessfully)
                return;
            blocked(await alarm.Task.ConfigureAwait(false));
            await (await Task.WhenAny(over.Task, lost.Task).WaitAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        }, cancellationToken).ConfigureAwait(false);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_opened is { } opened)
        {
            _opened = null;
            // Nothing has failed: it says goodbye.
            _ = End(opened.StopAsync, opened.Sockets);
        }
        Task ended;
        lock (_lock)
            ended = Task.WhenAll(_ending);
        await ended.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    ValueTask DeclareAsync(CancellationToken cancellationToken) => ConnectAsync("replicator (topology)", $"declare the exchange {ChangeRouting.Exchange}", static _ => { },
        (_, channel, stop) => channel.ExchangeDeclareAsync(ChangeRouting.Exchange, ExchangeType.Topic, durable: true, autoDelete: false, cancellationToken: stop), static () => Task.CompletedTask, cancellationToken);

    /// <summary>Does something on a connection of its own, within <see cref="Patience"/>, and with the connection still open, without bounds, whatever follows.</summary>
    async ValueTask ConnectAsync(string name, string what, Action<Exception> lost, Func<IConnection, IChannel, CancellationToken, Task> step, Func<Task> then, CancellationToken cancellationToken)
    {
        var sockets = new Sockets(lost);
        IConnection? connection = null;
        try
        {
            connection = await WithinAsync(what, async stop =>
            {
                var opened = await RabbitMqConnections.CreateFactory(options, sockets).CreateConnectionAsync(name, stop).ConfigureAwait(false);
                await step(opened, await opened.CreateChannelAsync(cancellationToken: stop).ConfigureAwait(false), stop).ConfigureAwait(false);
                return opened;
            }, cancellationToken).ConfigureAwait(false);
            await then().ConfigureAwait(false);
        }
        finally
        {
            if (connection is null)
                sockets.Cut();
            else
                _ = End(async () => await connection.DisposeAsync().ConfigureAwait(false), sockets);
        }
    }

    /// <summary>Does what may never end, within <see cref="Patience"/>.</summary>
    /// <exception cref="TimeoutException">It did not end. It is cancelled, and nobody waits for it.</exception>
    async Task<T> WithinAsync<T>(string what, Func<CancellationToken, Task<T>> step, CancellationToken cancellationToken)
    {
        var deadline = new CancellationTokenSource(Patience, time);
        var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var running = Task.Run(() => step(stop.Token), CancellationToken.None);
        Observe(running, () =>
        {
            stop.Dispose();
            deadline.Dispose();
        });
        try
        {
            return await running.WaitAsync(Patience, time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"It did not {what} within {Patience.TotalSeconds} s.");
        }
    }

    static void Observe(Task task, Action? after = null) => task.ContinueWith(ended =>
    {
        // What nobody awaits any more may fail.
        _ = ended.Exception;
        after?.Invoke();
    }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    /// <summary>Has something end in the background, within bounds. Where a broker that comes and goes would leave ever more behind, returns what to wait for first.</summary>
    Task? End(Func<Task> end, Sockets sockets)
    {
        lock (_lock)
        {
            _ending.RemoveAll(one => one.IsCompleted);
            var first = _ending.Count >= MostEnding ? Task.WhenAny(_ending) : null;
            _ending.Add(EndAsync(end, sockets));
            return first;
        }
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "It is given up already; whatever its end brings must not touch its successor.")]
    async Task EndAsync(Func<Task> end, Sockets sockets)
    {
        try
        {
            await Task.Run(end).WaitAsync(StopPatience, time).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Often that its sockets were cut.
            _logger.LogDebug("A connection to {Destination} that was given up did not end well: {Error}", options, exception.Message.ReplaceLineEndings(" "));
        }
        finally
        {
            sockets.Cut();
        }
    }

    /// <summary>A bus, from its start to its end.</summary>
    sealed class Opened
    {
        readonly ServiceProvider _services;
        readonly IBusControl _bus;
        volatile bool _isLost;

        public Opened(BusOptions options)
        {
            Sockets = new Sockets(Fail);
            // A container of its own, so that it can be replaced. Its log is heard, not written: each message under way when a connection broke would be a stack trace.
            _services = new ServiceCollection()
                .AddLogging(logs => logs.AddProvider(new FaultListener(Fail)).SetMinimumLevel(LogLevel.Warning))
                .AddMassTransit(bus =>
                {
                    // It would tell its makers what runs here.
                    bus.DisableUsageTelemetry();
                    bus.UsingRabbitMq((_, transport) =>
                    {
                        RabbitMqConnections.Configure(transport, options, Sockets);
                        ReplicatorBus.ConfigureTopology(transport);
                        transport.Publish<ResourceChanged>(publish => publish.Exclude = true);
                    });
                })
                .BuildServiceProvider();
            _bus = _services.GetRequiredService<IBusControl>();
        }

        public event Action<Exception>? Failed;

        /// <summary>Whether something has failed in it, so that it is to be replaced.</summary>
        public bool IsLost => _isLost;

        /// <summary>What it connects by.</summary>
        public Sockets Sockets { get; }

        /// <summary>Null before it has started.</summary>
        public ISendEndpoint? Endpoint { get; private set; }

        public async Task<ISendEndpoint> StartAsync(CancellationToken cancellationToken)
        {
            await _bus.StartAsync(cancellationToken).ConfigureAwait(false);
            return Endpoint = await _bus.GetPublishSendEndpoint<ResourceChanged>().ConfigureAwait(false);
        }

        public async Task StopAsync()
        {
            await _bus.StopAsync().ConfigureAwait(false);
            await _services.DisposeAsync().ConfigureAwait(false);
        }

        void Fail(Exception exception)
        {
            // First: who asks for it in answer to the event must not get it again.
            _isLost = true;
            Failed?.Invoke(exception);
        }
    }
}
