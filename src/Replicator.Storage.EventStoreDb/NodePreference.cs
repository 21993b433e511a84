namespace Replicator.Storage.EventStoreDb;

/// <summary>Which node of a cluster to connect to (<c>nodePreference</c> in the connection string).</summary>
public enum NodePreference
{
    /// <summary>The node that writes: reads see everything that was acknowledged. The default, and what a collector needs.</summary>
    Leader,
    /// <summary>A node that copies the leader: it relieves the leader of reads, which may be a little behind.</summary>
    Follower,
    /// <summary>Whichever answers.</summary>
    Random,
    /// <summary>A node that takes no part in elections.</summary>
    ReadOnlyReplica,
}
