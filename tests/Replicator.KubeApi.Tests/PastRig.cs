using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Projecting;
using Replicator.Core.Recording;
using Replicator.Core.Recordings;
using Replicator.Core.Redaction;
using Replicator.Core.Events;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>A log with its time machine, served as a Kubernetes API below <c>/CLUSTER/INSTANT/</c>; the clock stands until the test moves it.</summary>
public sealed class PastRig : IAsyncDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly SqliteDataFolder _data;
    readonly WebApplication _app;
    readonly TimeMachine _machine;
    readonly CancellationTokenSource _stopping = new();

    PastRig(SqliteDataFolder data, TemporaryFolder folder, FakeTimeProvider clock)
    {
        (_data, _folder, Clock) = (data, folder, clock);
        Projector = new Projector(data.Events, data.Snapshots);
        Log = new CountedEventStore(data.Events);
        _machine = new TimeMachine(Log, data.Snapshots, clock);
        var handler = new KubeApiHandler(clock, _stopping.Token);
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Map("/{cluster}/{instant}/{**path}", (HttpContext context, string cluster, string instant, string? path) =>
            handler.HandleAsync(context, path ?? "", async token => await _machine.OpenAsync(cluster, instant, token)));
    }

    public FakeTimeProvider Clock { get; }

    public Projector Projector { get; }

    /// <summary>The log as the time machine reads it.</summary>
    internal CountedEventStore Log { get; }

    /// <summary>How many watches wait for the end of the log.</summary>
    internal int Waiting => _machine.Tail.Watchers;

    public SqliteDataFolder Data => _data;

    public HttpClient Client { get; } = new() { Timeout = Timeout.InfiniteTimeSpan };

    public Uri Url => Client.BaseAddress!;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<PastRig> StartAsync(DateTimeOffset now)
    {
        var folder = new TemporaryFolder();
        var rig = new PastRig(await SqliteDataFolder.OpenAsync(folder.Path), folder, new FakeTimeProvider(now));
        await rig._app.StartAsync();
        rig.Client.BaseAddress = new Uri(rig._app.Urls.First() + "/");
        return rig;
    }

    /// <summary>Starts it over the recorded shop, as the cluster <c>shop</c>, the day after.</summary>
    public static async Task<PastRig> StartWithShopAsync()
    {
        var rig = await StartAsync(RecordedMoment.DayAfter);
        var recording = Recording.Open(TestRecordings.Shop);
        await RecordingImport.RunAsync(recording, rig._data.Events, "shop", new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, null, CancellationToken.None);
        using (var discovery = await DiscoveryRecorder.OpenAsync(rig._data.Events, "shop", CancellationToken.None))
            await discovery.HandleAsync(recording.ReadDiscoveryDocuments(), RecordedMoment.End, Provenance.Import, CancellationToken.None);
        await rig.Projector.CatchUpAsync(CancellationToken.None);
        return rig;
    }

    public async Task<JsonNode> GetAsync(string path, string? accept = null)
    {
        var (status, answer) = await SendAsync(path, accept);
        Assert.True(status == HttpStatusCode.OK, $"{path}: {status} {answer}");
        return answer;
    }

    public async Task<(HttpStatusCode Status, JsonNode Answer)> SendAsync(string path, string? accept = null, HttpMethod? method = null, string? body = null)
    {
        using var response = await SendForResponseAsync(path, accept, method, body);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancel))!);
    }

    public async Task<HttpResponseMessage> SendForResponseAsync(string path, string? accept = null, HttpMethod? method = null, string? body = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        if (body is not null)
            request.Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        return await Client.SendAsync(request, Cancel);
    }

    /// <summary>Opens a watch; its answer has begun when this returns.</summary>
    internal async Task<OpenWatch> WatchAsync(string path, string? accept = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        var response = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return new OpenWatch(response, new StreamReader(await response.Content.ReadAsStreamAsync(Cancel)));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _stopping.CancelAsync();
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        await _machine.DisposeAsync();
        Projector.Dispose();
        await _data.DisposeAsync();
        _folder.Dispose();
        _stopping.Dispose();
    }
}

/// <summary>The recorded shop, imported once.</summary>
public sealed class PastShop : IAsyncLifetime
{
    public PastRig Rig { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Rig = await PastRig.StartWithShopAsync();

    public ValueTask DisposeAsync() => Rig.DisposeAsync();
}
