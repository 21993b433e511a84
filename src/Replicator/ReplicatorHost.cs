using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Replicator.Bus;
using Replicator.Core.Projecting;
using Replicator.Core.Publishing;
using Replicator.Informers.Queues;
using Replicator.Server;
using Replicator.Storage.Sqlite;

namespace Replicator;

/// <summary>A process's parts over one data folder: projector and HTTP API, and what else is added before it starts.</summary>
sealed class ReplicatorHost : IAsyncDisposable
{
    static readonly TimeSpan RestartDelay = TimeSpan.FromSeconds(5);

    readonly WebApplication _app;
    readonly Meter _meter = new("Replicator");
    readonly CancellationTokenSource _stopping = new();
    Task _projecting = Task.CompletedTask, _publishing = Task.CompletedTask;
    Publisher? _publisher;

    ReplicatorHost(SqliteDataFolder data, Projector projector, ReplicatorHealth health, WebApplication app) => (Data, Projector, Health, _app) = (data, projector, health, app);

    public SqliteDataFolder Data { get; }

    public Projector Projector { get; }

    public ReplicatorHealth Health { get; }

    /// <summary>What the reflectors of all clusters share; null for no bound but each type's own.</summary>
    public ByteBudget? Budget { get; set; }

    /// <summary>Where the API listens.</summary>
    public Uri Url => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>Opens the folder, brings the projection to the end of the log and serves both at <paramref name="listen"/>; carries the log to the bus where <paramref name="publishes"/> says so.</summary>
    public static async Task<ReplicatorHost> StartAsync(string data, string listen, bool publishes, CancellationToken cancellationToken)
    {
        ListenUrl.Check(listen);
        var folder = await SqliteDataFolder.OpenAsync(data);
        var projector = new Projector(folder.Events, folder.Snapshots);
        try
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls(listen);
            builder.Logging.ClearProviders().AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Warning)
                // What an endpoint refuses is the client's mistake, answered to the client.
                .AddFilter("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", LogLevel.None);
            // Standard output belongs to the commands' answers.
            builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
            builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
            builder.Services.AddProblemDetails();
            AddTelemetry(builder);
            if (publishes)
                builder.Services.AddReplicatorBus(Settings.Load().Bus);
            var app = builder.Build();
            var health = new ReplicatorHealth();
            app.UseReplicatorErrors();
            app.MapPrometheusScrapingEndpoint("/metrics");
            app.MapReplicatorApi(folder.Events, folder.Snapshots, projector, health, TimeProvider.System);
            var host = new ReplicatorHost(folder, projector, health, app);
            await projector.CatchUpAsync(cancellationToken);
            try
            {
                await app.StartAsync(cancellationToken);
            }
            catch (IOException exception)
            {
                await app.DisposeAsync();
                throw new CommandException($"Cannot listen on {listen} ({exception.InnerException?.Message ?? exception.Message}): choose another address with --listen.");
            }
            folder.Announce(host.Url.ToString());
            host.Measure();
            host._projecting = host.RunAsync("projector", projector.RunAsync);
            if (publishes)
                host.StartPublisher(app.Services.GetRequiredService<MassTransitPublisher>());
            return host;
        }
        catch
        {
            projector.Dispose();
            await folder.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _projecting;
        await _publishing;
        _publisher?.Dispose();
        _meter.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Projector.Dispose();
        await Data.DisposeAsync();
        _stopping.Dispose();
    }

    void StartPublisher(MassTransitPublisher bus)
    {
        _publisher = new Publisher(Data.Events, Data.Checkpoints, bus, TimeProvider.System);
        _publisher.Stalled += fault =>
        {
            // The number of seconds changes with every report; one line says it all.
            if (fault is null || !Health.Faults.ContainsKey("publisher"))
                Console.Error.WriteLine($"publisher: {fault ?? $"{bus.Destination} confirms again"}");
            Health.Report("publisher", fault);
        };
        _publishing = RunAsync("publisher", _publisher.RunAsync);
    }

    /// <summary>The difference of the two is the projection's lag.</summary>
    void Measure()
    {
        _meter.CreateObservableGauge("replicator.log.position", () => Data.Events.GetHeadAsync(CancellationToken.None).AsTask().Result, "{position}", "The position of the log's last event.");
        _meter.CreateObservableGauge("replicator.projection.position", () => Data.Snapshots.GetCheckpointAsync(CancellationToken.None).AsTask().Result, "{position}", "The position up to which the projection has applied the log.");
    }

    /// <summary>Runs a part until the process ends. One that fails says so in the health, and is tried again: what it follows is the log, so nothing is lost meanwhile.</summary>
    async Task RunAsync(string part, Func<CancellationToken, Task> run)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await Task.Run(() => run(_stopping.Token), _stopping.Token);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                Health.Report(part, exception.Message);
                await Console.Error.WriteLineAsync($"{part}: {exception.Message}");
                await Task.Delay(RestartDelay, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                Health.Report(part, null);
            }
        }
    }

    static void AddTelemetry(WebApplicationBuilder builder)
    {
        var exports = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT"));
        builder.Services.AddOpenTelemetry()
            .WithMetrics(metrics =>
            {
                metrics.AddMeter("Replicator", "Replicator.*").AddAspNetCoreInstrumentation().AddRuntimeInstrumentation().AddPrometheusExporter();
                if (exports)
                    metrics.AddOtlpExporter();
            })
            .WithTracing(tracing =>
            {
                if (exports)
                    tracing.AddSource("Replicator.*").AddAspNetCoreInstrumentation().AddOtlpExporter();
            });
    }
}
