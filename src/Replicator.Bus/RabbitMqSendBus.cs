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
/// MassTransit (8.5) declares an exchange within the first send over a channel, and every other send waits for that one. Where it fails, whoever asks between its failure and the channel's end is put into a queue that nobody empties:
/// <c>OneTimeContextPayload</c> keeps the failed task, and the wait for it knows no cancellation. So the type is left out of its topology. A transport that has seen a connection break has other such states, and would try again by itself
/// after waits of its own; a new bus has none, and is opened as soon as the broker answers.
/// </remarks>
sealed class RabbitMqSendBus(BusOptions options, ILoggerFactory logging, TimeProvider time) : ISendBus, IHostedService
{
    // What MassTransit itself allows a connection.
    static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);

    const int MostEnding = 4;

    readonly ILogger _logger = logging.CreateLogger<RabbitMqSendBus>();
    volatile Opened? _opened;
    readonly List<Task> _ending = [];

    public event Action<Exception>? Failed;

    public async ValueTask<ISendEndpoint> OpenAsync(CancellationToken cancellationToken)
    {
        if (_opened?.Endpoint is { } endpoint)
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
        return await opened.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask ResetAsync(CancellationToken cancellationToken)
    {
        if (_opened is not { } opened)
            return;
        _opened = null;
        _ending.RemoveAll(end => end.IsCompleted);
        // A broker that comes and goes must not leave ever more behind.
        if (_ending.Count == MostEnding)
            await Task.WhenAny(_ending).WaitAsync(cancellationToken).ConfigureAwait(false);
        _ending.Add(EndAsync(opened));
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await ResetAsync(cancellationToken).ConfigureAwait(false);
        await Task.WhenAll(_ending).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    async Task DeclareAsync(CancellationToken cancellationToken)
    {
        await using var connection = await RabbitMqConnections.CreateFactory(options).CreateConnectionAsync("replicator (topology)", cancellationToken).ConfigureAwait(false);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await channel.ExchangeDeclareAsync(ChangeRouting.Exchange, ExchangeType.Topic, durable: true, autoDelete: false, cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "It is given up already; whatever its end brings must not touch its successor.")]
    async Task EndAsync(Opened opened)
    {
        try
        {
            await Task.Run(opened.StopAsync).WaitAsync(StopPatience, time).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            _logger.LogWarning("A bus to {Destination} that was given up did not end well: {Error}", options, exception.Message.ReplaceLineEndings(" "));
        }
    }

    /// <summary>A bus, from its start to its end.</summary>
    sealed class Opened
    {
        readonly ServiceProvider _services;
        readonly IBusControl _bus;

        public Opened(BusOptions options)
        {
            // A container of its own, so that it can be replaced. Its log is heard, not written: each message under way when a connection broke would be a stack trace.
            _services = new ServiceCollection()
                .AddLogging(logs => logs.AddProvider(new FaultListener(exception => Failed?.Invoke(exception))).SetMinimumLevel(LogLevel.Warning))
                .AddMassTransit(bus =>
                {
                    // It would tell its makers what runs here.
                    bus.DisableUsageTelemetry();
                    bus.UsingRabbitMq((_, transport) =>
                    {
                        RabbitMqConnections.Configure(transport, options, exception => Failed?.Invoke(exception));
                        ReplicatorBus.ConfigureTopology(transport);
                        transport.Publish<ResourceChanged>(publish => publish.Exclude = true);
                    });
                })
                .BuildServiceProvider();
            _bus = _services.GetRequiredService<IBusControl>();
        }

        public event Action<Exception>? Failed;

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
    }
}
