using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Replicator.TestKit.EventStoreDb;

/// <summary>
/// A server that speaks EventStoreDB's protocol as the real one was observed to, in this process, for machines without one. Its log outlives <see cref="StopAsync"/> and <see cref="StartAsync()"/>; faults are injected.
/// </summary>
public sealed class EventStoreDbStandIn : IAsyncDisposable
{
    // What the real one's gRPC endpoint takes.
    const int MaxReceiveMessageSize = 16 * 1024 * 1024;

    readonly StandInOptions _options;
    readonly ConcurrentQueue<StandInFault> _faults = new();
    readonly Lock _lock = new();
    CancellationTokenSource _dropping = new();
    TaskCompletionSource? _held;
    WebApplication? _server;
    X509Certificate2? _certificate;
    int _port;

    EventStoreDbStandIn(StandInOptions options)
    {
        _options = options;
        Log = options.Cluster?.Log ?? options.Log ?? new StandInLog();
        MaxAppendSize = options.MaxAppendSize;
        options.Cluster?.Join(this);
    }

    /// <summary>The log.</summary>
    public StandInLog Log { get; }

    /// <summary>The port that it listens on, the same after a restart.</summary>
    public int Port => _port;

    /// <summary>How a client reaches it.</summary>
    public string ConnectionString => $"esdb://{(_options.User is var (user, password) ? $"{user}:{password}@" : "")}127.0.0.1:{_port}?tls={(_options.Tls ? "true" : "false")}";

    /// <summary>The certificate as PEM, where it speaks TLS.</summary>
    public string? CertificatePem => _certificate?.ExportCertificatePem();

    /// <summary>The largest append in bytes.</summary>
    public int MaxAppendSize { get; set; }

    /// <summary>Whether it listens.</summary>
    public bool IsUp => _server is not null;

    /// <summary>Whether it answers an append that it has already with its place; servers whose memory does not reach back do not.</summary>
    public bool TellsPositionOfRepeated { get; set; } = true;

    /// <summary>Every request in order, in words: "append k8s-c-pods 3", "subscribe 153/153 k8s-", ...</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>The headers of the last request.</summary>
    public IReadOnlyDictionary<string, string> LastHeaders { get; internal set; } = new Dictionary<string, string>();

    /// <summary>The most appends that were waiting for their answer at one time.</summary>
    public int MostAppendsAtOnce { get; internal set; }

    internal StandInOptions Options => _options;

    internal CancellationToken Dropping
    {
        get
        {
            lock (_lock)
                return _dropping.Token;
        }
    }

    internal Task Held
    {
        get
        {
            lock (_lock)
                return _held?.Task ?? Task.CompletedTask;
        }
    }

    /// <summary>Starts a stand-in.</summary>
    public static async Task<EventStoreDbStandIn> StartAsync(StandInOptions options)
    {
        var standIn = new EventStoreDbStandIn(options);
        await standIn.StartAsync();
        return standIn;
    }

    /// <summary>Starts it again after <see cref="StopAsync"/>, on the same port and log.</summary>
    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.Http2.InitialStreamWindowSize = 2 * 1024 * 1024;
            kestrel.Limits.Http2.InitialConnectionWindowSize = 4 * 1024 * 1024;
            kestrel.Listen(IPAddress.Loopback, _port, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                if (_options.Tls)
                {
                    listen.UseHttps(https =>
                    {
                        https.ServerCertificate = _certificate ??= CreateCertificate();
                        if (_options.UserCertificate is { } thumbprint)
                        {
                            https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
                            https.ClientCertificateValidation = (shown, _, _) => shown.Thumbprint == thumbprint;
                        }
                    });
                }
            });
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = TimeSpan.Zero);
        builder.Services.AddSingleton(this);
        builder.Services.AddSingleton<StreamsService>();
        builder.Services.AddSingleton<GossipService>();
        builder.Services.AddSingleton<ServerFeaturesService>();
        builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = MaxReceiveMessageSize;
            grpc.Interceptors.Add<StandInInterceptor>(this);
        });
        var server = builder.Build();
        server.MapGrpcService<StreamsService>();
        server.MapGrpcService<GossipService>();
        server.MapGrpcService<ServerFeaturesService>();
        await server.StartAsync();
        _port = new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
        _server = server;
    }

    /// <summary>Stops it as a killed process stops: connections break, the memory of recent ids is gone, the log stays.</summary>
    public async Task StopAsync()
    {
        if (_server is not { } server)
            return;
        _server = null;
        DropCalls();
        await server.StopAsync(new CancellationToken(canceled: true));
        await server.DisposeAsync();
        Log.ForgetRecentIds();
    }

    /// <summary>What happens to the next appends, one after another, of whatever stream.</summary>
    public void Inject(params ReadOnlySpan<StandInFault> faults)
    {
        foreach (var fault in faults)
            _faults.Enqueue(fault);
    }

    /// <summary>Breaks off every subscription, read and append call.</summary>
    public void DropCalls()
    {
        CancellationTokenSource dropping;
        lock (_lock)
            (dropping, _dropping) = (_dropping, new CancellationTokenSource());
        dropping.Cancel();
        dropping.Dispose();
    }

    /// <summary>From now on appends are written but not answered, until <see cref="Release"/>; then the last first.</summary>
    public void Hold()
    {
        lock (_lock)
            _held ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Answers what was held.</summary>
    public void Release()
    {
        TaskCompletionSource? held;
        lock (_lock)
            (held, _held) = (_held, null);
        held?.SetResult();
    }

    public async ValueTask DisposeAsync()
    {
        Release();
        await StopAsync();
        _certificate?.Dispose();
        _dropping.Dispose();
    }

    internal StandInFault NextFault() => _faults.TryDequeue(out var fault) ? fault : StandInFault.None;

    static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }
}
