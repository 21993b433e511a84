using Grpc.Core;
using Replicator.Storage.EventStoreDb.Protocol;

namespace Replicator.TestKit.EventStoreDb;

/// <summary>Reading and appending; the two halves are in <c>StreamsService.Read.cs</c> and <c>StreamsService.Append.cs</c>.</summary>
sealed partial class StreamsService(EventStoreDbStandIn standIn) : Streams.StreamsBase
{
    StandInLog Log => standIn.Log;

    /// <summary>The refusal of a node that does not lead, where the call asked for the leader; <see langword="null"/> where all is well.</summary>
    RpcException? NotLeader(ServerCallContext context)
    {
        if (standIn.Options.Cluster is not { } cluster || cluster.Leader == standIn || context.RequestHeaders.GetValue("requires-leader") != "true")
            return null;
        if (cluster.Leader is not { } leader)
            return new RpcException(new Grpc.Core.Status(StatusCode.Unknown, "No leader info available in response"));
        return new RpcException(new Grpc.Core.Status(StatusCode.NotFound, "Leader info available"), new Metadata
        {
            { "exception", "not-leader" },
            { "leader-endpoint-host", "127.0.0.1" },
            { "leader-endpoint-port", $"{leader.Port}" },
        });
    }

    static RpcException Refused(StatusCode code, string detail, string? exception = null) =>
        exception is null ? new(new Grpc.Core.Status(code, detail)) : new(new Grpc.Core.Status(code, detail), new Metadata { { "exception", exception } });
}
