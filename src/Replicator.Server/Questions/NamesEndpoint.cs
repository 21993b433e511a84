using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Storage;

namespace Replicator.Server.Questions;

/// <summary><c>GET /api/v1/clusters/{cluster}/names?resource=</c>: the names that objects of a type bear now; what shells complete from.</summary>
sealed class NamesEndpoint(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    const int DefaultLimit = 200;

    static readonly string[] Parameters = ["resource", "namespace", "prefix", "limit"];

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/v1/clusters/{cluster}/names", HandleAsync)
        .Describe("ListNames", "Lists the names that objects of a type bear now.", OpenApiDescriptions.Names, typeof(NameList));

    async Task HandleAsync(HttpContext context, string cluster)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, Parameters).ConfigureAwait(false) is not { } request
            || await request.FindObjectAsync(request.Text("resource") ?? throw new FormatException("resource is missing: it names the type, such as resource=pods."), request.Namespace).ConfigureAwait(false) is not var (type, _))
            return;
        var limit = request.Text("limit") is not { } text ? DefaultLimit : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw new FormatException($"limit='{text}' is not a number of at least 0.");
        var (names, prefix) = (new SortedSet<string>(StringComparer.Ordinal), request.Text("prefix") ?? "");
        await foreach (var (one, _) in snapshots.ListLiveAsync(cluster, type.GroupResource, context.RequestAborted).ConfigureAwait(false))
        {
            if (names.Count >= limit)
                break;
            if ((request.Namespace is not { } wanted || one.Namespace == wanted) && one.Name.StartsWith(prefix, StringComparison.Ordinal))
                names.Add(one.Name);
        }
        await TypedResults.Ok(new NameList(cluster, type.GroupResource.ToString(), [.. names])).ExecuteAsync(context).ConfigureAwait(false);
    }
}

/// <summary>Names, without repetition.</summary>
sealed record NameList(string Cluster, string Type, IReadOnlyList<string> Items);
