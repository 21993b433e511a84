using System.Runtime.CompilerServices;
using Grpc.Core;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Connections;
using Replicator.Storage.EventStoreDb.Protocol;

namespace Replicator.Storage.EventStoreDb.Streams;

/// <summary>The client over the protocol itself (see <c>Protos</c>). A call that fails makes the cluster look for another node; whether to call again is the caller's to decide, except for appends that are known not to have happened.</summary>
sealed class GrpcStreamsClient(EventStoreDbConnectionString connection, EventStoreDbOptions options) : IStreamsClient
{
    // The server reads a page of so many events and looks at so many before it answers a filtered read; a checkpoint then comes every 32 windows.
    const uint SearchWindow = 1024;
    const uint CheckpointInterval = 32;
    const int MaxRedirects = 5;

    readonly Cluster _cluster = new(connection, options);

    public async ValueTask<WriteResult> AppendToStreamAsync(string stream, ExpectedRevision expected, IReadOnlyList<EventData> events, CancellationToken cancellationToken)
    {
        for (var redirects = 0; ; redirects++)
        {
            var node = await _cluster.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return node.HasBatchAppend
                    ? await node.Appends.AppendAsync(stream, expected, events, cancellationToken).ConfigureAwait(false)
                    : await AppendSinglyAsync(node, stream, expected, events, cancellationToken).ConfigureAwait(false);
            }
            catch (NotLeaderException exception)
            {
                _cluster.Follow(node, exception.Leader);
                // A node that ceases to lead ends the whole call, and what was under way may have been appended before. At an exact place a repetition finds that out; elsewhere it could append twice.
                if (redirects < MaxRedirects && (expected.IsExact || exception.NothingWasAppended))
                    continue;
                throw new StoreUnavailableException($"The event store at {Failure.Show(node.EndPoint)} does not lead its cluster{(exception.Leader is { } leader ? $"; {Failure.Show(leader)} does" : ", which is electing a leader")}: try again.", exception);
            }
            catch (RpcException exception)
            {
                throw Lost(node, exception, cancellationToken);
            }
        }
    }

    public IAsyncEnumerable<ReadMessage> ReadStreamAsync(string stream, long from, bool backwards, long maxCount, CancellationToken cancellationToken)
    {
        var target = new ReadReq.Types.Options.Types.StreamOptions { StreamIdentifier = Wire.ToIdentifier(stream) };
        if (backwards && from == long.MaxValue)
            target.End = new Empty();
        else
            target.Revision = (ulong)from;
        return CallAsync(
            new ReadReq.Types.Options
            {
                Stream = target,
                ReadDirection = Direction(backwards),
                Count = (ulong)maxCount,
                NoFilter = new Empty(),
            },
            Deadline(maxCount),
            cancellationToken);
    }

    public IAsyncEnumerable<ReadMessage> ReadAllAsync(LogPosition? from, bool backwards, string streamPrefix, long maxCount, CancellationToken cancellationToken) =>
        CallAsync(
            new ReadReq.Types.Options
            {
                All = All(from, backwards),
                ReadDirection = Direction(backwards),
                // A read of $all with a count of 0 never ends.
                Count = (ulong)Math.Max(1, maxCount),
                Filter = Filter(streamPrefix),
            },
            Deadline(maxCount),
            cancellationToken);

    public IAsyncEnumerable<ReadMessage> SubscribeToAllAsync(LogPosition? after, string streamPrefix, CancellationToken cancellationToken) =>
        CallAsync(
            new ReadReq.Types.Options
            {
                All = All(after, backwards: false),
                ReadDirection = ReadReq.Types.Options.Types.ReadDirection.Forwards,
                Subscription = new ReadReq.Types.Options.Types.SubscriptionOptions(),
                Filter = Filter(streamPrefix),
            },
            deadline: null,
            cancellationToken);

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    static ReadReq.Types.Options.Types.ReadDirection Direction(bool backwards) =>
        backwards ? ReadReq.Types.Options.Types.ReadDirection.Backwards : ReadReq.Types.Options.Types.ReadDirection.Forwards;

    static ReadReq.Types.Options.Types.AllOptions All(LogPosition? from, bool backwards)
    {
        var all = new ReadReq.Types.Options.Types.AllOptions();
        if (from is { } position)
            all.Position = new ReadReq.Types.Options.Types.Position { CommitPosition = position.Commit, PreparePosition = position.Prepare };
        else if (backwards)
            all.End = new Empty();
        else
            all.Start = new Empty();
        return all;
    }

    static ReadReq.Types.Options.Types.FilterOptions Filter(string streamPrefix) => new()
    {
        StreamIdentifier = new ReadReq.Types.Options.Types.FilterOptions.Types.Expression { Prefix = { streamPrefix } },
        Max = SearchWindow,
        CheckpointIntervalMultiplier = CheckpointInterval,
    };

    /// <summary>When a call that asks for so many events must be answered. One event is one message; for more, whoever reads them may take his time.</summary>
    DateTime? Deadline(long maxCount) => maxCount == 1 ? Deadline() : null;

    // gRPC measures deadlines by the machine's clock, whatever clock is injected.
    DateTime? Deadline() => connection.DefaultDeadline == System.Threading.Timeout.InfiniteTimeSpan ? null : TimeProvider.System.GetUtcNow().UtcDateTime + connection.DefaultDeadline;

    async IAsyncEnumerable<ReadMessage> CallAsync(ReadReq.Types.Options request, DateTime? deadline, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        request.UuidOption = new ReadReq.Types.Options.Types.UUIDOption { Structured = new Empty() };
        // From 21 on the server tells where a stream begins and ends, and says when a subscription has caught up.
        request.ControlOption = new ReadReq.Types.Options.Types.ControlOption { Compatibility = 21 };
        var node = await _cluster.GetAsync(cancellationToken).ConfigureAwait(false);
        var call = node.Streams.Read(new ReadReq { Options = request }, node.Call(cancellationToken, deadline));
        try
        {
            for (var redirects = 0; ;)
            {
                ReadMessage? message;
                try
                {
                    if (!await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
                        yield break;
                    message = ToMessage(call.ResponseStream.Current);
                }
                catch (RpcException exception) when (Failure.IsNotLeader(exception, out var leader) && redirects < MaxRedirects)
                {
                    // Only the first message of a call can say so; a node that ceases to lead later ends the call otherwise.
                    _cluster.Follow(node, leader);
                    call.Dispose();
                    node = await _cluster.GetAsync(cancellationToken).ConfigureAwait(false);
                    call = node.Streams.Read(new ReadReq { Options = request }, node.Call(cancellationToken, deadline));
                    redirects++;
                    continue;
                }
                catch (RpcException exception)
                {
                    throw Lost(node, exception, cancellationToken);
                }
                if (message is { } known)
                    yield return known;
            }
        }
        finally
        {
            call.Dispose();
        }
    }

    static ReadMessage? ToMessage(ReadResp response) => response.ContentCase switch
    {
        ReadResp.ContentOneofCase.Event when response.Event.Event is { } recorded => Message(Wire.ToStored(recorded)),
        ReadResp.ContentOneofCase.Checkpoint => new ReadMessage(ReadMessageKind.Checkpoint, new LogPosition(response.Checkpoint.CommitPosition, response.Checkpoint.PreparePosition), null),
        ReadResp.ContentOneofCase.CaughtUp => new ReadMessage(ReadMessageKind.CaughtUp, default, null),
        ReadResp.ContentOneofCase.FellBehind => new ReadMessage(ReadMessageKind.FellBehind, default, null),
        // A stream that does not exist is empty; confirmations and the bounds of a stream say nothing that we ask.
        _ => null,
    };

    static ReadMessage Message(StoredEvent stored) => new(ReadMessageKind.Event, stored.Position, stored);

    async ValueTask<WriteResult> AppendSinglyAsync(Node node, string stream, ExpectedRevision expected, IReadOnlyList<EventData> events, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // As with a batch: what has begun is not called back, so that its true fate is learned.
        using var call = node.Streams.Append(node.Call(CancellationToken.None, Deadline()));
        try
        {
            await call.RequestStream.WriteAsync(new AppendReq { Options = Wire.ToAppendOptions(stream, expected) }, CancellationToken.None).ConfigureAwait(false);
            foreach (var data in events)
                await call.RequestStream.WriteAsync(new AppendReq { ProposedMessage = Wire.ToAppendMessage(data) }, CancellationToken.None).ConfigureAwait(false);
            await call.RequestStream.CompleteAsync().ConfigureAwait(false);
        }
        catch (RpcException)
        {
            // The server may refuse before it has read all; its response says why.
        }
        AppendResp response;
        try
        {
            response = await call.ResponseAsync.ConfigureAwait(false);
        }
        catch (RpcException exception) when (Failure.IsNotLeader(exception, out var leader))
        {
            throw new NotLeaderException(leader, nothingWasAppended: true);
        }
        if (response.ResultCase == AppendResp.ResultOneofCase.WrongExpectedVersion)
        {
            var wrong = response.WrongExpectedVersion;
            var actual = wrong.CurrentRevisionOptionCase == AppendResp.Types.WrongExpectedVersion.CurrentRevisionOptionOneofCase.CurrentRevision ? (long)wrong.CurrentRevision : -1;
            throw new WrongExpectedRevisionException(Core.Events.StreamId.FromName(stream), expected, actual);
        }
        var position = response.Success.Position;
        return new WriteResult((long)response.Success.CurrentRevision, position is null ? null : new LogPosition(position.CommitPosition, position.PreparePosition));
    }

    Exception Lost(Node node, RpcException exception, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return new OperationCanceledException(exception.Message, exception, cancellationToken);
        var outcome = Failure.IsNotLeader(exception, out _)
            ? new StoreUnavailableException($"The event store at {Failure.Show(node.EndPoint)} has no leader now: its cluster is electing one.", exception)
            : Failure.ToPort(exception, node.EndPoint);
        if (outcome is StoreUnavailableException && !Failure.IsBusy(exception))
            _cluster.Leave(node);
        return outcome;
    }
}
