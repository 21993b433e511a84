using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Storage;
using Replicator.KubeApi;
using Replicator.Server.Access;

namespace Replicator.Server;

/// <summary>The clusters at any instant: below <c>/clusters/{cluster}/as-of/{instant}</c> as a Kubernetes API, at <c>/api/v1/clusters/{cluster}/as-of/{instant}</c> what the instant is and whether all is known of it.</summary>
sealed class AsOfEndpoints(TimeMachine machine, TimeProvider time, CancellationToken stopping)
{
    readonly KubeApiHandler _kubernetes = new(time, stopping);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.Map("/clusters/{cluster}/as-of/{instant}/{**path}", ServeAsync);
        routes.MapGet("/api/v1/clusters/{cluster}/as-of/{instant}", DescribeAsync)
            .Describe("GetInstant", "Says what an instant of a cluster is, and whether everything is known of it.", [], typeof(InstantState));
    }

    Task ServeAsync(HttpContext context)
    {
        var route = context.Request.RouteValues;
        // The very path that access was decided by.
        var path = string.Join('/', context.Request.Path.Value!.Trim('/').Split('/').Skip(4));
        return _kubernetes.HandleAsync(context, path, async cancellationToken => await machine.OpenAsync((string)route["cluster"]!, (string)route["instant"]!, cancellationToken).ConfigureAwait(false),
            Caller.Current is { SeesEverything: false } caller ? new CallerReads(caller, (string)route["cluster"]!) : null);
    }

    async Task<IResult> DescribeAsync(string cluster, string instant, CancellationToken cancellationToken)
    {
        try
        {
            var past = await machine.OpenAsync(cluster, instant, cancellationToken).ConfigureAwait(false);
            var gaps = await past.GetGapsAsync(null, cancellationToken).ConfigureAwait(false);
            return TypedResults.Ok(new InstantState(cluster, instant, Times.Text(past.Now), past.Cut.Kind == CutKind.ResourceVersion ? past.Cut.Version : null, gaps.Count == 0,
                [.. gaps.Select(gap => new Gap(gap.Type.Group, gap.Type.Resource, gap.Position, gap.FromResourceVersion, gap.ToResourceVersion, gap.From is { } from ? Times.Text(from) : null, gap.To is { } to ? Times.Text(to) : null, gap.Reason))]));
        }
        catch (KubeApiException exception)
        {
            return TypedResults.Problem(statusCode: exception.Code, title: exception.Code == StatusCodes.Status404NotFound ? "Not found" : "Bad request", detail: exception.Message);
        }
    }
}

/// <summary>An instant of a cluster.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Instant">As it was asked for.</param>
/// <param name="Time">The moment that ages count to.</param>
/// <param name="ResourceVersion">The version that it names, where it names one.</param>
/// <param name="Complete">Whether it lies in no gap of any type, and not before the record of one began.</param>
/// <param name="Gaps">Those in which it lies.</param>
sealed record InstantState(string Cluster, string Instant, string Time, string? ResourceVersion, bool Complete, IReadOnlyList<Gap> Gaps);
