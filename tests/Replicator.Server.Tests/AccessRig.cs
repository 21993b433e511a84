using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Server.Access;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.Server.Tests;

/// <summary>
/// A guarded API over a log of two clusters: <c>test</c>, whose API server answers reviews, and <c>other</c>, which was imported and cannot be asked. Each has a pod and a secret in the namespaces <c>shop</c> (or what stands for it on a
/// real server) and <c>payments</c>, and a node.
/// </summary>
sealed class AccessRig : IAsyncDisposable
{
    public const string Administrator = "admin-token";
    public const string Reader = "shop-reader-token";
    public const string Wrong = "wrong-token";
    public const string Static = "static-token";
    public const string StaticOfShop = "static-shop-token";
    public const string StaticOfOther = "static-other-token";

    static readonly DateTimeOffset Start = new(2026, 1, 31, 3, 0, 0, TimeSpan.Zero);
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly ResourceType Secrets = new("", "v1", "secrets", "Secret", Namespaced: true);
    static readonly ResourceType Nodes = new("", "v1", "nodes", "Node", Namespaced: false);

    readonly TemporaryFolder _folder;
    readonly SqliteDataFolder _data;
    readonly Projector _projector;
    readonly List<StreamRecorder> _recorders = [];
    readonly WebApplication _app;
    readonly HttpClient _cluster;
    readonly RealUsers? _real;
    readonly LogLines _log = new();

    AccessRig(TemporaryFolder folder, SqliteDataFolder data, TestApiServer server, bool withTokens, RealUsers? real)
    {
        (_folder, _data, Server, _real) = (folder, data, server, real);
        _projector = new Projector(data.Events, data.Snapshots);
        _cluster = new HttpClient { BaseAddress = server.Url };
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(_log);
        builder.Services.AddProblemDetails();
        builder.Services.AddReplicatorOpenApi();
        _app = builder.Build();
        var access = new AccessOptions
        {
            Tokens = withTokens
                ? [Token("ops", Static), Token("shop-ci", StaticOfShop) with { Namespaces = [Shop] }, Token("other-ci", StaticOfOther) with { Clusters = ["other"] }]
                : [],
            Reviews = new KubernetesReviews(() => new Dictionary<string, HttpClient> { ["test"] = real?.Client ?? _cluster }, Clock, CacheFor),
        };
        Health.Examination = _ => AsyncEnumerable.Empty<Finding>();
        _app.UseReplicatorErrors();
        _app.UseReplicatorAccess(access);
        _app.MapReplicatorApi(data.Events, data.Snapshots, data.Checkpoints, _projector, Health, Clock, access);
    }

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TimeSpan CacheFor { get; } = TimeSpan.FromSeconds(10);

    public FakeTimeProvider Clock { get; } = new(Start.AddHours(1));

    public ReplicatorHealth Health { get; } = new();

    public TestApiServer Server { get; }

