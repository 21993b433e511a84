using Replicator.Core.Events;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>What an event's metadata says, read back.</summary>
readonly record struct StoredMetadata(Guid Id, EventMetadata Metadata, ReadOnlyMemory<byte> Hash, Body Body);
