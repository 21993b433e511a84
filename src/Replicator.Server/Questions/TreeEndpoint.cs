using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Questions;
using Replicator.Core.Storage;

namespace Replicator.Server.Questions;

/// <summary><c>GET /api/v1/clusters/{cluster}/tree/{resource}[/{namespace}]/{name}?at=</c>: the owners of an object and what it owns, with their health.</summary>
sealed class TreeEndpoint(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    static readonly string[] Parameters = ["at"];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/clusters/{cluster}/tree/{resource}/{name}", (HttpContext context, string cluster, string resource, string name) => HandleAsync(context, cluster, resource, null, name))
            .Describe("GetClusterScopedTree", "Shows the owners and the dependants of an object without a namespace (or of the namespace default), with their health.", OpenApiDescriptions.At, typeof(TreeAnswer));
        routes.MapGet("/api/v1/clusters/{cluster}/tree/{resource}/{namespace}/{name}", (HttpContext context, string cluster, string resource, string @namespace, string name) => HandleAsync(context, cluster, resource, @namespace, name))
            .Describe("GetTree", "Shows the owners and the dependants of an object of a namespace, with their health.", OpenApiDescriptions.At, typeof(TreeAnswer));
    }

    async Task HandleAsync(HttpContext context, string cluster, string resource, string? @namespace, string name)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, Parameters).ConfigureAwait(false) is not { } request
            || await request.FindObjectAsync(resource, @namespace).ConfigureAwait(false) is not var (type, scope))
            return;
        var cut = request.Moment("at", Cut.Now);
        if (await OwnerTree.ReadAsync(snapshots, cluster, type, scope, name, cut, context.RequestAborted).ConfigureAwait(false) is not { } tree)
        {
            await request.NoObjectAsync(type, scope, name, QuestionRequest.Show(cut)).ConfigureAwait(false);
            return;
        }
        var warnings = await RecordDoubts.FindAsync(snapshots, cluster, null, cut, context.RequestAborted).ConfigureAwait(false);
        await TypedResults.Ok(new TreeAnswer(cluster, QuestionRequest.Show(cut), warnings, Of(tree))).ExecuteAsync(context).ConfigureAwait(false);
    }

    static TreeItem Of(TreeNode node) => new(node.Type.Group, node.Type.Version, node.Type.Resource, node.Type.Kind, node.Object.Namespace, node.Object.Name, node.Object.Uid, node.Health.Status.ToString(), node.Health.Message, node.Ready,
        node.Created is { } created ? Times.Text(created) : null, node.IsSubject, node.IsCut, [.. node.Owners.Select(owner => new TreeOwner(owner.ApiVersion, owner.Kind, owner.Name, owner.Uid, owner.IsController))], [.. node.Dependants.Select(Of)]);
}

/// <summary>A tree of owners.</summary>
sealed record TreeAnswer(string Cluster, string At, IReadOnlyList<string> Warnings, TreeItem Root);

/// <summary>An object in it.</summary>
sealed record TreeItem(string Group, string Version, string Resource, string Kind, string Namespace, string Name, string Uid, string Health, string Message, string Ready, string? Created, bool Subject, bool Cut,
    IReadOnlyList<TreeOwner> Owners, IReadOnlyList<TreeItem> Dependants);

/// <summary>An owner as an object names it.</summary>
sealed record TreeOwner(string ApiVersion, string Kind, string Name, string Uid, bool Controller);
