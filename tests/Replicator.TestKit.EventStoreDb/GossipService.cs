using Grpc.Core;
using Replicator.Storage.EventStoreDb.Protocol;

namespace Replicator.TestKit.EventStoreDb;

sealed class GossipService(EventStoreDbStandIn standIn) : Gossip.GossipBase
{
    public override Task<ClusterInfo> Read(Empty request, ServerCallContext context)
    {
        standIn.Requests.Enqueue("gossip");
        var info = new ClusterInfo();
        var cluster = standIn.Options.Cluster;
        foreach (var member in cluster?.Members ?? [standIn])
        {
            info.Members.Add(new MemberInfo
            {
                InstanceId = new UUID { String = Guid.NewGuid().ToString() },
                TimeStamp = TimeProvider.System.GetUtcNow().UtcTicks,
                IsAlive = member.IsUp,
                State = cluster is null || cluster.Leader == member ? MemberInfo.Types.VNodeState.Leader : MemberInfo.Types.VNodeState.Follower,
                HttpEndPoint = new EndPoint { Address = "127.0.0.1", Port = (uint)member.Port },
            });
        }
        return Task.FromResult(info);
    }
}
