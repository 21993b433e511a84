using System.Diagnostics.Metrics;
using System.Security.Claims;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Replicator.Server.Access;

/// <summary>
/// Lets in who may read and keeps everybody else out, each endpoint by its rule (docs/access.md). Refusals are Status objects (meta/v1), as an API server words them; each is counted (<c>replicator.access.denied</c>) and logged, without the token.
/// </summary>
sealed partial class AccessControl(AccessOptions options, ILogger<AccessControl> log)
{
    const string Scheme = "Bearer ";

    static readonly Meter Meter = new("Replicator.Server");
    static readonly Counter<long> Denied = Meter.CreateCounter<long>("replicator.access.denied", "{request}", "Requests that were refused: without a valid token (401), without the right (403), or because the cluster that would know did not answer (503).");

    public async Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        if (options.IsOpen)
        {
            Caller.Current = AnyCaller.Instance;
            await next(context).ConfigureAwait(false);
            return;
        }
        // What is not there is not there for anybody, nor is a method that no endpoint takes.
        if (context.GetEndpoint() is not RouteEndpoint endpoint)
        {
            await next(context).ConfigureAwait(false);
            return;
        }
        try
        {
            var caller = Identify(context.Request);
            if (await AdmitAsync(context, endpoint, caller).ConfigureAwait(false))
            {
                Caller.Current = caller;
                // For what answers kubectl auth whoami.
                if (caller is not AnonymousCaller)
                    context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, caller.Name)], Scheme.Trim()));
                await next(context).ConfigureAwait(false);
            }
        }
        catch (AccessDeniedException exception) when (!context.Response.HasStarted)
        {
            await RefuseAsync(context, exception.Caller, exception.Cluster, exception.Attributes, exception.Message).ConfigureAwait(false);
        }
        catch (ReviewUnavailableException exception) when (!context.Response.HasStarted)
        {
            context.Response.Headers.RetryAfter = "1";
            await WriteAsync(context, "unknown", ClusterOf(context), StatusCodes.Status503ServiceUnavailable, "ServiceUnavailable", $"who may read this could not be found out: {exception.Message}", null).ConfigureAwait(false);
        }
    }

    /// <summary>Whose token it is that the request bears; the cluster is not asked yet.</summary>
    Caller Identify(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        // Of other schemes there are none here, and what they say says nothing.
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return new AnonymousCaller(options.Reviews);
        var token = header[Scheme.Length..].Trim();
        var hash = StaticToken.Hash(token);
        StaticToken? known = null;
        // All of them, and each in the same time, so that the time tells nothing of how much was right.
        foreach (var candidate in options.LocalToken is { } local ? options.Tokens.Append(local) : options.Tokens)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, candidate.Sha256.Span))
                known = candidate;
        }
        return known is not null ? new StaticCaller(known) : options.Reviews is { } reviews ? new ReviewedCaller(token, reviews) : new UnknownCaller();
    }

    async ValueTask<bool> AdmitAsync(HttpContext context, Endpoint endpoint, Caller caller)
    {
        var cancellationToken = context.RequestAborted;
        var path = AccessAttributes.OfPath(context.Request.Method.ToLowerInvariant(), context.Request.Path);
        switch (AccessRules.Find(endpoint))
        {
            case AccessRule.Public:
                return true;

            case AccessRule.Known:
                if (await caller.IsKnownAnywhereAsync(cancellationToken).ConfigureAwait(false))
                    return true;
                return caller is AnonymousCaller ? await RefuseAsync(context, caller, null, path, path.Refusal(caller.Name, null)).ConfigureAwait(false) : await RejectAsync(context, caller).ConfigureAwait(false);

            case AccessRule.Metrics when await caller.MayReadMetricsAsync(cancellationToken).ConfigureAwait(false):
                return true;

            case AccessRule.Metrics or AccessRule.Operator:
                if (await caller.MayOperateAsync(cancellationToken).ConfigureAwait(false))
                    return true;
                return caller is AnonymousCaller || await caller.IsKnownAnywhereAsync(cancellationToken).ConfigureAwait(false)
                    ? await RefuseAsync(context, caller, null, path, path.Refusal(caller.Name, "it takes a token without limits, or an administrator of every cluster that is collected here")).ConfigureAwait(false)
                    : await RejectAsync(context, caller).ConfigureAwait(false);

            case AccessRule.Cluster:
                var cluster = ClusterOf(context)!;
                if (caller is AnonymousCaller)
                    return await RefuseAsync(context, caller, cluster, path, path.Refusal(caller.Name, null)).ConfigureAwait(false);
                return await IsKnownAsync(context, caller, cluster).ConfigureAwait(false);

            case AccessRule.Kubernetes:
                return await AdmitToKubernetesAsync(context, caller).ConfigureAwait(false);

            default:
                return await RefuseAsync(context, caller, ClusterOf(context), path, path.Refusal(caller.Name, "nobody has said who may call this endpoint")).ConfigureAwait(false);
        }
    }

    async ValueTask<bool> AdmitToKubernetesAsync(HttpContext context, Caller caller)
    {
        var cluster = ClusterOf(context)!;
        if (caller is not AnonymousCaller && !await IsKnownAsync(context, caller, cluster).ConfigureAwait(false))
            return false;
        var request = context.Request;
        // /clusters/{cluster}/as-of/{instant}/...: what is below the fourth part is the API's own.
        var path = string.Join('/', request.Path.Value!.Trim('/').Split('/').Skip(4));
        var attributes = KubernetesPath.Read(request.Method, path, request.Query);
        // Who asks what he may do changes nothing, whatever the method is called; all other writing is refused behind this door, to those who are known.
        if (attributes.Verb is not ("get" or "list" or "watch") && caller is not AnonymousCaller)
            return true;
        await caller.DemandAsync(cluster, attributes, context.RequestAborted).ConfigureAwait(false);
        return true;
    }

    async ValueTask<bool> IsKnownAsync(HttpContext context, Caller caller, string cluster)
    {
        if (await caller.IsKnownAsync(cluster, context.RequestAborted).ConfigureAwait(false))
            return true;
        // A token of the configuration is valid, but not here.
        return caller is StaticCaller
            ? await RefuseAsync(context, caller, cluster, default, $"forbidden: the token '{caller.Name}' is not for cluster '{cluster}'").ConfigureAwait(false)
            : await RejectAsync(context, caller).ConfigureAwait(false);
    }

    async ValueTask<bool> RejectAsync(HttpContext context, Caller caller)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        await WriteAsync(context, caller.Name, ClusterOf(context), StatusCodes.Status401Unauthorized, "Unauthorized", "Unauthorized", null).ConfigureAwait(false);
        return false;
    }

    async ValueTask<bool> RefuseAsync(HttpContext context, Caller caller, string? cluster, AccessAttributes attributes, string message)
    {
        await WriteAsync(context, caller.Name, cluster, StatusCodes.Status403Forbidden, "Forbidden", message, attributes).ConfigureAwait(false);
        return false;
    }

    async Task WriteAsync(HttpContext context, string user, string? cluster, int code, string reason, string message, AccessAttributes? attributes)
    {
        Denied.Add(1, new KeyValuePair<string, object?>("cluster", cluster ?? ""), new KeyValuePair<string, object?>("code", code));
        LogDenied(log, code, context.Request.Method, context.Request.Path, user, message);
        context.Response.StatusCode = code;
        await StatusAnswer.WriteAsync(context, code, reason, message, attributes).ConfigureAwait(false);
    }

    static string? ClusterOf(HttpContext context) => context.Request.RouteValues.TryGetValue("cluster", out var cluster) ? cluster as string : null;

    [LoggerMessage(Level = LogLevel.Warning, Message = "refused ({Code}): {Method} {Path} for {User}: {Reason}")]
    static partial void LogDenied(ILogger log, int code, string method, string path, string user, string reason);

    /// <summary>Who has shown a token that nobody here could know.</summary>
    sealed class UnknownCaller : Caller
    {
        public override string Name => "unknown";

        public override ValueTask<bool> IsKnownAsync(string cluster, CancellationToken cancellationToken) => new(false);

        public override ValueTask<AccessVerdict> MayAsync(string cluster, AccessAttributes attributes, CancellationToken cancellationToken) => new(new AccessVerdict(false, null));

        public override ValueTask<bool> MayOperateAsync(CancellationToken cancellationToken) => new(false);

        public override ValueTask<bool> IsKnownAnywhereAsync(CancellationToken cancellationToken) => new(false);
    }
}
