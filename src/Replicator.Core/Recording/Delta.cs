using Replicator.Core.Events;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Recording;

/// <summary>One thing that a reflector learned, in the order in which it learned it. What a collector hands to the recorder.</summary>
/// <remarks>
/// The delta owns <see cref="Object"/>; the recorder has taken what it needs by the time it returns, so that the source may reuse the buffer.
/// </remarks>
public readonly record struct Delta
{
    /// <summary>What was learned.</summary>
    public required DeltaKind Kind { get; init; }

    /// <summary>The resource version: of the object, of the bookmark, or of the list.</summary>
    public required string ResourceVersion { get; init; }

    /// <summary>When it was observed, in UTC.</summary>
    public required DateTimeOffset ObservedAt { get; init; }

    /// <summary>How it was observed.</summary>
    public required Provenance Provenance { get; init; }

    /// <summary>The type in the version that was watched.</summary>
    public required ResourceType Type { get; init; }

    /// <summary>The object as the server wrote it (raw JSON, <c>apiVersion</c> and <c>kind</c> present); empty for what concerns no object.</summary>
    public ReadOnlyMemory<byte> Object { get; init; }

    /// <summary>Why changes could not be observed; only for <see cref="DeltaKind.Gap"/>.</summary>
    public string? Reason { get; init; }

    /// <summary>Whether the server's versions run backwards from here on (a restored etcd): a new epoch begins, and no version of it compares with one from before. Only for <see cref="DeltaKind.Gap"/>.</summary>
    public bool StartsEpoch { get; init; }

    /// <summary>The W3C trace context of the watch line, where it is traced.</summary>
    public string? TraceParent { get; init; }
}
