using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Replicator.Core.Kubernetes;

namespace Replicator.TestKit.ApiServer;

/// <summary>
/// A Kubernetes API server in the process of the test, for discovery, lists and watches: a versioned store that knows the truth, a log of every request, and whatever can go wrong between a client and a server, on command.
/// </summary>
/// <remarks>Answers are those of Kubernetes 1.36 as recorded in <c>tests/recordings/protocol</c>. Requests come through a <see cref="TcpRelay"/>, whose address stays the same over restarts of the server.</remarks>
public sealed class TestApiServer : IAsyncDisposable
{
    const int CompressedFrom = 128 * 1024;

    static readonly TimeSpan ShutdownGrace = TimeSpan.FromSeconds(20);

    static readonly ServedType[] Unwatched = [new("", "componentstatuses", "ComponentStatus", false, "v1"), new("", "bindings", "Binding", true, "v1")];

    readonly WebApplication _app;
    readonly Lock _gate = new();
    readonly List<ApiRequest> _requests = [];
    readonly Dictionary<string, string> _broken = [];
    readonly HashSet<GroupResource> _undiscovered = [];
    readonly TimeProvider _time;
    readonly string _prefix;
    readonly bool _tls;
    IPEndPoint _endpoint = new(IPAddress.Loopback, 0);

    TestApiServer(WebApplication app, ClusterModel model, bool tls, string prefix, TimeProvider time) => (_app, Model, _tls, _prefix, _time) = (app, model, tls, prefix, time);

    public ClusterModel Model { get; }

    public FaultScript Faults { get; } = new();

    public TcpRelay Relay { get; } = new();

    /// <summary>What signs the server's certificate.</summary>
    public TestCertificates Certificates { get; } = new();

    /// <summary>The server's certificate; connections that are opened from now on get a new one when it is set.</summary>
    public X509Certificate2? Certificate { get; set; }

    /// <summary>Whether streaming lists are granted; otherwise 422.</summary>
    public bool StreamingLists { get; set; } = true;

    /// <summary>Whether discovery comes aggregated where the client asks for it.</summary>
    public bool AggregatedDiscovery { get; set; } = true;

    /// <summary>Whether a watch from a version that is still to come gets an ERROR event (servers with a watch cache that waits) or silence (as recorded from 1.36).</summary>
    public bool TooLargeIsError { get; set; }

    /// <summary>Whether a watch from a compacted version gets the HTTP status 410 rather than an ERROR event.</summary>
    public bool ExpiredIsStatus { get; set; }

    /// <summary>By how many revisions lists with <c>resourceVersion=0</c> are behind.</summary>
    public long CacheLag { get; set; }

    /// <summary>Whether a watch that reaches its timeout sends a bookmark before it ends.</summary>
    public bool BookmarkAtTimeout { get; set; } = true;

    /// <summary>Who is let in; everybody where it is null.</summary>
    public Func<ApiRequest, bool>? Authenticate { get; set; }

    /// <summary>Whose tokens there are, and what they may: what TokenReview and SubjectAccessReview are answered by.</summary>
    public TestReviews Reviews { get; } = new();

    /// <summary>The OpenAPI documents by their paths without a leading slash: what there is none for is answered with 404.</summary>
    public ConcurrentDictionary<string, string> OpenApi { get; } = [];

    /// <summary>The server's URL, with its path prefix.</summary>
    public Uri Url => new($"{(_tls ? "https" : "http")}://127.0.0.1:{Relay.Port}{_prefix}/");

    /// <summary>Every request so far.</summary>
    public IReadOnlyList<ApiRequest> Requests
    {
        get
        {
            lock (_gate)
                return _requests.ToArray();
        }
    }

