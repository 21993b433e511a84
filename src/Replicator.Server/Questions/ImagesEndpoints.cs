using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Replicator.Core.Kubernetes;
using Replicator.Core.Questions;
using Replicator.Core.Storage;

namespace Replicator.Server.Questions;

/// <summary>What ran: <c>/images?at=</c> (the containers of a moment), <c>/images/runs?digest=</c> (from when to when an image ran) and <c>/runtimes</c> (versions of runtimes and kubelets over time).</summary>
sealed class ImagesEndpoints(IEventStore events, ISnapshotStore snapshots, TimeProvider time)
{
    static readonly string[] ListParameters = ["at", "namespace", "labelSelector"];
    static readonly string[] RunParameters = ["digest", "from", "to", "namespace"];
    static readonly string[] RuntimeParameters = ["at"];
    static readonly GroupResource Pods = new("", "pods"), Nodes = new("", "nodes");

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/clusters/{cluster}/images", ListAsync)
            .Describe("ListImages", "Lists the containers of a moment with their images.", OpenApiDescriptions.Images, typeof(ImageList));
        routes.MapGet("/api/v1/clusters/{cluster}/images/runs", RunsAsync)
            .Describe("ListImageRuns", "Lists when and where an image ran.", OpenApiDescriptions.Runs, typeof(RunList));
        routes.MapGet("/api/v1/clusters/{cluster}/runtimes", RuntimesAsync)
            .Describe("ListRuntimes", "Lists which container runtime, kubelet and kernel each node ran over time.", OpenApiDescriptions.Runtimes, typeof(RuntimeList));
    }

    async Task ListAsync(HttpContext context, string cluster)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, ListParameters).ConfigureAwait(false) is not { } request)
            return;
        var cut = request.Moment("at", Cut.Now);
        var items = new List<ImageAnswer>();
        await foreach (var one in ContainerImages.ListAsync(snapshots, cluster, cut, request.Namespace, request.Selector, context.RequestAborted).ConfigureAwait(false))
            items.Add(ImageAnswer.Of(one));
        var warnings = await RecordDoubts.FindAsync(snapshots, cluster, [Pods], cut, context.RequestAborted).ConfigureAwait(false);
        await TypedResults.Ok(new ImageList(cluster, QuestionRequest.Show(cut), warnings, items)).ExecuteAsync(context).ConfigureAwait(false);
    }

    async Task RunsAsync(HttpContext context, string cluster)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, RunParameters).ConfigureAwait(false) is not { } request)
            return;
        var digest = request.Text("digest") ?? throw new FormatException("digest is missing: it names the image, such as digest=sha256:4bcf....");
        var runs = await ContainerImages.FindRunsAsync(events, cluster, digest, request.Time("from"), request.Time("to"), request.Namespace, context.RequestAborted).ConfigureAwait(false);
        var gaps = await snapshots.GetGapsAsync(cluster, Pods, context.RequestAborted).ConfigureAwait(false);
        await TypedResults.Ok(new RunList(cluster, digest, [.. gaps.Select(gap => new RunGap(gap.From is { } from ? Times.Text(from) : null, gap.To is { } to ? Times.Text(to) : null, gap.Reason))],
            [.. runs.Select(run => new RunAnswer(ImageAnswer.Of(run.Container) with { State = null, Since = null }, Times.Text(run.From), run.IsFromBefore, run.To is { } to ? Times.Text(to) : null, run.IsToBefore, run.HasGap))])).ExecuteAsync(context).ConfigureAwait(false);
    }

    async Task RuntimesAsync(HttpContext context, string cluster)
    {
        if (await QuestionRequest.ReadAsync(context, cluster, events, snapshots, time, RuntimeParameters).ConfigureAwait(false) is not { } request)
            return;
        var periods = await NodeRuntimes.ReadAsync(events, cluster, request.Time("at"), context.RequestAborted).ConfigureAwait(false);
        var warnings = await RecordDoubts.FindAsync(snapshots, cluster, [Nodes], request.Moment("at", Cut.Now), context.RequestAborted).ConfigureAwait(false);
        await TypedResults.Ok(new RuntimeList(cluster, warnings, [.. periods.Select(period => new RuntimeAnswer(period.Node, period.Uid, period.Runtime, period.Kubelet, period.Kernel, period.OsImage, period.Architecture,
            Times.Text(period.From), period.IsFromBefore, period.To is { } to ? Times.Text(to) : null))])).ExecuteAsync(context).ConfigureAwait(false);
    }
}

/// <summary>The containers of a moment.</summary>
sealed record ImageList(string Cluster, string At, IReadOnlyList<string> Warnings, IReadOnlyList<ImageAnswer> Items);

/// <summary>A container with its image.</summary>
sealed record ImageAnswer(string Namespace, string Pod, string Uid, string Container, string Kind, string Image, string ImageId, string Digest, string Runtime, string ContainerId, string Node, string? State, string? Since)
{
    public static ImageAnswer Of(ContainerImage one) => new(one.Pod.Namespace, one.Pod.Name, one.Pod.Uid, one.Container, one.Kind, one.Image, one.ImageId, one.Digest, one.Runtime, one.ContainerId, one.Node, one.State, one.Since is { } since ? Times.Text(since) : null);
}

/// <summary>From when to when an image ran, and what of that time was not observed.</summary>
sealed record RunList(string Cluster, string Digest, IReadOnlyList<RunGap> Gaps, IReadOnlyList<RunAnswer> Items);

/// <summary>A gap in the record of pods; without a beginning, what was before the record.</summary>
sealed record RunGap(string? From, string? To, string Reason);

/// <summary>A run of a container; one without an end still runs.</summary>
sealed record RunAnswer(ImageAnswer Container, string From, bool FromIsBefore, string? To, bool ToIsBefore, bool Gap);

/// <summary>Versions of nodes over time.</summary>
sealed record RuntimeList(string Cluster, IReadOnlyList<string> Warnings, IReadOnlyList<RuntimeAnswer> Items);

/// <summary>A period in which a node's versions stayed the same.</summary>
sealed record RuntimeAnswer(string Node, string Uid, string Runtime, string Kubelet, string Kernel, string OsImage, string Architecture, string From, bool FromIsBefore, string? To);
