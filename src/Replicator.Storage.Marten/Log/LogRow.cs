using Replicator.Core.Events;

namespace Replicator.Storage.Marten.Log;

/// <summary>A row of <c>mt_events</c> whose body, if it was read, lies in the batch's buffer.</summary>
sealed record LogRow(long Position, StreamId Stream, long Revision, Guid Id, EventType Type, DecodedHeaders Headers, int BodyStart, int BodyLength);
