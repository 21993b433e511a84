using System.Globalization;
using Microsoft.AspNetCore.Http;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Core.Time;

namespace Replicator.Server;

/// <summary>What a client asks of the recorded changes. Intervals are half-open: <c>[from, to)</c>.</summary>
sealed record ChangeQuery
{
    const int DefaultLimit = 500;
    const int MaxPage = 10_000;

    /// <summary>The parameters that are understood; <see cref="OpenApiDescriptions"/> describes each.</summary>
    public static readonly HashSet<string> Known = ["from", "to", "group", "resource", "namespace", "name", "after", "limit", "follow", "objects", "patches"];

    public required string Cluster { get; init; }
    public Cut? From { get; init; }
    public Cut? To { get; init; }
    public string? Group { get; init; }
    public string? Resource { get; init; }
    public string? Namespace { get; init; }
    public string? Name { get; init; }
    public long? After { get; init; }
    public long Limit { get; init; }
    public bool Follow { get; init; }
    public bool Objects { get; init; }
    public bool Patches { get; init; }

    /// <exception cref="FormatException">A parameter is unknown or malformed.</exception>
    public static ChangeQuery Read(HttpContext context, string cluster, bool isPage, TimeProvider time)
    {
        var query = context.Request.Query;
        foreach (var name in query.Keys)
        {
            if (!Known.Contains(name))
                throw new FormatException($"Unknown parameter '{name}': known are {string.Join(", ", Known)}.");
        }
        string? Text(string name) => query.TryGetValue(name, out var values) ? values.ToString() : null;
        long? Number(string name) => Text(name) is not { } text ? null
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw new FormatException($"{name}='{text}' is not a number of at least 0.");
        bool Flag(string name) => Text(name) switch
        {
            null or "false" or "0" => false,
            "" or "true" or "1" => true,
            var text => throw new FormatException($"{name}='{text}' is neither true nor false."),
        };
        Cut? Moment(string name) => Text(name) is { } text ? Instant.Parse(text, time) : null;

        var limit = Number("limit");
        // The browser's EventSource repeats the id of the last event when it reconnects.
        var after = context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last && long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var seen) ? seen : Number("after");
        return new ChangeQuery
        {
            Cluster = cluster,
            From = Moment("from"),
            To = Moment("to"),
            Group = Text("group"),
            Resource = Text("resource"),
            Namespace = Text("namespace"),
            Name = Text("name"),
            After = after,
            Limit = isPage ? Math.Min(limit ?? DefaultLimit, MaxPage) : limit ?? long.MaxValue,
            Follow = Flag("follow"),
            Objects = Flag("objects"),
            Patches = Flag("patches"),
        };
    }

    /// <summary>The streams to read, by the start of their names.</summary>
    public string StreamPrefix => Resource is { } resource && Group is { } group ? new StreamId(Cluster, new GroupResource(group, resource)).Name : $"k8s-{Cluster}-{Resource}";

    public bool Matches(RecordedEvent recorded)
    {
        var metadata = recorded.Metadata;
        return metadata.Cluster == Cluster
            && (Group is null || metadata.Type.Group == Group)
            && (Resource is null || metadata.Type.Resource == Resource)
            && (Namespace is null || metadata.Object.Namespace == Namespace)
            && (Name is null || metadata.Object.Name == Name)
            && (From is not { } from || from.Kind == CutKind.Now || !IsBefore(metadata, from))
            && (To is not { } to || IsBefore(metadata, to));
    }

    // A gap lies behind the last version known before it; what the observer says besides without a version says nothing that a version could cut.
    static string Version(EventMetadata metadata) =>
        ResourceVersion.IsComparable(metadata.ResourceVersion) ? metadata.ResourceVersion : metadata.GapFrom is { } from && ResourceVersion.IsComparable(from) ? from : "0";

    // By time, an event belongs to [from, to) by its own moment. A resource version names the state after its change, so rv:N stands for the moment right behind it.
    static bool IsBefore(EventMetadata metadata, Cut cut) => cut.Kind switch
    {
        CutKind.Time => HashChain.Microseconds(metadata.ObservedAt) < cut.Value,
        CutKind.ResourceVersion => ResourceVersion.Compare(Version(metadata), cut.Version) <= 0,
        _ => true,
    };
}
