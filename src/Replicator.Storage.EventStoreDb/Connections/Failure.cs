using System.Globalization;
using System.Net;
using Grpc.Core;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb.Connections;

/// <summary>What a failed call means: the server puts the reason into trailers (<c>exception</c>), and only the transport's own failures into the status.</summary>
static class Failure
{
    public static bool IsNotLeader(RpcException exception, out DnsEndPoint? leader)
    {
        leader = null;
        if (exception.Trailers.GetValue("exception") == "not-leader")
        {
            if (exception.Trailers.GetValue("leader-endpoint-host") is { } host && int.TryParse(exception.Trailers.GetValue("leader-endpoint-port"), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
                leader = new DnsEndPoint(host, port);
            return true;
        }
        // A follower that has lost its leader says so in words only.
        return exception.StatusCode == StatusCode.Unknown && exception.Status.Detail.Contains("No leader info", StringComparison.Ordinal);
    }

    /// <summary>Whether the node is there and only has too much to do, so that another connection would not help.</summary>
    public static bool IsBusy(RpcException exception) => exception.StatusCode == StatusCode.Unavailable && exception.Status.Detail.Contains("Busy", StringComparison.OrdinalIgnoreCase);

    /// <summary>The exception that callers of the port see, with cause and remedy in one line.</summary>
    public static Exception ToPort(RpcException exception, DnsEndPoint endPoint) => exception.Trailers.GetValue("exception") switch
    {
        "stream-deleted" => StreamDeleted(exception.Trailers.GetValue("stream-name") ?? ""),
        "access-denied" => AccessDenied(endPoint, exception),
        "maximum-append-size-exceeded" when int.TryParse(exception.Trailers.GetValue("maximum-append-size"), NumberStyles.None, CultureInfo.InvariantCulture, out var size) => new AppendTooLargeException(size),
        _ => exception.StatusCode switch
        {
            StatusCode.PermissionDenied or StatusCode.Unauthenticated => AccessDenied(endPoint, exception),
            StatusCode.InvalidArgument when exception.Status.Detail.Contains("invalid position", StringComparison.OrdinalIgnoreCase) =>
                new StoreCorruptException($"The event store at {Show(endPoint)} has no event at the position to read from: the position is another log's, or the store was restored from an older backup. Rebuild what follows the log.", exception),
            StatusCode.DeadlineExceeded => new StoreUnavailableException($"The event store at {Show(endPoint)} did not answer in time: it is overloaded, or the network to it is cut.", exception),
            _ => new StoreUnavailableException($"The event store at {Show(endPoint)} cannot serve now ({exception.StatusCode}: {Detail(exception)}): check that it runs and that the connection string names it.", exception),
        },
    };

    public static StoreCorruptException StreamDeleted(string stream) =>
        new($"Stream '{stream}' was deleted in the event store, and a deleted stream takes no more events: record the cluster under another --cluster id, or restore the store from a backup.");

    public static StoreUnavailableException AccessDenied(DnsEndPoint endPoint, Exception? inner) =>
        new($"The event store at {Show(endPoint)} refuses the user of the connection string: correct user:password, or allow that user to read and append (ACL of the store).", inner);

    public static string Show(DnsEndPoint endPoint) => $"{endPoint.Host}:{endPoint.Port}";

    // The innermost message names the cause ("Connection refused"); what is around it repeats "error starting gRPC call".
    static string Detail(RpcException exception) =>
        (exception.Status.DebugException?.GetBaseException().Message ?? exception.Status.Detail).ReplaceLineEndings(" ");
}
