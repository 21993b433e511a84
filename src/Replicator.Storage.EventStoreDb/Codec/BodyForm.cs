namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>What an event's data says about the object's state.</summary>
enum BodyForm : byte
{
    /// <summary>There is none.</summary>
    None,
    /// <summary>The state itself.</summary>
    Whole,
    /// <summary>An RFC 6902 JSON Patch that leads to it from the state of an earlier event of the same stream.</summary>
    Patch,
}
