using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Replicator.TestKit.EventStoreDb;

/// <summary>Looks at the headers of every call and refuses the wrong user.</summary>
sealed class StandInInterceptor(EventStoreDbStandIn standIn) : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Check(context);
        return base.UnaryServerHandler(request, context, continuation);
    }

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Check(context);
        return base.ClientStreamingServerHandler(requestStream, context, continuation);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Check(context);
        return base.ServerStreamingServerHandler(request, responseStream, context, continuation);
    }

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Check(context);
        return base.DuplexStreamingServerHandler(requestStream, responseStream, context, continuation);
    }

    void Check(ServerCallContext context)
    {
        standIn.LastHeaders = context.RequestHeaders.Where(header => !header.IsBinary).GroupBy(header => header.Key).ToDictionary(group => group.Key, group => group.First().Value);
        if (standIn.Options.User is var (user, password)
            && context.RequestHeaders.GetValue("authorization") != $"Basic {Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{user}:{password}"))}")
        {
            throw new RpcException(new Status(StatusCode.Unauthenticated, "Unauthenticated"));
        }
    }
}