    public HttpClient Client { get; } = new() { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>What was logged, a line each.</summary>
    public IReadOnlyList<string> Log => [.. _log.Lines];

    public IReadOnlyList<RouteEndpoint> Endpoints => [.. ((IEndpointRouteBuilder)_app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()];

    string Shop => _real?.Namespace ?? "shop";

    /// <param name="withTokens">Whether the configuration knows tokens too.</param>
    /// <param name="real">A real server whose answers stand for the test server's.</param>
    public static async Task<AccessRig> StartAsync(bool withTokens = true, RealUsers? real = null)
    {
        var folder = new TemporaryFolder();
        var server = await TestApiServer.StartAsync([new ServedType("", "pods", "Pod", true, "v1")]);
        server.Reviews.AddUser(Administrator, "admin", "system:masters");
        server.Reviews.Allow("system:masters", "*", "*", "*");
        server.Reviews.AddUser(Reader, "alice");
        foreach (var verb in (string[])["get", "list", "watch"])
            server.Reviews.Allow("alice", verb, "", "pods", "shop");
        foreach (var path in (string[])["/version", "/api", "/apis"])
            server.Reviews.Allow("system:authenticated", "get", "", path);
        // As every server lets everybody (system:public-info-viewer).
        server.Reviews.Allow("system:unauthenticated", "get", "", "/version");
        var rig = new AccessRig(folder, await SqliteDataFolder.OpenAsync(folder.Path), server, withTokens, real);
        await rig._app.StartAsync(Cancel);
        rig.Client.BaseAddress = new Uri(rig._app.Urls.First());
        foreach (var cluster in (string[])["test", "other"])
        {
            await rig.RecordAsync(cluster, Pods, (rig.Shop, "web"), ("payments", "api"));
            await rig.RecordAsync(cluster, Secrets, (rig.Shop, "db"), ("payments", "db"));
            await rig.RecordAsync(cluster, Nodes, ("", "node-1"));
        }
        await rig._projector.CatchUpAsync(Cancel);
        return rig;
    }

    public Task<(int Status, JsonNode? Answer)> PostAsync(string path, string? token, string body) => GetAsync(path, token, HttpMethod.Post, body);

    public async Task<(int Status, JsonNode? Answer)> GetAsync(string path, string? token, HttpMethod? method = null, string? body = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path.Replace("/shop", $"/{Shop}", StringComparison.Ordinal));
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _real?.Tokens.GetValueOrDefault(token) ?? token);
        using var response = await Client.SendAsync(request, Cancel);
        var text = await response.Content.ReadAsStringAsync(Cancel);
        return ((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType is "application/json" or "application/problem+json" && text.Length > 0 ? JsonNode.Parse(text) : null);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        _cluster.Dispose();
        foreach (var recorder in _recorders)
            recorder.Dispose();
        _projector.Dispose();
        await _data.DisposeAsync();
        await Server.DisposeAsync();
        _folder.Dispose();
    }

    static StaticToken Token(string name, string token) => new() { Name = name, Sha256 = StaticToken.Hash(token) };

    async Task RecordAsync(string cluster, ResourceType type, params (string Namespace, string Name)[] objects)
    {
        var recorder = await StreamRecorder.OpenAsync(_data.Events, cluster, type.GroupResource, new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, Cancel);
        _recorders.Add(recorder);
        Delta Delta(DeltaKind kind, string version, string json = "") =>
            new() { Kind = kind, ResourceVersion = version, ObservedAt = Start, Provenance = Replicator.Core.Events.Provenance.List, Type = type, Object = Encoding.UTF8.GetBytes(json) };
        await recorder.HandleAsync(
        [
            Delta(DeltaKind.ListStarted, ""),
            .. objects.Select((one, index) => Delta(DeltaKind.Listed, $"{index + 1}",
                $$$"""{"kind":"{{{type.Kind}}}","apiVersion":"v1","metadata":{"name":"{{{one.Name}}}",{{{(one.Namespace.Length == 0 ? "" : $"\"namespace\":\"{one.Namespace}\",")}}}"uid":"{{{cluster}}}-{{{type.Resource}}}-{{{one.Namespace}}}-{{{one.Name}}}","resourceVersion":"{{{index + 1}}}" } }""")),
            Delta(DeltaKind.ListCompleted, "9"),
        ], Cancel);
    }

    /// <summary>A real API server, with those who stand there for the users of the table.</summary>
    /// <param name="Client">Asks it as somebody who may create reviews.</param>
    /// <param name="Namespace">What stands for <c>shop</c>.</param>
    /// <param name="Tokens">Their tokens there by those of the table.</param>
    public sealed record RealUsers(HttpClient Client, string Namespace, IReadOnlyDictionary<string, string> Tokens);

    sealed class LogLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                Lines.Enqueue($"{formatter(state, exception)} {exception?.Message}");
        }

        public void Dispose()
        {
        }
    }
}
