using System.Net;
using Grpc.Core;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Protocol;
using VNodeState = Replicator.Storage.EventStoreDb.Protocol.MemberInfo.Types.VNodeState;

namespace Replicator.Storage.EventStoreDb.Connections;

/// <summary>Finds the node to work with, keeps the connection to it, and finds another when that one is lost or no longer leads.</summary>
/// <remarks>Whoever finds a node wanting says so (<see cref="Leave"/>, <see cref="Follow"/>); the next <see cref="GetAsync"/> looks for a new one. All callers share the connection and its discovery.</remarks>
sealed class Cluster(EventStoreDbConnectionString connection, EventStoreDbOptions options) : IAsyncDisposable
{
    readonly SemaphoreSlim _connecting = new(1, 1);
    readonly Lock _lock = new();
    readonly List<Task> _closing = [];
    Node? _node;
    DnsEndPoint? _leader;
    IReadOnlyList<DnsEndPoint> _members = [];
    bool _disposed;

    /// <summary>The node to use, discovered where there is none.</summary>
    /// <exception cref="StoreUnavailableException">No node answered in all attempts.</exception>
    public async ValueTask<Node> GetAsync(CancellationToken cancellationToken)
    {
        if (Current() is { } known)
            return known;
        await _connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Current() is { } other)
                return other;
            var node = await ConnectAsync(cancellationToken).ConfigureAwait(false);
            lock (_lock)
            {
                if (!_disposed)
                    return _node = node;
            }
            await node.DisposeAsync().ConfigureAwait(false);
            throw new ObjectDisposedException(nameof(EventStoreDbEventStore));
        }
        finally
        {
            _connecting.Release();
        }
    }

    /// <summary>The node is lost. A single configured node keeps its channel, which connects again by itself.</summary>
    public void Leave(Node node)
    {
        if (connection.Discover || !IsConfigured(node.EndPoint))
            Drop(node, null);
    }

    /// <summary>The node does not lead; the leader is where it says, if it says so.</summary>
    public void Follow(Node node, DnsEndPoint? leader) => Drop(node, leader);

    public async ValueTask DisposeAsync()
    {
        Node? node;
        lock (_lock)
        {
            (node, _node, _disposed) = (_node, null, true);
        }
        if (node is not null)
            await node.DisposeAsync().ConfigureAwait(false);
        Task[] closing;
        lock (_lock)
            closing = [.. _closing];
        await Task.WhenAll(closing).ConfigureAwait(false);
    }

    Node? Current()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(EventStoreDbEventStore));
            return _node;
        }
    }

    void Drop(Node node, DnsEndPoint? leader)
    {
        lock (_lock)
        {
            if (_node != node)
                return;
            (_node, _leader) = (null, leader);
            EventStoreDbTelemetry.Reconnects.Add(1);
            _closing.RemoveAll(task => task.IsCompleted);
            _closing.Add(node.DisposeAsync().AsTask());
        }
    }

    bool IsConfigured(DnsEndPoint endPoint) => connection.Hosts.Count == 1 && connection.Hosts[0].Equals(endPoint);

    async Task<Node> ConnectAsync(CancellationToken cancellationToken)
    {
        Exception? last = null;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (await TryConnectAsync(cancellationToken).ConfigureAwait(false) is { } node)
                    return node;
            }
            catch (RpcException exception) when (!cancellationToken.IsCancellationRequested)
            {
                last = exception;
                if (exception.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied)
                    throw Failure.AccessDenied(connection.Hosts[0], exception);
            }
            catch (RpcException exception)
            {
                throw new OperationCanceledException(exception.Message, exception, cancellationToken);
            }
            if (attempt >= connection.MaxDiscoverAttempts)
                throw Away(last);
            await Task.Delay(connection.DiscoveryInterval, options.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    StoreUnavailableException Away(Exception? last)
    {
        var cause = (last as RpcException)?.Status.DebugException?.GetBaseException().Message ?? (last as RpcException)?.Status.Detail ?? $"no member is a {connection.NodePreference}";
        return new StoreUnavailableException($"The event store at {string.Join(", ", connection.Hosts.Select(Failure.Show))} is not to be reached ({cause.ReplaceLineEndings(" ")}): start it, or correct the connection string.", last);
    }

    async Task<Node?> TryConnectAsync(CancellationToken cancellationToken)
    {
        DnsEndPoint? target;
        lock (_lock)
            (target, _leader) = (_leader, null);
        if (target is null)
        {
            if (!connection.Discover)
                target = connection.Hosts[0];
            else if (await DiscoverAsync(cancellationToken).ConfigureAwait(false) is { } found)
                target = found;
            else
                return null;
        }
        var node = Node.Create(target, connection, options);
        try
        {
            await node.LearnFeaturesAsync(Deadline(), cancellationToken).ConfigureAwait(false);
            return node;
        }
        catch
        {
            await node.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Asks the members known last and then the hosts of the connection string, in random order, until one names a node that fits.</summary>
    async Task<DnsEndPoint?> DiscoverAsync(CancellationToken cancellationToken)
    {
        var candidates = _members.OrderBy(_ => Random.Shared.Next()).Concat(connection.Hosts.OrderBy(_ => Random.Shared.Next())).Distinct().ToList();
        Exception? last = null;
        foreach (var candidate in candidates)
        {
            await using var node = Node.Create(candidate, connection, options);
            try
            {
                var members = await node.GossipAsync(Deadline(), cancellationToken).ConfigureAwait(false);
                var alive = members.Where(member => member.IsAlive && member.HttpEndPoint is not null).ToList();
                _members = [.. alive.Select(EndPoint)];
                if (Choose(alive) is { } chosen)
                    return EndPoint(chosen);
            }
            catch (RpcException exception) when (!cancellationToken.IsCancellationRequested && exception.StatusCode is not (StatusCode.Unauthenticated or StatusCode.PermissionDenied))
            {
                last = exception;
            }
        }
        return last is null ? null : throw last;
    }

    MemberInfo? Choose(List<MemberInfo> alive)
    {
        var usable = alive.Where(member => member.State is VNodeState.Leader or VNodeState.Follower or VNodeState.ReadOnlyReplica or VNodeState.ReadOnlyLeaderless).OrderBy(_ => Random.Shared.Next()).ToList();
        return connection.NodePreference switch
        {
            // Appends go to the leader only, so without one there is nothing to connect to yet.
            NodePreference.Leader => usable.FirstOrDefault(member => member.State == VNodeState.Leader),
            NodePreference.Follower => usable.FirstOrDefault(member => member.State == VNodeState.Follower) ?? usable.FirstOrDefault(),
            NodePreference.ReadOnlyReplica => usable.FirstOrDefault(member => member.State is VNodeState.ReadOnlyReplica or VNodeState.ReadOnlyLeaderless) ?? usable.FirstOrDefault(),
            _ => usable.FirstOrDefault(),
        };
    }

    static DnsEndPoint EndPoint(MemberInfo member) => new(member.HttpEndPoint.Address, (int)member.HttpEndPoint.Port);

    // gRPC measures deadlines by the machine's clock, whatever clock is injected.
    DateTime Deadline() => TimeProvider.System.GetUtcNow().UtcDateTime + connection.GossipTimeout;
}
