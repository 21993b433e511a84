using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Xunit;

namespace Replicator.Server.Tests;

/// <summary>The HTTP API over a log that the test writes, with the test's clock.</summary>
sealed class ApiRig : IAsyncDisposable
{
    public static readonly DateTimeOffset Start = new(2026, 1, 31, 3, 0, 0, TimeSpan.Zero);
    public static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    public static readonly ResourceType Deployments = new("apps", "v1", "deployments", "Deployment", Namespaced: true);

    readonly TemporaryFolder _folder = new();
    readonly Dictionary<ResourceType, StreamRecorder> _recorders = [];
    readonly SqliteDataFolder _data;
    readonly Projector _projector;
    readonly WebApplication _app;
    int _version = 1000;

    ApiRig(SqliteDataFolder data, TemporaryFolder folder)
    {
        (_data, _folder) = (data, folder);
        Events = new CountingEventStore(data.Events);
        _projector = new Projector(data.Events, data.Snapshots);
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddProblemDetails();
        builder.Services.AddReplicatorOpenApi();
        _app = builder.Build();
        _app.UseReplicatorErrors();
        _app.MapReplicatorApi(Events, data.Snapshots, data.Checkpoints, _projector, Health, Clock);
    }

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public FakeTimeProvider Clock { get; } = new(Start.AddHours(1));

    public ReplicatorHealth Health { get; } = new();

    public CountingEventStore Events { get; }

    /// <summary>The patterns of what is served, with their methods.</summary>
    public IEnumerable<(string Pattern, string Method)> Routes => ((IEndpointRouteBuilder)_app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
        .SelectMany(endpoint => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods.Select(method => (endpoint.RoutePattern.RawText!, method)) ?? []);

    public HttpClient Client { get; } = new() { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Starts it over a log with a list of one pod and one deployment at 03:00, resource version 10.</summary>
    public static async Task<ApiRig> StartAsync()
    {
        var folder = new TemporaryFolder();
        var rig = new ApiRig(await SqliteDataFolder.OpenAsync(folder.Path), folder);
        await rig._app.StartAsync(Cancel);
        rig.Client.BaseAddress = new Uri(rig._app.Urls.First());
        await rig.RecordAsync(Pods, (DeltaKind.ListStarted, "", 0, ""), (DeltaKind.Listed, "web-0", 0, "5"), (DeltaKind.ListCompleted, "", 0, "10"));
        await rig.RecordAsync(Deployments, (DeltaKind.ListStarted, "", 0, ""), (DeltaKind.Listed, "web", 0, "6"), (DeltaKind.ListCompleted, "", 0, "10"));
        return rig;
    }

    /// <summary>Records changes, each so many seconds after 03:00, and brings the projection to them.</summary>
    public async Task RecordAsync(ResourceType type, params (DeltaKind Kind, string Name, int Second, string Version)[] changes)
    {
        if (!_recorders.TryGetValue(type, out var recorder))
            _recorders[type] = recorder = await StreamRecorder.OpenAsync(_data.Events, "test", type.GroupResource, new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, Cancel);
        await recorder.HandleAsync([.. changes.Select(change => new Delta
        {
            Kind = change.Kind,
            ResourceVersion = change.Version,
            ObservedAt = Start.AddSeconds(change.Second),
            Provenance = change.Kind is DeltaKind.Added or DeltaKind.Modified or DeltaKind.Deleted ? Provenance.Watch : Provenance.List,
            Type = type,
            Object = change.Name.Length == 0 ? default : Encoding.UTF8.GetBytes(
                $$"""{"kind":"{{type.Kind}}","apiVersion":"{{type.ApiVersion}}","metadata":{"name":"{{change.Name}}","namespace":"shop","uid":"uid-{{change.Name}}","resourceVersion":"{{change.Version}}","labels":{"app":"{{change.Name}}"} },"spec":{"n":9007199254740993} }"""),
        })], Cancel);
        await _projector.CatchUpAsync(Cancel);
    }

    /// <summary>Records that objects were added, as they are but for <c>metadata.uid</c> (uid-NAME) and <c>resourceVersion</c>.</summary>
    public async Task RecordObjectsAsync(ResourceType type, params string[] objects)
    {
        if (!_recorders.TryGetValue(type, out var recorder))
            _recorders[type] = recorder = await StreamRecorder.OpenAsync(_data.Events, "test", type.GroupResource, new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, Cancel);
        await recorder.HandleAsync([.. objects.Select(text =>
        {
            var item = JsonNode.Parse(text)!;
            var version = (++_version).ToString(System.Globalization.CultureInfo.InvariantCulture);
            (item["apiVersion"], item["kind"]) = (type.ApiVersion, type.Kind);
            (item["metadata"]!["uid"], item["metadata"]!["resourceVersion"]) = ($"uid-{item["metadata"]!["name"]}", version);
            return new Delta
            {
                Kind = DeltaKind.Added,
                ResourceVersion = version,
                ObservedAt = Start.AddSeconds(_version),
                Provenance = Provenance.Watch,
                Type = type,
                Object = Encoding.UTF8.GetBytes(item.ToJsonString()),
            };
        })], Cancel);
        await _projector.CatchUpAsync(Cancel);
    }

    /// <summary>Records a discovery document.</summary>
    public async Task RecordDiscoveryAsync(string path, string json)
    {
        using var recorder = await DiscoveryRecorder.OpenAsync(_data.Events, "test", Cancel);
        await recorder.HandleAsync([(path, Encoding.UTF8.GetBytes(json))], Start, Provenance.List, Cancel);
        await _projector.CatchUpAsync(Cancel);
    }

    public async Task<JsonNode> GetAsync(string path)
    {
        var (status, text, _) = await SendAsync(path);
        Assert.True(status == HttpStatusCode.OK, $"{path}: {status} {text}");
        return JsonNode.Parse(text)!;
    }

    public async Task<(HttpStatusCode Status, string Text, string? ContentType)> SendAsync(string path, string accept = "application/json", HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd(accept);
        using var response = await Client.SendAsync(request, Cancel);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancel), response.Content.Headers.ContentType?.MediaType);
    }

    /// <summary>Opens an answer that goes on.</summary>
    public async Task<StreamReader> OpenAsync(string path, string accept, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd(accept);
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        var response = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(accept, response.Content.Headers.ContentType!.MediaType);
        return new StreamReader(await response.Content.ReadAsStreamAsync(Cancel));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        foreach (var recorder in _recorders.Values)
            recorder.Dispose();
        _projector.Dispose();
        await _data.DisposeAsync();
        _folder.Dispose();
    }
}
