namespace Replicator.Informers.Queues;

/// <summary>What a <see cref="DeltaFifo"/> knows of an object (client-go's DeltaType).</summary>
public enum ObjectDeltaKind
{
    /// <summary>A watch says that it came.</summary>
    Added,
    /// <summary>A watch says that it changed.</summary>
    Updated,
    /// <summary>A watch says that it went away, or a list does not hold it any more.</summary>
    Deleted,
    /// <summary>A list holds it; whether it changed is not known.</summary>
    Replaced,
    /// <summary>Nothing happened: known objects are to be looked at once more.</summary>
    Sync,
}
