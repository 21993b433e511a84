using System.Runtime.CompilerServices;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.TestKit;

namespace Replicator.Bus.Tests;

/// <summary>Changes of made-up objects.</summary>
static class Changes
{
    public static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);

    /// <summary>The n-th version of an object.</summary>
    public static ProposedEvent Modified(string cluster, ResourceType type, string @namespace, string name, int version, string? traceParent = null) => Event(cluster, type, @namespace, name, version, EventType.ObjectModified) is var proposed && traceParent is null
        ? proposed
        : new ProposedEvent { Id = proposed.Id, Type = proposed.Type, Metadata = proposed.Metadata with { TraceParent = traceParent }, State = proposed.State, Hash = proposed.Hash };

    public static ProposedEvent Event(string cluster, ResourceType type, string @namespace, string name, int version, EventType eventType) => new()
    {
        Id = name.Length == 0 ? EventId.ForPlace(new StreamId(cluster, type.GroupResource), version, eventType) : EventId.ForObject(cluster, $"uid-{@namespace}-{name}", $"{version}", 0, eventType),
        Type = eventType,
        Metadata = new EventMetadata
        {
            Cluster = cluster,
            Type = type,
            Object = name.Length == 0 ? new ObjectIdentity("", "", "") : new ObjectIdentity(@namespace, name, $"uid-{@namespace}-{name}"),
            ResourceVersion = $"{version}",
            ObservedAt = DateTimeOffset.UnixEpoch,
            Provenance = Provenance.Watch,
            GapFrom = eventType == EventType.GapObserved ? "" : null,
            Reason = eventType == EventType.GapObserved ? "first start" : null,
        },
        State = "{}"u8.ToArray(),
        Hash = new byte[HashChain.HashLength],
    };

    /// <summary>A batch of versions, of some objects in turn.</summary>
    public static ValueTask<AppendResult> AppendAsync(IEventStore store, string cluster, int first, int count, int objects, CancellationToken cancellationToken) => store.AppendAsync(
        new StreamId(cluster, Pods.GroupResource), ExpectedRevision.Any, [.. Enumerable.Range(first, count).Select(version => Modified(cluster, Pods, "shop", $"web-{version % objects}", version))], cancellationToken);

    public static Task Until(Func<bool> condition, CancellationToken cancellationToken, [CallerArgumentExpression(nameof(condition))] string text = "") =>
        Eventually.HoldsAsync(condition, cancellationToken, longest: Eventually.Work, text: text);
}

/// <summary>A place for positions that can be watched.</summary>
sealed class Checkpoints : ICheckpointStore
{
    long _position;

    public long Position => Volatile.Read(ref _position);

    /// <summary>Called before a position is stored; what it throws, the write throws.</summary>
    public Action<long>? BeforeWrite { get; set; }

    public ValueTask<long> ReadAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult(Position);

    public ValueTask WriteAsync(string name, long position, CancellationToken cancellationToken)
    {
        BeforeWrite?.Invoke(position);
        Volatile.Write(ref _position, position);
        return ValueTask.CompletedTask;
    }
}
