using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Replicator.Bus;
using Replicator.Core.Projecting;
using Replicator.Core.Publishing;
using Replicator.Informers.Queues;
using Replicator.Server;
using Replicator.Stores;

namespace Replicator;

/// <summary>A process's parts over its stores: those that its roles ask for, and health and metrics in any case.</summary>
sealed class ReplicatorHost : IAsyncDisposable
{
    static readonly TimeSpan RestartDelay = TimeSpan.FromSeconds(5);

    readonly WebApplication _app;
    readonly CancellationTokenSource _stopping = new();
    Task _projecting = Task.CompletedTask, _publishing = Task.CompletedTask, _measuring = Task.CompletedTask;
    Projector? _projector;
    Publisher? _publisher;
    PositionGauges? _gauges;

    ReplicatorHost(IStores data, Roles roles, ReplicatorHealth health, WebApplication app) => (Data, Roles, Health, _app) = (data, roles, health, app);

    public IStores Data { get; }

    public Roles Roles { get; }

    public ReplicatorHealth Health { get; }

    /// <summary>Where the parts of this process say what befalls them.</summary>
    public ILogger Log => _app.Logger;

    /// <summary>What the reflectors of all clusters share; null for no bound but each type's own.</summary>
    public ByteBudget? Budget { get; set; }

    /// <summary>Where it listens.</summary>
    public Uri Url => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>What it serves, and where, as a line of output says it.</summary>
    public string Served => $"{(Roles.HasFlag(Roles.Api) ? "API" : "health and metrics")} at {Url}";

    /// <summary>Opens a data folder, brings the projection to the end of the log and serves both at <paramref name="listen"/>; carries the log to the bus where <paramref name="publishes"/> says so.</summary>
    public static async Task<ReplicatorHost> StartAsync(string data, string listen, bool publishes, CancellationToken cancellationToken)
    {
        ListenUrl.Check(listen);
        return await StartAsync(await EmbeddedStores.OpenAsync(data), listen, Roles.Projector | Roles.Api | (publishes ? Roles.Publisher : Roles.None), cancellationToken);
    }

    /// <summary>Starts what the roles ask for; collecting is added by who knows the clusters. The stores are its own from here on, and are closed with it, or where it cannot start.</summary>
    public static async Task<ReplicatorHost> StartAsync(IStores stores, string listen, Roles roles, CancellationToken cancellationToken)
    {
        WebApplication? app = null;
        ReplicatorHost? host = null;
        try
        {
            ListenUrl.Check(listen);
            app = Build(listen, roles);
            host = new ReplicatorHost(stores, roles, new ReplicatorHealth { Publishes = roles.HasFlag(Roles.Publisher) }, app);
            host.Map();
            // Readers of a folder see the log's end from the first answer on. What servers hold another process may be bringing up to date, and they may be away.
            if (!stores.AreShared && host._projector is { } projector)
                await projector.CatchUpAsync(cancellationToken);
            await ListenAsync(app, listen, cancellationToken);
        }
        catch
        {
            host?._projector?.Dispose();
            if (app is not null)
                await app.DisposeAsync();
            await stores.DisposeAsync();
            throw;
        }
        stores.Announce(host.Url);
        host.Run();
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_projecting, _publishing, _measuring);
        _publisher?.Dispose();
        _gauges?.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _projector?.Dispose();
        await Data.DisposeAsync();
        _stopping.Dispose();
    }

    static WebApplication Build(string listen, Roles roles)
    {
        var settings = Settings.Load();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(listen);
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Warning)
            // What an endpoint refuses is the client's mistake, answered to the client.
            .AddFilter("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", LogLevel.None);
        if (settings.LogsJson)
            builder.Logging.AddJsonConsole(console => (console.UseUtcTimestamp, console.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
        else
            builder.Logging.AddSimpleConsole(console => console.SingleLine = true);
        // Standard output belongs to the commands' answers.
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
        builder.Services.AddProblemDetails();
        AddTelemetry(builder, roles);
        if (roles.HasFlag(Roles.Publisher))
            builder.Services.AddReplicatorBus(settings.Bus);
        return builder.Build();
    }

    static async Task ListenAsync(WebApplication app, string listen, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (IOException exception)
        {
            throw new CommandException($"Cannot listen on {listen} ({exception.InnerException?.Message ?? exception.Message}): choose another address with --listen.");
        }
    }

    void Map()
    {
        if (Roles.HasFlag(Roles.Projector))
            _projector = new Projector(Data.Events, Data.Snapshots);
        _app.UseReplicatorErrors();
        _app.MapPrometheusScrapingEndpoint("/metrics");
        if (Roles.HasFlag(Roles.Api))
            _app.MapReplicatorApi(Data.Events, Data.Snapshots, Data.Checkpoints, _projector, Health, TimeProvider.System);
        else
            _app.MapReplicatorProcess(Data.Events, Data.Snapshots, _projector, Health);
    }

    void Run()
    {
        if (_projector is { } projector)
        {
            _projecting = RunAsync("projector", projector.RunAsync);
            _gauges = new PositionGauges(Data.Events, Data.Snapshots, TimeProvider.System);
            _measuring = RunAsync("metrics", _gauges.RunAsync);
        }
        if (Roles.HasFlag(Roles.Publisher))
            StartPublisher(_app.Services.GetRequiredService<MassTransitPublisher>());
    }

    void StartPublisher(MassTransitPublisher bus)
    {
        _publisher = new Publisher(Data.Events, Data.Checkpoints, bus, TimeProvider.System);
        _publisher.Stalled += fault =>
        {
            // The number of seconds changes with every report; one line says it all.
            if (fault is null || !Health.Faults.ContainsKey("publisher"))
                Log.LogWarning("{Part}: {Fault}", "publisher", fault ?? $"{bus.Destination} confirms again");
            Health.Report("publisher", fault);
        };
        _publishing = RunAsync("publisher", _publisher.RunAsync);
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
                Log.LogError("{Part}: {Fault}", part, exception.Message);
                await Task.Delay(RestartDelay, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                Health.Report(part, null);
            }
        }
    }

    static void AddTelemetry(WebApplicationBuilder builder, Roles roles)
    {
        var exports = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT"));
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("replicator", serviceVersion: typeof(ReplicatorHost).Assembly.GetName().Version?.ToString(3)).AddAttributes([new("replicator.roles", RoleNames.Format(roles))]))
            .WithMetrics(metrics =>
            {
                metrics.AddMeter("Replicator", "Replicator.*").AddAspNetCoreInstrumentation().AddRuntimeInstrumentation().AddPrometheusExporter();
                if (exports)
                    metrics.AddOtlpExporter();
            });
        if (!exports)
            return;
        telemetry.WithTracing(tracing => tracing.AddSource("Replicator.*", "MassTransit").AddAspNetCoreInstrumentation(requests => requests.Filter = IsNoProbe).AddOtlpExporter());
        telemetry.WithLogging(logs => logs.AddOtlpExporter());
    }

    // A scrape or a probe every few seconds says nothing that its absence would not.
    static bool IsNoProbe(HttpContext context) => context.Request.Path.Value is not ("/metrics" or "/healthz" or "/readyz");
}
