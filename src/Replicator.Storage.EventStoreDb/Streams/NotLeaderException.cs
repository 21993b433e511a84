using System.Net;

namespace Replicator.Storage.EventStoreDb.Streams;

/// <summary>The node does not lead its cluster; it names the one that does, if it knows.</summary>
/// <param name="leader">The leader.</param>
/// <param name="nothingWasAppended">Whether the append is known not to have happened.</param>
sealed class NotLeaderException(DnsEndPoint? leader, bool nothingWasAppended) : Exception("The node does not lead its cluster.")
{
    public DnsEndPoint? Leader { get; } = leader;

    public bool NothingWasAppended { get; } = nothingWasAppended;
}
