using Grpc.Core;
using Replicator.Storage.EventStoreDb.Protocol;

namespace Replicator.TestKit.EventStoreDb;

sealed class ServerFeaturesService(EventStoreDbStandIn standIn) : ServerFeatures.ServerFeaturesBase
{
    public override Task<SupportedMethods> GetSupportedMethods(Empty request, ServerCallContext context)
    {
        if (!standIn.Options.ServerFeatures)
            throw new RpcException(new Grpc.Core.Status(StatusCode.Unimplemented, "Service is unimplemented."));
        var supported = new SupportedMethods { EventStoreServerVersion = "24.6.0" };
        supported.Methods.Add(new SupportedMethod { ServiceName = "event_store.client.streams.streams", MethodName = "read", Features = { "position", "events" } });
        supported.Methods.Add(new SupportedMethod { ServiceName = "event_store.client.streams.streams", MethodName = "append" });
        if (standIn.Options.BatchAppend)
            supported.Methods.Add(new SupportedMethod { ServiceName = "event_store.client.streams.streams", MethodName = "batchappend", Features = { "deadline_duration" } });
        return Task.FromResult(supported);
    }
}
