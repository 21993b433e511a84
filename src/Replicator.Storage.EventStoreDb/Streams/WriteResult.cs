namespace Replicator.Storage.EventStoreDb.Streams;

/// <summary>An append that the server acknowledged.</summary>
/// <param name="LastRevision">The revision of its last event.</param>
/// <param name="LastPosition">The position of its last event; not every server tells that of a repeated append.</param>
readonly record struct WriteResult(long LastRevision, LogPosition? LastPosition);
