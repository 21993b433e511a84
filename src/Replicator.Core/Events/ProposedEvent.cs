namespace Replicator.Core.Events;

/// <summary>An event on its way into a stream.</summary>
/// <remarks>
/// A store chooses the encoding of <see cref="State"/>: the whole object, an RFC 6902 patch from <see cref="PreviousState"/>, or something tighter. Whatever it chooses,
/// what it reads back is <see cref="State"/>, byte for byte.
/// </remarks>
public sealed class ProposedEvent
{
    readonly Guid? _id;

    /// <summary>Deterministic: the same change proposed again has the same id, so that a retry is idempotent. Where none is given it is that of the object's change (<see cref="EventId.ForObject"/>), computed when asked for.</summary>
    /// <exception cref="InvalidOperationException">None was given, and the event is about no object.</exception>
    public Guid Id
    {
        get => _id ?? (Metadata.Object.Uid.Length > 0
            ? EventId.ForObject(Metadata.Cluster, Metadata.Object.Uid, Metadata.ResourceVersion, Metadata.Epoch, Type)
            : throw new InvalidOperationException($"An event of type {Type} is about no object and needs an id of its own: see EventId.ForPlace."));
        init => _id = value;
    }
    /// <summary>Whether the id is derived from the rest, and so need not be kept.</summary>
    public bool HasDerivedId => _id is null;
    /// <summary>The type.</summary>
    public required EventType Type { get; init; }
    /// <summary>The metadata.</summary>
    public required EventMetadata Metadata { get; init; }
    /// <summary>The object's new state as canonical JSON; empty for events without one. Valid until the append returns.</summary>
    public ReadOnlyMemory<byte> State { get; init; }
    /// <summary>The state that the stream last recorded of the same object (same uid), where the recorder still holds it; empty otherwise.</summary>
    public ReadOnlyMemory<byte> PreviousState { get; init; }
    /// <summary>SHA-256 over the predecessor's hash, the metadata and the state: see <see cref="HashChain"/>.</summary>
    public required ReadOnlyMemory<byte> Hash { get; init; }

    /// <summary>Whether an event that a store holds is this one, appended before: by id and hash. By the id alone two collectors of one cluster, which propose the same change under the same id but with hashes of their own, would take each other's events for theirs.</summary>
    public bool IsSame(Guid id, ReadOnlySpan<byte> hash) => Id == id && Hash.Span.SequenceEqual(hash);
}
