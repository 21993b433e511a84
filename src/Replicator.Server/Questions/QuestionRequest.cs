using Microsoft.AspNetCore.Http;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Core.Time;

namespace Replicator.Server.Questions;

/// <summary>A question of history: of which cluster, and its parameters. The route's values <c>cluster</c>, <c>resource</c>, <c>namespace</c> and <c>name</c>, and the parameters <c>resource</c> and <c>namespace</c>, mean the same in all of them.</summary>
sealed class QuestionRequest
{
    readonly HttpContext _context;
    readonly IEventStore _events;
    readonly TimeProvider _time;

    QuestionRequest(HttpContext context, string cluster, IEventStore events, TimeProvider time, IReadOnlyList<TypeStatus> recorded) =>
        (_context, Cluster, _events, _time, Recorded) = (context, cluster, events, time, recorded);

    public string Cluster { get; }

    /// <summary>What is recorded of the cluster.</summary>
    public IReadOnlyList<TypeStatus> Recorded { get; }

    /// <summary>Only this namespace; null for all.</summary>
    public string? Namespace => Text("namespace") is { Length: > 0 } text ? text : null;

    /// <summary>Only objects with these labels.</summary>
    public LabelSelector Selector => Text("labelSelector") is { } text ? LabelSelector.Parse(text) : LabelSelector.Everything;

    /// <summary>Reads a question; null where nothing is recorded of the cluster, which the client then has been told.</summary>
    /// <param name="context">The request.</param>
    /// <param name="cluster">The cluster.</param>
    /// <param name="events">The log.</param>
    /// <param name="snapshots">The projection.</param>
    /// <param name="time">The clock.</param>
    /// <param name="parameters">The parameters that this question has.</param>
    /// <exception cref="FormatException">A parameter is unknown.</exception>
    public static async ValueTask<QuestionRequest?> ReadAsync(HttpContext context, string cluster, IEventStore events, ISnapshotStore snapshots, TimeProvider time, IReadOnlyList<string> parameters)
    {
        foreach (var name in context.Request.Query.Keys)
        {
            // A silent answer to another question would be worse than none.
            if (!parameters.Contains(name))
                throw new FormatException($"Unknown parameter '{name}': {(parameters.Count == 0 ? "there are none here" : $"known are {string.Join(", ", parameters)}")}.");
        }
        var recorded = await snapshots.GetTypesAsync(cluster, context.RequestAborted).ConfigureAwait(false);
        if (recorded.Count > 0)
            return new QuestionRequest(context, cluster, events, time, recorded);
        await Problems.NotFoundAsync(context, $"Nothing was recorded of a cluster '{cluster}'.").ConfigureAwait(false);
        return null;
    }

    public string? Text(string name) => _context.Request.Query.TryGetValue(name, out var values) ? values.ToString() : null;

    /// <exception cref="FormatException">The value is neither true nor false.</exception>
    public bool Flag(string name) => Text(name) switch
    {
        null or "false" or "0" => false,
        "" or "true" or "1" => true,
        var text => throw new FormatException($"{name}='{text}' is neither true nor false."),
    };

    /// <summary>An instant, or another where the parameter is absent.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public Cut Moment(string name, Cut absent) => Text(name) is { } text ? Instant.Parse(text, _time) : absent;

    /// <summary>An instant that must be a time.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public DateTimeOffset? Time(string name) => Text(name) is not { } text ? null : Instant.Parse(text, _time) switch
    {
        { Kind: CutKind.Now } => null,
        { Kind: CutKind.Time } cut => HashChain.FromMicroseconds(cut.Value),
        _ => throw new FormatException($"{name}='{text}' is a resource version: here a time is needed, such as 2026-01-31T03:00:00Z or -2h."),
    };

    /// <summary>The types that <c>resource</c> names (it may be repeated, and hold several with commas between); null for all.</summary>
    /// <exception cref="FormatException">One of them is not recorded.</exception>
    public async ValueTask<IReadOnlyCollection<GroupResource>?> TypesAsync()
    {
        if (!_context.Request.Query.TryGetValue("resource", out var values))
            return null;
        var types = new HashSet<GroupResource>();
        foreach (var name in values.SelectMany(value => (value ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
            types.Add((await FindTypeAsync(name).ConfigureAwait(false) ?? throw new FormatException(NoType(name))).GroupResource);
        return types.Count == 0 ? null : types;
    }

    /// <summary>A type by what people call it; null where it is not recorded.</summary>
    public async ValueTask<ResourceType?> FindTypeAsync(string name) =>
        TypeNames.Find(Recorded, name) ?? (await ShortNames.FindAsync(_events, Cluster, name, _context.RequestAborted).ConfigureAwait(false) is { } found ? Recorded.FirstOrDefault(status => status.Type.GroupResource == found)?.Type : null);

    /// <summary>The type and namespace of an object that the route names; null where the type is not recorded, which the client then has been told.</summary>
    /// <remarks>Where a namespace is needed and none is named, it is <c>default</c>, as it is for kubectl.</remarks>
    public async ValueTask<(ResourceType Type, string Namespace)?> FindObjectAsync(string resource, string? @namespace)
    {
        if (await FindTypeAsync(resource).ConfigureAwait(false) is { } type)
            return (type, type.Namespaced ? @namespace ?? "default" : "");
        await Problems.NotFoundAsync(_context, NoType(resource)).ConfigureAwait(false);
        return null;
    }

    /// <summary>Says that an object was never there, or not at a moment.</summary>
    public Task NoObjectAsync(ResourceType type, string @namespace, string name, string? at) => Problems.NotFoundAsync(_context, at is null
        ? $"Cluster '{Cluster}' has never had {type.GroupResource} '{Show(@namespace, name)}' since recording began."
        : $"Cluster '{Cluster}' had no {type.GroupResource} '{Show(@namespace, name)}' at {at}: 'replicator history' says when it had.");

    /// <summary>An instant as it is repeated in answers.</summary>
    public static string Show(Cut cut) => cut.Kind switch
    {
        CutKind.Time => Times.Text(HashChain.FromMicroseconds(cut.Value)),
        CutKind.ResourceVersion => $"rv:{cut.Version}",
        _ => "now",
    };

    string NoType(string name) => $"Cluster '{Cluster}' has no recorded type '{name}': write a kind, a plural, a short name or plural.group, such as Pod, pods, po or deployments.apps.";

    static string Show(string @namespace, string name) => @namespace.Length == 0 ? name : $"{@namespace}/{name}";
}