    /// <summary>Starts a server.</summary>
    /// <param name="types">What it serves.</param>
    /// <param name="tls">Whether it speaks TLS, and HTTP/2 with it.</param>
    /// <param name="prefix">A path that stands before all others, such as <c>/k8s/clusters/c-1</c>.</param>
    /// <param name="time">The clock of its timeouts.</param>
    /// <param name="model">The store of another server, which this one shares.</param>
    public static async Task<TestApiServer> StartAsync(IEnumerable<ServedType> types, bool tls = false, string prefix = "", TimeProvider? time = null, ClusterModel? model = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        TestApiServer? server = null;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // As the API server.
            kestrel.Limits.Http2.MaxStreamsPerConnection = 100;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromHours(1);
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = tls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1;
                if (tls)
                {
                    listen.UseHttps(https =>
                    {
                        https.ServerCertificateSelector = (_, _) => server!.Certificate;
                        https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                        https.ClientCertificateValidation = (_, _, _) => true;
                    });
                }
            });
        });
        var app = builder.Build();
        server = new TestApiServer(app, model ?? new ClusterModel(), tls, prefix, time ?? TimeProvider.System);
        if (tls)
            server.Certificate = server.Certificates.Server("127.0.0.1", "localhost");
        foreach (var type in types)
            server.Model.Serve(type);
        app.Run(server.HandleAsync);
        await app.StartAsync();
        var address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        server._endpoint = new IPEndPoint(IPAddress.Loopback, address.Port);
        server.Relay.Target = server._endpoint;
        return server;
    }

    /// <summary>The requests for a resource, in the order in which they came, each as its text.</summary>
    public IReadOnlyList<string> Sequence(string resource)
    {
        lock (_gate)
            return [.. _requests.Where(request => request.Resource == resource).Select(request => request.ToString())];
    }

    /// <summary>Ends the server's process: connections are reset, new ones refused.</summary>
    public void Kill()
    {
        Relay.Target = null;
        Relay.Cut();
    }

    /// <summary>Ends the server's process as on a rolling update: watches end without an error first, as long as their clients take what is left of them.</summary>
    public async Task ShutDownAsync(CancellationToken cancellationToken)
    {
        Relay.Target = null;
        Relay.Drain();
        Model.EndWatches();
        lock (_gate)
            _open.RemoveAll(task => task.IsCompleted);
        // An answer over HTTP/2 that is larger than its window does not end: the client's word that there is room again is held back as his requests are.
        try
        {
            await Task.WhenAll(Open()).WaitAsync(ShutdownGrace, cancellationToken);
        }
        catch (TimeoutException)
        {
            // As after a real server's grace period: what is still open is cut.
        }
        Relay.Cut();
    }

    /// <summary>Lets it answer again, at the same address.</summary>
    public void StartAgain() => Relay.Target = _endpoint;

    /// <summary>Serves a custom resource: its definition is created, discovery shows it.</summary>
    /// <param name="type">The type.</param>
    /// <param name="discovered">Whether discovery shows it at once; see <see cref="Discover"/>.</param>
    public void AddCustomType(ServedType type, bool discovered = true)
    {
        if (!discovered)
            _undiscovered.Add(type.GroupResource);
        Model.Serve(type);
        Model.Put(new GroupResource("apiextensions.k8s.io", "customresourcedefinitions"), "", $"{type.Resource}.{type.Group}", $"\"spec\":{{\"group\":\"{type.Group}\",\"scope\":\"{(type.Namespaced ? "Namespaced" : "Cluster")}\"}}");
    }

    /// <summary>Discovery lags behind definitions: it shows the type from now on.</summary>
    public void Discover(ServedType type)
    {
        lock (_gate)
            _undiscovered.Remove(type.GroupResource);
    }

    /// <summary>Removes a custom resource as the server does: its objects first, then the definition, and its watches end.</summary>
    /// <param name="type">The type.</param>
    public void RemoveCustomType(ServedType type)
    {
        foreach (var live in Model.List(type.GroupResource))
            Model.Delete(type.GroupResource, live.Object.Namespace, live.Object.Name);
        Model.Unserve(type.GroupResource);
        var (definitions, name) = (new GroupResource("apiextensions.k8s.io", "customresourcedefinitions"), $"{type.Resource}.{type.Group}");
        if (Model.List(definitions).Any(definition => definition.Object.Name == name))
            Model.Delete(definitions, "", name);
    }

    /// <summary>The server behind an aggregated API goes away: its types stay in discovery as stale, and every request for them is answered with 503.</summary>
    public void Break(string group, string version)
    {
        lock (_gate)
            _broken[group] = version;
        foreach (var type in Model.Types.Where(type => type.Group == group))
            Model.EndWatches(type.Resource);
        SetApiService(group, version, "False");
    }

    /// <summary>It comes back.</summary>
    public void Heal(string group)
    {
        string version;
        lock (_gate)
            _broken.Remove(group, out version!);
        SetApiService(group, version, "True");
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        await Relay.DisposeAsync();
        Certificates.Dispose();
        Certificate?.Dispose();
    }

    readonly List<Task> _open = [];

    Task[] Open()
    {
        lock (_gate)
            return [.. _open];
    }

    void SetApiService(string group, string version, string available)
    {
        var services = new GroupResource("apiregistration.k8s.io", "apiservices");
        if (Model.Types.Any(type => type.GroupResource == services))
            Model.Put(services, "", $"{version}.{group}", $"\"status\":{{\"conditions\":[{{\"type\":\"Available\",\"status\":\"{available}\"}}]}}");
    }

    async Task HandleAsync(HttpContext context)
    {
        var done = new TaskCompletionSource();
        lock (_gate)
            _open.Add(done.Task);
        try
        {
            await AnswerAsync(context);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or ConnectionAbortedException or ObjectDisposedException)
        {
            // The client has gone.
        }
        finally
        {
            done.SetResult();
        }
    }

    async Task AnswerAsync(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments(_prefix, out var rest))
        {
            context.Response.StatusCode = 404;
            return;
        }
        context.Request.Path = rest;
        ApiRequest request;
        lock (_gate)
        {
            request = ApiRequest.Read(context, _requests.Count);
            _requests.Add(request);
        }
        context.Response.OnStarting(() =>
        {
            request.Status = context.Response.StatusCode;
            return Task.CompletedTask;
        });
        var fault = Faults.Take(request);
        if (await fault.AnswerAsync(context))
            return;
        if (Authenticate is { } authenticate && !authenticate(request))
        {
            await SendAsync(context, RecordedAnswer.Load("bad-token-401"));
            return;
        }
        if (HttpMethods.IsPost(context.Request.Method) && TestReviews.Takes(request.Path))
        {
            await SendAsync(context, await Reviews.AnswerAsync(request.Path, context.Request.Body, context.RequestAborted));
            return;
        }
        if (!HttpMethods.IsGet(context.Request.Method))
        {
            await WriteAsync(context, request);
            return;
        }
        if (OpenApi.TryGetValue(request.Path, out var document))
        {
            await SendAsync(context, new RecordedAnswer(200, [("content-type", "application/json")], Encoding.UTF8.GetBytes(document)));
            return;
        }
        if (request.Verb == "get")
        {
            await SendAsync(context, Discovery(request));
            return;
        }
        if (Find(request.Path) is not var (served, type))
        {
            await SendAsync(context, RecordedAnswer.OfStatus(404, "NotFound", "the server could not find the requested resource"));
            return;
        }
        bool broken;
        lock (_gate)
            broken = _broken.ContainsKey(served.Group);
        if (broken)
        {
            // The aggregator answers in plain text.
            await SendAsync(context, new RecordedAnswer(503, [("content-type", "text/plain; charset=utf-8")], "service unavailable\n"u8.ToArray()));
            return;
        }
        if (request.Verb == "list")
            await ListAsync(context, request, served, type, fault);
        else
            await WatchAsync(context, request, served, type, fault);
    }

    async Task ListAsync(HttpContext context, ApiRequest request, ServedType served, ResourceType type, Fault fault)
    {
        var limit = int.Parse(request.Query.GetValueOrDefault("limit", "0"), CultureInfo.InvariantCulture);
        IReadOnlyList<ModelChange> objects;
        long revision;
        var start = "";
        if (request.Query.TryGetValue("continue", out var text))
        {
            if (ContinueToken.Parse(text) is not { } token)
            {
                await SendAsync(context, RecordedAnswer.OfStatus(400, "BadRequest", "invalid continue token"));
                return;
            }
            if (token.Revision < Model.Compacted || token.Revision > Model.Revision)
            {
                await SendAsync(context, RecordedAnswer.Load("list-continue-410"));
                return;
            }
            (revision, start) = (token.Revision, token.Start);
            objects = Model.List(served.GroupResource, revision);
        }
        else if (request.ResourceVersion == "0")
        {
            revision = Math.Max(1, Model.Revision - CacheLag);
            objects = Model.List(served.GroupResource, revision);
        }
        else
        {
            if (request.ResourceVersion is { } wanted && long.Parse(wanted, CultureInfo.InvariantCulture) > Model.Revision)
            {
                await SendAsync(context, RecordedAnswer.Load("list-rv-too-large"));
                return;
            }
            (objects, revision) = Model.Snapshot(served.GroupResource);
        }

        var rest = objects.Where(one => string.CompareOrdinal(Key(one), start) > 0).ToList();
        var page = limit > 0 ? rest.Take(limit).ToList() : rest;
        var metadata = $"\"metadata\":{{\"resourceVersion\":\"{revision}\"";
        if (page.Count < rest.Count)
            metadata += $",\"continue\":\"{new ContinueToken(revision, Key(page[^1])).Encode()}\",\"remainingItemCount\":{rest.Count - page.Count}";
        metadata += "}";
        var items = string.Join(',', page.Select(one => Encoding.UTF8.GetString(one.Item(type, served.IsCustom))));
        var body = served.IsCustom
            ? $"{{\"apiVersion\":\"{type.ApiVersion}\",\"items\":[{items}],\"kind\":\"{type.Kind}List\",{metadata}}}\n"
            : $"{{\"kind\":\"{type.Kind}List\",\"apiVersion\":\"{type.ApiVersion}\",{metadata},\"items\":[{items}]}}\n";
        context.Response.ContentType = "application/json";
        var bytes = Encoding.UTF8.GetBytes(body);
        if (bytes.Length > CompressedFrom && context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal))
        {
            context.Response.Headers.ContentEncoding = "gzip";
            using var compressed = new MemoryStream();
            await using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
                await gzip.WriteAsync(bytes);
            bytes = compressed.ToArray();
        }
        await fault.SendBodyAsync(context, bytes);
    }

    async Task WatchAsync(HttpContext context, ApiRequest request, ServedType served, ResourceType type, Fault fault)
    {
        var initialEvents = request.Verb == "stream";
        if (initialEvents && (!StreamingLists || request.Query.GetValueOrDefault("resourceVersionMatch") != "NotOlderThan"))
        {
            await SendAsync(context, RecordedAnswer.Load("watch-list-missing-match"));
            return;
        }
        long? after = null;
        if (!initialEvents)
        {
            if (!long.TryParse(request.ResourceVersion, NumberStyles.None, CultureInfo.InvariantCulture, out var version))
            {
                await SendAsync(context, RecordedAnswer.Load("watch-rv-invalid"));
                return;
            }
            after = version;
        }
        context.Response.ContentType = "application/json";
        var response = new WatchResponse(context);
        if (after > Model.Revision && TooLargeIsError)
        {
            await response.SendAsync(Encoding.UTF8.GetBytes($$$"""{"type":"ERROR","object":{{{Encoding.UTF8.GetString(RecordedAnswer.Load("list-rv-too-large").Body).TrimEnd()}}}}"""));
            return;
        }
        if (Model.Watch(served.GroupResource, after, initialEvents, request.Query.GetValueOrDefault("allowWatchBookmarks") == "true") is not { } watcher)
        {
            var expired = RecordedAnswer.Load("watch-410-in-stream");
            await SendAsync(context, ExpiredIsStatus ? RecordedAnswer.OfStatus(410, "Expired", $"too old resource version: {after} ({Model.Compacted})") : expired);
            return;
        }
        try
        {
            await context.Response.StartAsync(context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            var timeout = TimeSpan.FromSeconds(int.Parse(request.Query.GetValueOrDefault("timeoutSeconds", "1800"), CultureInfo.InvariantCulture));
            using var ends = new CancellationTokenSource(timeout, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ends.Token, context.RequestAborted);
            foreach (var item in watcher.Backlog)
            {
                await fault.SendLineAsync(response, Line(item, type));
                if (response.Ended)
                    return;
            }
            await context.Response.Body.FlushAsync(context.RequestAborted);
            try
            {
                while (await watcher.Live.Reader.WaitToReadAsync(either.Token))
                {
                    while (watcher.Live.Reader.TryRead(out var item))
                    {
                        await fault.SendLineAsync(response, Line(item, type));
                        if (response.Ended)
                            return;
                    }
                    await context.Response.Body.FlushAsync(context.RequestAborted);
                }
            }
            catch (OperationCanceledException) when (ends.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
            {
                if (watcher.Bookmarks && BookmarkAtTimeout)
                {
                    // Nothing may come between the changes that were sent and the version that the bookmark names.
                    var (changes, reached) = (new List<ClusterModel.WatchItem>(), 0L);
                    Model.Atomically(() =>
                    {
                        while (watcher.Live.Reader.TryRead(out var item))
                            changes.Add(item);
                        reached = Model.Revision;
                    });
                    foreach (var item in changes.Append(new ClusterModel.WatchItem(null, reached, EndsInitialEvents: false)).Where(item => item.Revision >= watcher.After))
                        await fault.SendLineAsync(response, Line(item, type));
                }
            }
        }
        finally
        {
            Model.Close(watcher);
        }
    }

    /// <summary>Enough of writing for a test that writes to a real server to be run against this one: objects of the core group with their <c>data</c>, and namespaces.</summary>
    async Task WriteAsync(HttpContext context, ApiRequest request)
    {
        var parts = request.Path.Split('/');
        var (resource, @namespace, name) = parts switch
        {
            ["api", "v1", "namespaces"] => ("namespaces", "", ""),
            ["api", "v1", "namespaces", var only] => ("namespaces", "", only),
            ["api", "v1", "namespaces", var scope, var named] => (named, scope, ""),
            ["api", "v1", "namespaces", var scope, var named, var one] => (named, scope, one),
            _ => ("", "", ""),
        };
        if (Model.Types.FirstOrDefault(type => type.Group.Length == 0 && type.Resource == resource) is not { } served)
        {
            await SendAsync(context, RecordedAnswer.OfStatus(404, "NotFound", "the server could not find the requested resource"));
            return;
        }
        ModelChange change;
        if (HttpMethods.IsDelete(context.Request.Method))
        {
            if (resource == "namespaces")
            {
                foreach (var type in Model.Types.Where(type => type.Namespaced))
                {
                    foreach (var live in Model.List(type.GroupResource).Where(live => live.Object.Namespace == name))
                        Model.Delete(type.GroupResource, name, live.Object.Name);
                }
            }
            change = Model.Delete(served.GroupResource, @namespace, name);
        }
        else
        {
            using var body = await System.Text.Json.JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
            var content = body.RootElement.TryGetProperty("data", out var data) ? $"\"data\":{data.GetRawText()}" : "";
            change = Model.Put(served.GroupResource, @namespace, body.RootElement.GetProperty("metadata").GetProperty("name").GetString()!, content);
        }
        context.Response.StatusCode = HttpMethods.IsPost(context.Request.Method) ? 201 : 200;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(change.Json(served.Preferred), context.RequestAborted);
    }

    static byte[] Line(in ClusterModel.WatchItem item, ResourceType type)
    {
        if (item.Change is { } change)
            return Encoding.UTF8.GetBytes($"{{\"type\":\"{change.Change.ToString().ToUpperInvariant()}\",\"object\":{Encoding.UTF8.GetString(change.Json(type))}}}");
        var annotations = item.EndsInitialEvents ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "";
        return Encoding.UTF8.GetBytes($"{{\"type\":\"BOOKMARK\",\"object\":{{\"kind\":\"{type.Kind}\",\"apiVersion\":\"{type.ApiVersion}\",\"metadata\":{{\"resourceVersion\":\"{item.Revision}\"{annotations}}}}}}}");
    }

    static string Key(ModelChange one) => $"{one.Object.Namespace}/{one.Object.Name}".TrimStart('/');

    (ServedType Served, ResourceType Type)? Find(string path)
    {
        var parts = path.Split('/');
        var (group, version, resource) = parts switch
        {
            ["api", var core, var name] => ("", core, name),
            ["apis", var named, var served, var name] => (named, served, name),
            _ => ("", "", ""),
        };
        var found = Model.Types.FirstOrDefault(type => type.Group == group && type.Resource == resource && type.Versions.Contains(version));
        return found is null ? null : (found, found.In(version));
    }

    static async Task SendAsync(HttpContext context, RecordedAnswer answer)
    {
        context.Response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers)
            context.Response.Headers[name] = value;
        await context.Response.Body.WriteAsync(answer.Body, context.RequestAborted);
    }

    // ---- Discovery

    RecordedAnswer Discovery(ApiRequest request)
    {
        static RecordedAnswer Json(string body, string type = "application/json") => new(200, [("content-type", type)], Encoding.UTF8.GetBytes(body + "\n"));
        if (request.Path == "version")
            return Json("""{"major":"1","minor":"36","gitVersion":"v1.36.2"}""");
        List<ServedType> types;
        Dictionary<string, string> broken;
        lock (_gate)
        {
            types = [.. Model.Types.Where(type => !_undiscovered.Contains(type.GroupResource))];
            broken = new(_broken);
        }
        var groups = types.Where(type => type.Group.Length > 0).GroupBy(type => type.Group).OrderBy(group => group.Key, StringComparer.Ordinal).ToList();
        var core = types.Where(type => type.Group.Length == 0).Concat(Unwatched).ToList();
        if (request.Path is "api" or "apis" && AggregatedDiscovery && request.Accept.Contains("as=APIGroupDiscoveryList", StringComparison.Ordinal))
        {
            var items = request.Path == "api" ? Aggregated("", core, broken) : string.Join(',', groups.Select(group => Aggregated(group.Key, [.. group], broken)));
            return Json($$"""{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{{items}}]}""", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
        }
        if (request.Path == "api")
            return Json("""{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}""");
        if (request.Path == "apis")
        {
            var items = groups.Select(group =>
            {
                var versions = Versions(group);
                static string Entry(string group, string version) => $$"""{"groupVersion":"{{group}}/{{version}}","version":"{{version}}"}""";
                return $$"""{"name":"{{group.Key}}","versions":[{{string.Join(',', versions.Select(version => Entry(group.Key, version)))}}],"preferredVersion":{{Entry(group.Key, versions[0])}}}""";
            });
            return Json($$"""{"kind":"APIGroupList","apiVersion":"v1","groups":[{{string.Join(',', items)}}]}""");
        }
        var parts = request.Path.Split('/');
        var (name, version) = parts[0] == "api" ? ("", parts[1]) : (parts[1], parts.Length > 2 ? parts[2] : "");
        if (broken.ContainsKey(name))
            return new RecordedAnswer(503, [("content-type", "text/plain; charset=utf-8")], "service unavailable\n"u8.ToArray());
        var served = (name.Length == 0 ? core : types.Where(type => type.Group == name)).Where(type => type.Versions.Contains(version)).ToList();
        if (served.Count == 0)
            return RecordedAnswer.OfStatus(404, "NotFound", "the server could not find the requested resource");
        var resources = served.SelectMany(type => (string[])
        [
            $$"""{"name":"{{type.Resource}}","singularName":"{{type.Kind.ToLowerInvariant()}}","namespaced":{{(type.Namespaced ? "true" : "false")}},"kind":"{{type.Kind}}","verbs":[{{Verbs(type)}}]}""",
            $$"""{"name":"{{type.Resource}}/status","singularName":"","namespaced":{{(type.Namespaced ? "true" : "false")}},"kind":"{{type.Kind}}","verbs":["get","patch","update"]}""",
        ]);
        return Json($$"""{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"{{(name.Length == 0 ? version : $"{name}/{version}")}}","resources":[{{string.Join(',', resources)}}]}""");
    }

    static List<string> Versions(IEnumerable<ServedType> types) => [.. types.SelectMany(type => type.Versions).Distinct()];

    static string Verbs(ServedType type) => Unwatched.Contains(type)
        ? type.Resource == "bindings" ? "\"create\"" : "\"get\",\"list\""
        : "\"create\",\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"update\",\"watch\"";

    static string Aggregated(string group, List<ServedType> types, Dictionary<string, string> broken)
    {
        var versions = Versions(types).Select(version =>
        {
            var resources = types.Where(type => type.Versions.Contains(version)).Select(type =>
                $$"""{"resource":"{{type.Resource}}","responseKind":{"group":"","version":"","kind":"{{type.Kind}}"},"scope":"{{(type.Namespaced ? "Namespaced" : "Cluster")}}","singularResource":"{{type.Kind.ToLowerInvariant()}}","verbs":[{{Verbs(type)}}]}""");
            var freshness = broken.ContainsKey(group) ? "Stale" : "Current";
            return $$"""{"version":"{{version}}","resources":[{{string.Join(',', resources)}}],"freshness":"{{freshness}}"}""";
        });
        var metadata = group.Length == 0 ? "{}" : $$"""{"name":"{{group}}"}""";
        return $$"""{"metadata":{{metadata}},"versions":[{{string.Join(',', versions)}}]}""";
    }
}
