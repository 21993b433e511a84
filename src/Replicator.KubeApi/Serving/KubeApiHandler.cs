using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.KubeApi.Tables;

namespace Replicator.KubeApi;

/// <summary>Serves the Kubernetes API, read-only, over a source of objects: version, discovery, OpenAPI, get, list and watch, and the reviews by which a client asks what it may do. Every error is a Status (meta/v1).</summary>
/// <param name="time">The clock of timeouts and bookmarks.</param>
/// <param name="stopping">Ends every watch: the process is about to end.</param>
public sealed class KubeApiHandler(TimeProvider time, CancellationToken stopping)
{
    const string Json = "application/json";

    readonly WatchHandler _watches = new(time, stopping);

    /// <summary>How often a watch that allows bookmarks gets one where nothing happens; a minute, as on the API server, where it is not set.</summary>
    public TimeSpan BookmarkPeriod
    {
        get => _watches.BookmarkPeriod;
        init => _watches.BookmarkPeriod = value;
    }

    /// <summary>Answers a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="path">Its path below the root of the API.</param>
    /// <param name="open">Opens the source; what it throws is answered as a Status too.</param>
    /// <param name="guard">Who decides what the caller may read; null where everybody may read everything. It is asked for the answers to reviews only: whoever comes here was let in.</param>
    public async Task HandleAsync(HttpContext context, string path, Func<CancellationToken, ValueTask<IObjectSource>> open, IReadAuthorizer? guard = null)
    {
        try
        {
            var source = await OpenAsync(context, open).ConfigureAwait(false);
            await RouteAsync(context, source, path.Trim('/').Split('/'), guard).ConfigureAwait(false);
        }
        catch (KubeApiException exception) when (!context.Response.HasStarted)
        {
            if (exception.Code == StatusCodes.Status504GatewayTimeout)
                context.Response.Headers.RetryAfter = "1";
            await KubeStatus.WriteAsync(context, exception).ConfigureAwait(false);
        }
        catch (StoreUnavailableException exception) when (!context.Response.HasStarted)
        {
            context.Response.Headers.RetryAfter = "1";
            await KubeStatus.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "ServiceUnavailable", exception.Message).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone; there is nobody to tell.
        }
    }

    Task RouteAsync(HttpContext context, IObjectSource source, string[] path, IReadAuthorizer? guard)
    {
        var method = context.Request.Method;
        if (HttpMethods.IsPost(method) && Reviews.Find(path) is { } review)
            return review(context, source, guard);
        if (!HttpMethods.IsGet(method) && !HttpMethods.IsHead(method))
            throw NotAllowed(source, "the server does not allow this method on the requested resource");
        return path switch
        {
            [""] => WriteTextAsync(context, """{"paths":["/api","/apis","/healthz","/livez","/openapi/v2","/openapi/v3","/readyz","/version"]}""", Json),
            ["healthz" or "readyz" or "livez", ..] => WriteTextAsync(context, "ok", "text/plain; charset=utf-8"),
            ["version"] or ["openapi", ..] => DocumentAsync(context, source, string.Join('/', path)),
            ["api"] or ["apis"] or ["api", _] or ["apis", _] or ["apis", _, _] => DiscoveryAsync(context, source, string.Join('/', path)),
            ["api", var version, .. var rest] => ResourceAsync(context, source, "", version, rest),
            ["apis", var group, var version, .. var rest] => ResourceAsync(context, source, group, version, rest),
            _ => throw KubeApiException.NoResource(),
        };
    }

    Task ResourceAsync(HttpContext context, IObjectSource source, string group, string version, string[] path) => path switch
    {
        // The form in which old clients watch.
        ["watch", "namespaces", var scope, var resource] => CollectionAsync(context, source, group, version, resource, scope, name: null, isWatch: true),
        ["watch", "namespaces", var scope, var resource, var name] => CollectionAsync(context, source, group, version, resource, scope, name, isWatch: true),
        ["watch", var resource] => CollectionAsync(context, source, group, version, resource, null, name: null, isWatch: true),
        ["watch", var resource, var name] => CollectionAsync(context, source, group, version, resource, null, name, isWatch: true),
        ["namespaces", var name] => ObjectAsync(context, source, group, version, "namespaces", "", name),
        ["namespaces", var name, "status"] => ObjectAsync(context, source, group, version, "namespaces", "", name),
        ["namespaces", _, "finalize"] => throw KubeApiException.NoResource(),
        ["namespaces", var scope, var resource] => CollectionAsync(context, source, group, version, resource, scope, name: null, isWatch: false),
        ["namespaces", var scope, var resource, var name] => ObjectAsync(context, source, group, version, resource, scope, name),
        ["namespaces", var scope, var resource, var name, "status"] => ObjectAsync(context, source, group, version, resource, scope, name),
        ["namespaces", _, var resource, _, var subresource, ..] => throw Subresource(source, resource, subresource),
        [var resource] => CollectionAsync(context, source, group, version, resource, null, name: null, isWatch: false),
        [var resource, var name] => ObjectAsync(context, source, group, version, resource, "", name),
        [var resource, var name, "status"] => ObjectAsync(context, source, group, version, resource, "", name),
        [var resource, _, var subresource, ..] => throw Subresource(source, resource, subresource),
        _ => throw KubeApiException.NoResource(),
    };

    static KubeApiException NotAllowed(IObjectSource source, string what) => new(StatusCodes.Status405MethodNotAllowed, "MethodNotAllowed", $"{what}: {source.Refusal}", _ => { });

    static KubeApiException Subresource(IObjectSource source, string resource, string subresource) => subresource switch
    {
        "log" => NotAllowed(source, "the logs of containers are not recorded"),
        "exec" or "attach" or "portforward" or "proxy" => NotAllowed(source, $"there is no running {(resource == "pods" ? "container" : "server")} to reach by {subresource}"),
        _ => NotAllowed(source, $"{resource}/{subresource} is not recorded"),
    };

    static Task WriteTextAsync(HttpContext context, string text, string type)
    {
        context.Response.ContentType = type;
        return context.Response.WriteAsync(text, context.RequestAborted);
    }

    static async Task DocumentAsync(HttpContext context, IObjectSource source, string path)
    {
        // A client that knows protocol buffers only could not read what is recorded.
        if (context.Request.Headers.Accept.ToString() is { Length: > 0 } accept && !accept.Contains("json", StringComparison.OrdinalIgnoreCase) && !accept.Contains("*/*", StringComparison.Ordinal))
            throw new KubeApiException(StatusCodes.Status406NotAcceptable, "NotAcceptable", $"/{path} was recorded as JSON: only the following media types are accepted: application/json");
        if (await source.GetDocumentAsync(path, context.RequestAborted).ConfigureAwait(false) is not { } document)
            throw KubeApiException.NoResource($"/{path} was not recorded");
        context.Response.ContentType = Json;
        await context.Response.Body.WriteAsync(document, context.RequestAborted).ConfigureAwait(false);
    }

    static async Task DiscoveryAsync(HttpContext context, IObjectSource source, string path)
    {
        var aggregated = path is "api" or "apis" && context.Request.Headers.Accept.ToString().Contains("as=APIGroupDiscoveryList", StringComparison.Ordinal);
        var resources = await source.GetResourcesAsync(context.RequestAborted).ConfigureAwait(false);
        if (resources.Answer(path, aggregated) is not { } answer)
            throw KubeApiException.NoResource();
        context.Response.ContentType = aggregated ? ServedResources.AggregatedType : Json;
        if (aggregated)
        {
            // Clients keep discovery, and ask whether it is still what it was.
            context.Response.Headers.ETag = answer.ETag;
            context.Response.Headers.Vary = "Accept";
            context.Response.Headers.CacheControl = "public";
            if (context.Request.Headers.IfNoneMatch == answer.ETag)
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }
        }
        await context.Response.Body.WriteAsync(answer.Json, context.RequestAborted).ConfigureAwait(false);
    }

    static async ValueTask<ServedResource> FindAsync(IObjectSource source, string group, string version, string resource, CancellationToken cancellationToken) =>
        (await source.GetResourcesAsync(cancellationToken).ConfigureAwait(false)).Find(group, version, resource) ?? throw KubeApiException.NoResource();

    static async Task ObjectAsync(HttpContext context, IObjectSource source, string group, string version, string resource, string scope, string name)
    {
        var cancellationToken = context.RequestAborted;
        var served = await FindAsync(source, group, version, resource, cancellationToken).ConfigureAwait(false);
        if (served.Type.Namespaced != scope.Length > 0)
            throw KubeApiException.NoResource();
        var notOlderThan = context.Request.Query["resourceVersion"].ToString() is { Length: > 0 } wanted and not "0" ? wanted : null;
        if (notOlderThan is not null && !ResourceVersion.IsComparable(notOlderThan))
            throw KubeApiException.BadRequest($"resourceVersion: Invalid value: \"{notOlderThan}\": strconv.ParseUint: parsing \"{notOlderThan}\": invalid syntax");
        var representation = Representation.Choose(context.Request.Headers.Accept.ToString());
        var found = await source.GetAsync(served, scope, name, notOlderThan, cancellationToken).ConfigureAwait(false);
        await WarnAsync(context, source, served).ConfigureAwait(false);
        if (found is not { } stored)
        {
            await KubeStatus.NotFoundAsync(context, served.Type, name).ConfigureAwait(false);
            return;
        }
        var body = context.Response.BodyWriter;
        using var writer = await OpenWriterAsync(context, body, source, served, representation).ConfigureAwait(false);
        context.Response.ContentType = Json;
        writer.WriteSingle(stored.State, stored.ResourceVersion, writesColumns: true);
        await body.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    async Task CollectionAsync(HttpContext context, IObjectSource source, string group, string version, string resource, string? scope, string? name, bool isWatch)
    {
        var cancellationToken = context.RequestAborted;
        var served = await FindAsync(source, group, version, resource, cancellationToken).ConfigureAwait(false);
        if (scope is not null && !served.Type.Namespaced)
            throw KubeApiException.NoResource();
        if (name is not null)
            context.Request.QueryString = context.Request.QueryString.Add("fieldSelector", $"metadata.name={name}");
        var options = ListOptions.Read(context.Request, served, scope, isWatch);
        var representation = Representation.Choose(context.Request.Headers.Accept.ToString());
        await WarnAsync(context, source, served).ConfigureAwait(false);
        context.Response.ContentType = Json;
        if (options.IsWatch)
        {
            using var events = await OpenWriterAsync(context, context.Response.BodyWriter, source, served, representation).ConfigureAwait(false);
            await _watches.WatchAsync(context, source, served, options, events).ConfigureAwait(false);
            return;
        }
        var body = new LargeChunks(context.Response.BodyWriter);
        using var writer = await OpenWriterAsync(context, body, source, served, representation).ConfigureAwait(false);
        await ListAsync(body, source, served, options, writer, cancellationToken).ConfigureAwait(false);
    }

    static async Task ListAsync(LargeChunks body, IObjectSource source, ServedResource resource, ListOptions options, ObjectWriter writer, CancellationToken cancellationToken)
    {
        var selector = options.Selector;
        var token = options.Continue;
        var isLimited = options.Limit < long.MaxValue;
        var listing = await source.ListAsync(resource, new ListRequest
        {
            Namespace = selector.Namespace,
            Name = selector.Labels.Requirements.Count == 0 && (selector.Namespace is not null || !resource.Type.Namespaced) ? selector.Fields.Name : null,
            Labels = selector.Labels,
            After = token?.After,
            // One more than is given tells whether there is more; what a field selector leaves out is not known before.
            Limit = isLimited && selector.Fields.IsEverything ? options.Limit + 1 : long.MaxValue,
            ResourceVersion = options.ResourceVersion,
            IsExact = options.IsExact,
            Pinned = token is null ? null : (token.Anchor, token.ResourceVersion),
        }, cancellationToken).ConfigureAwait(false);

        var objects = Select(listing.Objects, selector, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using var _ = objects.ConfigureAwait(false);
        var items = new ItemSequence(writer, body);
        // The first object is read, and so converted, before the answer begins: what cannot be answered is then an error and not half a list.
        var any = await objects.MoveNextAsync().ConfigureAwait(false);
        var (count, last) = (0L, default(ObjectIdentity));
        for (; any && count < options.Limit; any = await objects.MoveNextAsync().ConfigureAwait(false))
        {
            if (count++ == 0)
                items.Begin(listing.ResourceVersion, isLimited);
            last = objects.Current.Object;
            items.Add(objects.Current.State);
            if (body.IsWorthSending)
                await body.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        if (count == 0)
            items.Begin(listing.ResourceVersion, isLimited);
        ContinueToken? next = null;
        if (any)
        {
            // What a selector leaves to come is not counted, as by the API server.
            long? remaining = selector.Labels.Requirements.Count > 0 || !selector.Fields.IsEverything ? null
                : token is null ? await listing.CountAsync(cancellationToken).ConfigureAwait(false) - count
                : token.Remaining - count;
            next = new ContinueToken(listing.ResourceVersion, listing.Anchor, (last.Namespace, last.Name), remaining);
        }
        items.End(listing.ResourceVersion, isLimited, next);
        await body.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    static async IAsyncEnumerable<StoredObject> Select(IAsyncEnumerable<StoredObject> objects, ObjectSelector selector, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var item in objects.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            if (selector.MatchesFields(item.Object, item.State))
                yield return item;
        }
    }

    static async ValueTask<ObjectWriter> OpenWriterAsync(HttpContext context, IBufferWriter<byte> body, IObjectSource source, ServedResource resource, Representation representation)
    {
        TableDefinition? table = null;
        if (representation.Kind == RepresentationKind.Table)
            table = TableDefinitions.For(resource.Type.Group, resource.Type.Version, resource.Type.Resource, await source.GetDefinitionAsync(resource, context.RequestAborted).ConfigureAwait(false));
        var include = context.Request.Query["includeObject"].ToString() switch
        {
            "" or "Metadata" => IncludeObject.Metadata,
            "None" => IncludeObject.None,
            "Object" => IncludeObject.Object,
            var other => throw KubeApiException.BadRequest($"unrecognized includeObject value: \"{other}\""),
        };
        return new ObjectWriter(body, representation, resource, table, include, source.Now);
    }

    /// <summary>Says in headers (RFC 7234, section 5.5) what is not known; kubectl prints them.</summary>
    static async ValueTask WarnAsync(HttpContext context, IObjectSource source, ServedResource resource)
    {
        foreach (var warning in await source.GetWarningsAsync(resource, context.RequestAborted).ConfigureAwait(false))
            Warn(context, warning);
    }

    static void Warn(HttpContext context, string warning)
    {
        var text = new StringBuilder("299 - \"");
        foreach (var character in warning)
        {
            // A header holds no more than ASCII, and its quotes are escaped.
            if (character is '"' or '\\')
                text.Append('\\');
            text.Append(character is >= ' ' and < (char)127 ? character : '?');
        }
        context.Response.Headers.Append("Warning", text.Append('"').ToString());
    }

    static async ValueTask<IObjectSource> OpenAsync(HttpContext context, Func<CancellationToken, ValueTask<IObjectSource>> open)
    {
        try
        {
            return await open(context.RequestAborted).ConfigureAwait(false);
        }
        catch (KubeApiException exception)
        {
            // Of what discovery is refused with, kubectl shows no message ("the server rejected our request for an unknown reason"); warnings it shows always.
            Warn(context, exception.Message);
            throw;
        }
    }
}
