using System.Security.Cryptography;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Replicator.Bus;
using Replicator.Configuration;
using Replicator.Core.Projecting;
using Replicator.Core.Publishing;
using Replicator.Informers.Queues;
using Replicator.Server;
using Replicator.Server.Access;
using Replicator.Stores;

namespace Replicator;

/// <summary>A process's parts over its stores: those that its roles ask for, and health and metrics in any case.</summary>
sealed class ReplicatorHost : IAsyncDisposable
{
    const int LocalTokenBytes = 32;

    static readonly TimeSpan FirstRestartDelay = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan LongestRestartDelay = TimeSpan.FromSeconds(5);

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

    /// <summary>Whom to ask who somebody is and what he may, where <c>access.kubernetes</c> is set; disposed with the host.</summary>
    public ClusterReviewers? Reviewers { get; set; }

    /// <summary>With what the commands of this machine show themselves where the API is guarded; null where it is open.</summary>
    public string? LocalToken { get; private set; }

    /// <summary>By whom the certificate is known with which it listens, as PEM; null where it listens without one.</summary>
    public string? Authority { get; private set; }

    /// <summary>Where it listens.</summary>
    public Uri Url => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>What it serves, and where, as a line of output says it.</summary>
    public string Served => $"{(Roles.HasFlag(Roles.Api) ? "API" : "health and metrics")} at {Url}";

    /// <exception cref="CommandException">It is no address to listen on, or one that others can reach while nothing says who may read.</exception>
    public static void CheckAddress(string listen, AccessSettings access)
    {
        ListenUrl.Check(listen, access.Tls is not null);
        if (access.IsOpen && !ListenUrl.IsLoopback(listen))
            throw new CommandException($"{listen} can be reached from other machines, and nothing says who may read: set access.kubernetes to true or name access.tokens (docs/access.md), or listen on http://127.0.0.1:7070.");
    }

    /// <summary>Opens a data folder, brings the projection to the end of the log and serves both at <paramref name="listen"/>; carries the log to the bus where <paramref name="publishes"/> says so.</summary>
    public static async Task<ReplicatorHost> StartAsync(string data, string listen, bool publishes, CancellationToken cancellationToken)
    {
        CheckAddress(listen, Settings.Load().Access);
        return await StartAsync(await OpenedStores.OpenAsync(Settings.Load().Store(), data, cancellationToken), listen, Roles.Projector | Roles.Api | (publishes ? Roles.Publisher : Roles.None), catchesUp: true, cancellationToken);
    }

    /// <summary>Starts what the roles ask for; collecting is added by who knows the clusters. The stores are its own from here on, and are closed with it, or where it cannot start.</summary>
    public static Task<ReplicatorHost> StartAsync(IStores stores, string listen, Roles roles, CancellationToken cancellationToken) =>
        // Readers of a folder see the log's end from the first answer on. What servers hold another process may be bringing up to date, and they may be away.
        StartAsync(stores, listen, roles, catchesUp: !stores.AreShared, cancellationToken);

    static async Task<ReplicatorHost> StartAsync(IStores stores, string listen, Roles roles, bool catchesUp, CancellationToken cancellationToken)
    {
        WebApplication? app = null;
        ReplicatorHost? host = null;
        try
        {
            var settings = Settings.Load();
            CheckAddress(listen, settings.Access);
            app = Build(listen, roles, settings);
            host = new ReplicatorHost(stores, roles, new ReplicatorHealth { Publishes = roles.HasFlag(Roles.Publisher) }, app);
            host.Map(settings.Access);
            if (settings.Access.Tls is var (certificate, _) && listen.StartsWith(Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase))
                host.Authority = LocalAccess.Authority(certificate);
            if (catchesUp && host._projector is { } projector)
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
        LocalAccess.Write(stores.Path, host.LocalToken, host.Authority);
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
        Reviewers?.Dispose();
        LocalAccess.Write(Data.Path, null, null);
        await Data.DisposeAsync();
        _stopping.Dispose();
    }

    static WebApplication Build(string listen, Roles roles, Settings settings)
    {
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
        builder.Services.AddReplicatorOpenApi();
        AddTelemetry(builder, roles);
        if (settings.Access.Tls is var (certificate, key) && listen.StartsWith(Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase))
            UseCertificate(builder, LoadCertificate(certificate, key));
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

    void Map(AccessSettings settings)
    {
        LocalToken = settings.IsOpen ? null : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(LocalTokenBytes));
        var access = new AccessOptions
        {
            Tokens = settings.Tokens,
            Reviews = settings.Kubernetes ? new KubernetesReviews(() => Reviewers?.Clients ?? new Dictionary<string, HttpClient>(), TimeProvider.System, settings.Cache) : null,
            LocalToken = LocalToken is null ? null : new StaticToken { Name = "a command on this machine", Sha256 = StaticToken.Hash(LocalToken) },
        };
        if (Roles.HasFlag(Roles.Projector))
            _projector = new Projector(Data.Events, Data.Snapshots);
        _app.UseReplicatorErrors();
        _app.UseReplicatorAccess(access);
        _app.MapPrometheusScrapingEndpoint("/metrics");
        if (Roles.HasFlag(Roles.Api))
            _app.MapReplicatorApi(Data.Events, Data.Snapshots, Data.Checkpoints, _projector, Health, TimeProvider.System, access);
        else
            _app.MapReplicatorProcess(Data.Events, Data.Snapshots, _projector, Health, TimeProvider.System);
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
        var (fault, delay) = ((string?)null, FirstRestartDelay);
        while (!_stopping.IsCancellationRequested)
        {
            var started = TimeProvider.System.GetTimestamp();
            try
            {
                await Task.Run(ResumeAsync, _stopping.Token);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // A store that is away for an hour is one line, not one for each try.
                if (exception.Message != fault)
                    Log.LogError("{Part}: {Fault}", part, exception.Message);
                Health.Report(part, fault = exception.Message);
                if (TimeProvider.System.GetElapsedTime(started) > LongestRestartDelay)
                    delay = FirstRestartDelay;
                await Task.Delay(delay, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, LongestRestartDelay.Ticks));
            }
        }

        async Task ResumeAsync()
        {
            if (fault is not null)
            {
                // The fault stands until what the part works on answers again.
                await Data.Snapshots.GetCheckpointAsync(_stopping.Token);
                await Data.Events.GetHeadAsync(_stopping.Token);
                Health.Report(part, fault = null);
                Log.LogWarning("{Part}: log and projection answer again; it goes on", part);
            }
            await run(_stopping.Token);
        }
    }

    static ReloadingCertificate LoadCertificate(string certificate, string key)
    {
        try
        {
            return new ReloadingCertificate(certificate, key, TimeProvider.System, Console.Error.WriteLine);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new CommandException($"tls.certificate '{certificate}' and tls.key '{key}' cannot be used: {exception.Message}");
        }
    }

    static void UseCertificate(WebApplicationBuilder builder, ReloadingCertificate certificate)
    {
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureHttpsDefaults(https =>
        {
            // Kestrel wants one that it knows; what is shown has its chain too.
            https.ServerCertificateSelector = (_, _) => certificate.Current.TargetCertificate;
            https.OnAuthenticate = (_, connection) => (connection.ServerCertificateSelectionCallback, connection.ServerCertificateContext) = (null, certificate.Current);
        }));
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
