using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Replicator.Core.Publishing;
using Replicator.Core.Storage;

namespace Replicator.Bus.Tests;

/// <summary>A publisher as the executable composes it, over a store and on a bus.</summary>
sealed class RunningPublisher : IAsyncDisposable
{
    readonly IHost _host;
    readonly CancellationTokenSource _stop = new();

    RunningPublisher(IHost host, Publisher publisher)
    {
        (_host, Publisher) = (host, publisher);
        Running = publisher.RunAsync(_stop.Token);
    }

    public Publisher Publisher { get; }

    public IChangePublisher Bus => _host.Services.GetRequiredService<MassTransitPublisher>();

    public Task Running { get; }

    public static async Task<RunningPublisher> StartAsync(IEventStore store, ICheckpointStore checkpoints, BusOptions options, TimeProvider time, Action<Publisher>? configure, CancellationToken cancellationToken)
    {
        var builder = new HostApplicationBuilder();
        builder.Services.AddSingleton(time);
        builder.Services.AddReplicatorBus(options);
        var host = builder.Build();
        await host.StartAsync(cancellationToken);
        var publisher = new Publisher(store, checkpoints, host.Services.GetRequiredService<MassTransitPublisher>(), time);
        configure?.Invoke(publisher);
        return new RunningPublisher(host, publisher);
    }

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
            return;
        await _stop.CancelAsync();
        await Running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Publisher.Dispose();
        await _host.StopAsync();
        _host.Dispose();
        _stop.Dispose();
    }
}
