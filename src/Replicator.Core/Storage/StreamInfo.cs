using Replicator.Core.Events;

namespace Replicator.Core.Storage;

/// <summary>A stream and how far it goes.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="LastRevision">The revision of its last event.</param>
/// <param name="LastPosition">The position of its last event.</param>
/// <param name="Bytes">What its event bodies take in the store, in bytes; null where the store cannot say.</param>
public sealed record StreamInfo(StreamId Stream, long LastRevision, long LastPosition, long? Bytes);
