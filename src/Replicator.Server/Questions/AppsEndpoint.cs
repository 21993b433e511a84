using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Questions;
using Replicator.Core.Storage;

namespace Replicator.Server.Questions;

/// <summary><c>GET /api/v1/clusters/{cluster}/apps?at=</c>: workloads by what they belong to, with their health.</summary>
sealed class AppsEndpoint(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    static readonly string[] Parameters = ["at", "namespace", "labelSelector"];

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/v1/clusters/{cluster}/apps", HandleAsync)
        .Describe("ListApplications", "Lists workloads by what they belong to, with their health.", OpenApiDescriptions.Selected, typeof(AppList));

    async Task HandleAsync(HttpContext context, string cluster)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, Parameters).ConfigureAwait(false) is not { } request)
            return;
        var cut = request.Moment("at", Cut.Now);
        var groups = await Applications.ReadAsync(snapshots, cluster, cut, request.Namespace, request.Selector, context.RequestAborted).ConfigureAwait(false);
        var warnings = await RecordDoubts.FindAsync(snapshots, cluster, null, cut, context.RequestAborted).ConfigureAwait(false);
        await TypedResults.Ok(new AppList(cluster, QuestionRequest.Show(cut), warnings, [.. groups.Select(group => new AppAnswer(group.By, group.Namespace, group.Name, group.Version, group.Health.ToString(),
            [.. group.Workloads.Select(one => new AppWorkload(one.Type.Group, one.Type.Version, one.Type.Resource, one.Type.Kind, one.Object.Namespace, one.Object.Name, one.Object.Uid, one.Ready, one.Health.Status.ToString(), one.Health.Message))]))])).ExecuteAsync(context).ConfigureAwait(false);
    }
}

/// <summary>The applications of a moment.</summary>
sealed record AppList(string Cluster, string At, IReadOnlyList<string> Warnings, IReadOnlyList<AppAnswer> Items);

/// <summary>An application.</summary>
sealed record AppAnswer(string By, string Namespace, string Name, string Version, string Health, IReadOnlyList<AppWorkload> Workloads);

/// <summary>A workload of an application.</summary>
sealed record AppWorkload(string Group, string Version, string Resource, string Kind, string Namespace, string Name, string Uid, string Ready, string Health, string Message);
