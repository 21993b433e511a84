using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recordings;

namespace Replicator.KubeApi;

/// <summary>A recording as a live API server: discovery, get, list, paged list, streaming list, and watch with bookmarks.</summary>
/// <remarks>Read-only and without authentication: it listens where it is told to, by default on the loopback interface.</remarks>
public sealed class ReplayServer : IAsyncDisposable
{
    const int WatchBatch = 256;
    const int FlushBytes = 32 * 1024;
    const string AggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    readonly Recording _recording;
    readonly ReplayOptions _options;
    readonly TimeProvider _time;
    readonly ReplayPlayer _player;
    readonly Dictionary<(string Group, string Version, string Resource), ReplayType> _types;
    readonly CancellationTokenSource _stopping = new();
    WebApplication? _app;

    ReplayServer(Recording recording, ReplayOptions options, TimeProvider time)
    {
        (_recording, _options, _time) = (recording, options, time);
        _player = new ReplayPlayer(recording, options, time);
        _types = _player.Types.ToDictionary(type => (type.Type.Group, type.Type.Version, type.Type.Resource));
    }

    /// <summary>Where it listens.</summary>
    public Uri Url => new(_app!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>Done when the live part of the recording begins: see <see cref="ReplayOptions.WaitForWatchers"/>.</summary>
    public Task Began => _player.Began;

    /// <summary>Done when the last event was played; the server goes on serving what there is then.</summary>
    public Task Completed { get; private set; } = Task.CompletedTask;

    /// <summary>How many events have been played, the first lists included.</summary>
    public long Played => _player.Played;

    /// <summary>Opens a recording and serves it.</summary>
    /// <exception cref="RecordingException">It cannot be read.</exception>
    /// <exception cref="IOException">The address cannot be listened on.</exception>
    public static async Task<ReplayServer> StartAsync(ReplayOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var server = new ReplayServer(Recording.Open(options.RecordingPath), options, time);
        try
        {
            server._player.PlayFirstLists();
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls(options.ListenUrl);
            builder.Logging.ClearProviders();
            // A watch ends when the server does; nobody has to be waited for.
            builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
            server._app = builder.Build();
            server._app.Run(server.HandleAsync);
            await server._app.StartAsync(cancellationToken).ConfigureAwait(false);
            server.Completed = Task.Run(() => server._player.PlayAsync(server._stopping.Token), CancellationToken.None);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Writes a kubeconfig whose one context is this server. The token is for clients that refuse a user without credentials; nobody looks at it.</summary>
    public void WriteKubeconfig(string path) => File.WriteAllText(path, $$"""
        apiVersion: v1
        kind: Config
        current-context: replay
        contexts:
        - name: replay
          context: {cluster: replay, user: replay}
        clusters:
        - name: replay
          cluster: {server: "{{Url}}"}
        users:
        - name: replay
          user: {token: replay}

        """);

    /// <summary>Ends the replay and every watch.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Completed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_app is not null)
        {
            await _app.StopAsync().ConfigureAwait(false);
            await _app.DisposeAsync().ConfigureAwait(false);
        }
        _player.Dispose();
        _stopping.Dispose();
    }

    async Task HandleAsync(HttpContext context)
    {
        try
        {
            if (!HttpMethods.IsGet(context.Request.Method))
                await KubeStatus.WriteAsync(context, StatusCodes.Status405MethodNotAllowed, "MethodNotAllowed", "a replay is read-only: the server does not allow this method on the requested resource").ConfigureAwait(false);
            else
                await RouteAsync(context, context.Request.Path.Value!.Trim('/').Split('/')).ConfigureAwait(false);
        }
        catch (FormatException exception)
        {
            await KubeStatus.WriteAsync(context, StatusCodes.Status400BadRequest, "BadRequest", exception.Message).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The client has gone, or the server ends.
        }
    }

    Task RouteAsync(HttpContext context, string[] path) => path switch
    {
        ["healthz" or "readyz" or "livez"] => context.Response.WriteAsync("ok", context.RequestAborted),
        ["version"] => DocumentAsync(context, "version.json"),
        ["openapi", "v3"] => DocumentAsync(context, "openapi-v3.json"),
        ["api"] or ["apis"] => DiscoveryAsync(context, path[0]),
        ["api", var version] => ResourceListAsync(context, "", version),
        ["apis", var group, var version] => ResourceListAsync(context, group, version),
        ["api", var version, "namespaces", var scope, var resource] => CollectionAsync(context, "", version, resource, scope),
        ["api", var version, "namespaces", var scope, var resource, var name] => ObjectAsync(context, "", version, resource, $"{scope}/{name}"),
        ["api", var version, var resource] => CollectionAsync(context, "", version, resource, null),
        ["api", var version, var resource, var name] => ObjectAsync(context, "", version, resource, name),
        ["apis", var group, var version, "namespaces", var scope, var resource] => CollectionAsync(context, group, version, resource, scope),
        ["apis", var group, var version, "namespaces", var scope, var resource, var name] => ObjectAsync(context, group, version, resource, $"{scope}/{name}"),
        ["apis", var group, var version, var resource] => CollectionAsync(context, group, version, resource, null),
        ["apis", var group, var version, var resource, var name] => ObjectAsync(context, group, version, resource, name),
        _ => NotFoundAsync(context),
    };

    static Task NotFoundAsync(HttpContext context) => KubeStatus.WriteAsync(context, StatusCodes.Status404NotFound, "NotFound", "the server could not find the requested resource");

    async Task DocumentAsync(HttpContext context, string name)
    {
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(ReadDocument(name), context.RequestAborted).ConfigureAwait(false);
    }

    async Task DiscoveryAsync(HttpContext context, string root)
    {
        if (!context.Request.Headers.Accept.ToString().Contains("as=APIGroupDiscoveryList", StringComparison.Ordinal))
        {
            if (root == "api")
                await DocumentAsync(context, "api.json").ConfigureAwait(false);
            else
                await WriteGroupsAsync(context).ConfigureAwait(false);
            return;
        }
        context.Response.ContentType = AggregatedType;
        await context.Response.WriteAsync(Aggregated(root).ToJsonString(), context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>The recorded document (fetched at the recording's end) without what has not begun yet.</summary>
    JsonNode Aggregated(string root)
    {
        var document = JsonNode.Parse(ReadDocument($"{root}.aggregated.json"))!;
        var groups = document["items"]!.AsArray();
        foreach (var group in groups.ToList())
        {
            var name = group!["metadata"]!["name"]?.GetValue<string>() ?? "";
            var versions = group["versions"]!.AsArray();
            foreach (var version in versions.ToList())
            {
                var resources = version!["resources"]!.AsArray();
                foreach (var resource in resources.ToList())
                {
                    if (_types.TryGetValue((name, version["version"]!.GetValue<string>(), resource!["resource"]!.GetValue<string>()), out var type) && !type.IsServed)
                        resources.Remove(resource);
                }
                if (resources.Count == 0)
                    versions.Remove(version);
            }
            if (versions.Count == 0)
                groups.Remove(group);
        }
        return document;
    }

    /// <summary>What clients older than aggregated discovery (1.26) ask for. Made from the aggregated document: the recorded plain one was fetched at another moment, and may lack groups that the recording holds.</summary>
    async Task WriteGroupsAsync(HttpContext context)
    {
        var groups = Aggregated("apis")["items"]!.AsArray().Select(group =>
        {
            var name = group!["metadata"]!["name"]!.GetValue<string>();
            JsonNode Version(JsonNode? version) => new JsonObject { ["groupVersion"] = $"{name}/{version!["version"]}", ["version"] = version["version"]!.DeepClone() };
            var versions = group["versions"]!.AsArray();
            // The server lists versions in the order of its preference.
            return (JsonNode)new JsonObject { ["name"] = name, ["versions"] = new JsonArray([.. versions.Select(Version)]), ["preferredVersion"] = Version(versions[0]) };
        });
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(new JsonObject
        {
            ["kind"] = "APIGroupList",
            ["apiVersion"] = "v1",
            ["groups"] = new JsonArray([.. groups]),
        }.ToJsonString(), context.RequestAborted).ConfigureAwait(false);
    }

    async Task ResourceListAsync(HttpContext context, string group, string version)
    {
        var served = Aggregated(group.Length == 0 ? "api" : "apis")["items"]!.AsArray()
            .Where(item => (item!["metadata"]!["name"]?.GetValue<string>() ?? "") == group)
            .SelectMany(item => item!["versions"]!.AsArray()).FirstOrDefault(item => item!["version"]!.GetValue<string>() == version);
        if (served is null)
        {
            await NotFoundAsync(context).ConfigureAwait(false);
            return;
        }
        var resources = served["resources"]!.AsArray().Select(resource => (JsonNode)new JsonObject
        {
            ["name"] = resource!["resource"]!.DeepClone(),
            ["singularName"] = resource["singularResource"]?.DeepClone() ?? "",
            ["namespaced"] = resource["scope"]!.GetValue<string>() == "Namespaced",
            ["kind"] = resource["responseKind"]!["kind"]!.DeepClone(),
            ["verbs"] = resource["verbs"]!.DeepClone(),
            ["shortNames"] = resource["shortNames"]?.DeepClone(),
        });
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(new JsonObject
        {
            ["kind"] = "APIResourceList",
            ["apiVersion"] = "v1",
            ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}",
            ["resources"] = new JsonArray([.. resources]),
        }.ToJsonString(), context.RequestAborted).ConfigureAwait(false);
    }

    async Task ObjectAsync(HttpContext context, string group, string version, string resource, string key)
    {
        if (!_types.TryGetValue((group, version, resource), out var type) || !type.IsServed)
        {
            await NotFoundAsync(context).ConfigureAwait(false);
            return;
        }
        if (!type.Snapshot().Objects.TryGetValue(key, out var found))
        {
            await KubeStatus.NotFoundAsync(context, type.Type, key[(key.IndexOf('/', StringComparison.Ordinal) + 1)..]).ConfigureAwait(false);
            return;
        }
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(found.Json, context.RequestAborted).ConfigureAwait(false);
    }

    Task CollectionAsync(HttpContext context, string group, string version, string resource, string? scope)
    {
        if (!_types.TryGetValue((group, version, resource), out var type) || !type.IsServed)
            return NotFoundAsync(context);
        var query = context.Request.Query;
        var filter = new ReplayFilter(scope, LabelSelector.Parse(query["labelSelector"].ToString()), query["fieldSelector"].ToString());
        return query["watch"].ToString() is "1" or "true" ? WatchAsync(context, type, filter) : ListAsync(context, type, filter);
    }

    static async Task ListAsync(HttpContext context, ReplayType type, ReplayFilter filter)
    {
        var query = context.Request.Query;
        var limit = query["limit"].ToString() is { Length: > 0 } text ? int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var wantedLimit) ? wantedLimit : throw new FormatException($"limit: Invalid value: \"{text}\"") : 0;
        var (snapshot, after) = (type.Snapshot(), "");
        if (query["continue"].ToString() is { Length: > 0 } token)
        {
            (var version, after) = ReadToken(token);
            if (type.FindSnapshot(version) is not { } kept)
            {
                await KubeStatus.WriteAsync(context, StatusCodes.Status410Gone, "Expired", "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.").ConfigureAwait(false);
                return;
            }
            snapshot = kept;
        }
        else if (query["resourceVersion"].ToString() is { Length: > 0 } wanted && ResourceVersion.Compare(wanted, snapshot.Version) > 0)
        {
            await KubeStatus.TooLargeAsync(context, wanted, snapshot.Version).ConfigureAwait(false);
            return;
        }
        var rest = snapshot.Objects.Where(pair => string.CompareOrdinal(pair.Key, after) > 0 && filter.Matches(pair.Key, pair.Value.Json)).ToList();
        var page = limit > 0 ? rest.Take(limit).ToList() : rest;
        context.Response.ContentType = "application/json";
        var body = context.Response.BodyWriter;
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("kind"u8, $"{type.Type.Kind}List");
            json.WriteString("apiVersion"u8, type.Type.ApiVersion);
            json.WriteStartObject("metadata"u8);
            json.WriteString("resourceVersion"u8, snapshot.Version);
            if (page.Count < rest.Count)
            {
                json.WriteString("continue"u8, Convert.ToBase64String(Encoding.UTF8.GetBytes($"{snapshot.Version}\n{page[^1].Key}")));
                json.WriteNumber("remainingItemCount"u8, rest.Count - page.Count);
            }
            json.WriteEndObject();
            json.WriteStartArray("items"u8);
            foreach (var (_, item) in page)
            {
                json.WriteRawValue(item.Json.Span, skipInputValidation: true);
                if (json.BytesPending > FlushBytes)
                {
                    json.Flush();
                    await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
                }
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    async Task WatchAsync(HttpContext context, ReplayType type, ReplayFilter filter)
    {
        var query = context.Request.Query;
        var from = query["resourceVersion"].ToString();
        var sendsInitial = query["sendInitialEvents"].ToString() is "1" or "true";
        var bookmarks = query["allowWatchBookmarks"].ToString() is "1" or "true";
        if (sendsInitial != (query["resourceVersionMatch"].ToString() == "NotOlderThan"))
        {
            await KubeStatus.WriteAsync(context, StatusCodes.Status422UnprocessableEntity, "Invalid", sendsInitial
                ? "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                : "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided").ConfigureAwait(false);
            return;
        }
        if (from.Length > 0 && !ResourceVersion.IsComparable(from))
            throw new FormatException($"invalid resource version: {from}");
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stopping.Token);
        var timeout = int.TryParse(query["timeoutSeconds"].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(seconds) : TimeSpan.FromMinutes(30);
        using var expiry = new CancellationTokenSource(timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ending.Token, expiry.Token);

        context.Response.ContentType = "application/json";
        var body = context.Response.BodyWriter;
        var isFresh = sendsInitial || from is "" or "0";
        var position = type.Watch(isFresh ? null : from, out var snapshot, out var oldest);
        if (position is null)
        {
            Write(body, "ERROR"u8, KubeStatus.Expired(from, oldest));
            await body.FlushAsync(ending.Token).ConfigureAwait(false);
            return;
        }
        _player.Watched();
        try
        {
            foreach (var (key, item) in snapshot.Objects)
            {
                if (!isFresh || !filter.Matches(key, item.Json))
                    continue;
                Write(body, "ADDED"u8, item.Json.Span);
                if (body.UnflushedBytes > FlushBytes)
                    await body.FlushAsync(ending.Token).ConfigureAwait(false);
            }
            if (sendsInitial)
                WriteBookmark(body, type.Type, snapshot.Version, endsList: true);
            await body.FlushAsync(ending.Token).ConfigureAwait(false);
            var quietSince = _time.GetTimestamp();
            while (true)
            {
                if (type.Take(position, WatchBatch, out var wait) is not { } events)
                {
                    Write(body, "ERROR"u8, KubeStatus.Expired(from.Length == 0 ? snapshot.Version : from, type.Version));
                    await body.FlushAsync(ending.Token).ConfigureAwait(false);
                    return;
                }
                foreach (var recorded in events)
                    WriteEvent(body, type.Type, recorded, filter, bookmarks);
                if (events.Count > 0)
                {
                    await body.FlushAsync(ending.Token).ConfigureAwait(false);
                    quietSince = _time.GetTimestamp();
                    continue;
                }
                if (bookmarks && _time.GetElapsedTime(quietSince) >= _options.BookmarkPeriod)
                {
                    WriteBookmark(body, type.Type, type.Version, endsList: false);
                    await body.FlushAsync(ending.Token).ConfigureAwait(false);
                    quietSince = _time.GetTimestamp();
                }
                await Task.WhenAny(wait, Task.Delay(_options.BookmarkPeriod, _time, either.Token)).ConfigureAwait(false);
                ending.Token.ThrowIfCancellationRequested();
                if (expiry.IsCancellationRequested)
                    return;
            }
        }
        finally
        {
            type.End(position);
        }
    }

    static void WriteEvent(IBufferWriter<byte> body, ResourceType type, ReplayEvent recorded, ReplayFilter filter, bool bookmarks)
    {
        var line = recorded.Line;
        if (recorded.Key is not { } key)
        {
            if (bookmarks)
                WriteBookmark(body, type, line.ResourceVersion, endsList: false);
            return;
        }
        // An object that stops matching the selector shows as deleted, one that begins to as added.
        var matches = line.Type != "DELETED" && filter.Matches(key, line.Object);
        var was = filter.IsEverything ? line.Type != "ADDED" : !recorded.Previous.IsEmpty && filter.Matches(key, recorded.Previous);
        if (matches)
            Write(body, was ? "MODIFIED"u8 : "ADDED"u8, line.Object.Span);
        else if (was)
            Write(body, "DELETED"u8, line.Object.Span);
    }

    static void Write(IBufferWriter<byte> body, ReadOnlySpan<byte> type, ReadOnlySpan<byte> json)
    {
        body.Write("{\"type\":\""u8);
        body.Write(type);
        body.Write("\",\"object\":"u8);
        body.Write(json);
        body.Write("}\n"u8);
    }

    static void WriteBookmark(IBufferWriter<byte> body, ResourceType type, string version, bool endsList) => Write(body, "BOOKMARK"u8, Encoding.UTF8.GetBytes(
        $$$"""{"kind":"{{{type.Kind}}}","apiVersion":"{{{type.ApiVersion}}}","metadata":{"resourceVersion":"{{{version}}}"{{{(endsList ? ""","annotations":{"k8s.io/initial-events-end":"true"}""" : "")}}}}}"""));

    static (string Version, string Key) ReadToken(string token)
    {
        var bytes = new byte[token.Length];
        if (Convert.TryFromBase64String(token, bytes, out var length) && Encoding.UTF8.GetString(bytes, 0, length).Split('\n') is [var version, var key])
            return (version, key);
        throw new FormatException("invalid continue token: continue key is not valid: it was not made by this server");
    }

    byte[] ReadDocument(string name)
    {
        var path = Path.Combine(_recording.Path, "discovery", name);
        if (File.Exists(path))
            return File.ReadAllBytes(path);
        using var stream = new GZipStream(File.OpenRead(path + ".gz"), CompressionMode.Decompress);
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
