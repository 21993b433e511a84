using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Threading.Channels;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Replicator.Storage.EventStoreDb.Protocol;

namespace Replicator.TestKit.EventStoreDb;

sealed partial class StreamsService
{
    static readonly string[] RequiredMetadata = ["type", "content-type"];

    int _waiting;

    public override async Task<AppendResp> Append(IAsyncStreamReader<AppendReq> requestStream, ServerCallContext context)
    {
        if (!await requestStream.MoveNext() || requestStream.Current.ContentCase != AppendReq.ContentOneofCase.Options)
            throw Refused(StatusCode.InvalidArgument, "The first message carries the options.");
        var options = requestStream.Current.Options;
        var stream = options.StreamIdentifier.StreamName.ToStringUtf8();
        if (NotLeader(context) is { } notLeader)
            throw notLeader;
        var events = new List<(Guid, string, string, ReadOnlyMemory<byte>, ReadOnlyMemory<byte>)>();
        var size = 0;
        while (await requestStream.MoveNext())
        {
            var message = requestStream.Current.ProposedMessage;
            if (Missing(message.Metadata) is { } missing)
                throw Refused(StatusCode.InvalidArgument, $"Required Metadata Property '{missing}' is missing", "missing-required-metadata-property");
            events.Add((ToGuid(message.Id), message.Metadata["type"], message.Metadata["content-type"], message.Data.Memory, message.CustomMetadata.Memory));
            size += Size(message.Metadata["type"], message.Data, message.CustomMetadata);
            if (size > standIn.MaxAppendSize)
            {
                throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, $"Maximum Append Size of {standIn.MaxAppendSize} Exceeded."), new Metadata
                {
                    { "exception", "maximum-append-size-exceeded" },
                    { "maximum-append-size", $"{standIn.MaxAppendSize}" },
                });
            }
        }
        standIn.Requests.Enqueue($"append singly {stream} {events.Count}");
        var fault = standIn.NextFault();
        switch (fault)
        {
            case StandInFault.Timeout:
                throw Refused(StatusCode.DeadlineExceeded, "Operation timed out");
            case StandInFault.NotReady or StandInFault.Break:
                throw Refused(StatusCode.Unavailable, "Server Is Not Ready");
            case StandInFault.TooBusy:
                throw Refused(StatusCode.Unavailable, "Server Is Too Busy");
            case StandInFault.AccessDenied:
                throw Refused(StatusCode.PermissionDenied, "Access Denied", "access-denied");
            case StandInFault.Silence:
                await Task.Delay(System.Threading.Timeout.InfiniteTimeSpan, context.CancellationToken);
                break;
            default:
                break;
        }
        var expected = options.ExpectedStreamRevisionCase switch
        {
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.Revision => (long)options.Revision,
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.NoStream => -1,
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.Any => StandInLog.AnyVersion,
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.StreamExists => StandInLog.StreamExists,
            _ => throw Refused(StatusCode.InvalidArgument, "no expected revision"),
        };
        var outcome = Log.Append(stream, expected, events, out var current, out var last);
        if (fault is StandInFault.TimeoutAfterWrite or StandInFault.BreakAfterWrite)
            throw Refused(StatusCode.DeadlineExceeded, "Operation timed out");
        switch (outcome)
        {
            case StandInAppend.Deleted:
                throw Refused(StatusCode.FailedPrecondition, $"Event stream '{stream}' is deleted.", "stream-deleted");
            case StandInAppend.WrongVersion:
                var wrong = new AppendResp.Types.WrongExpectedVersion();
                if (current < 0)
                    wrong.CurrentNoStream = new();
                else
                    wrong.CurrentRevision = (ulong)current;
                return new AppendResp { WrongExpectedVersion = wrong };
            default:
                var success = new AppendResp.Types.Success { CurrentRevision = (ulong)last!.Revision };
                if (outcome == StandInAppend.Repeated && !standIn.TellsPositionOfRepeated)
                    success.NoPosition = new();
                else
                    success.Position = new AppendResp.Types.Position { CommitPosition = (ulong)last.Position, PreparePosition = (ulong)last.Position };
                return new AppendResp { Success = success };
        }
    }

    public override async Task BatchAppend(IAsyncStreamReader<BatchAppendReq> requestStream, IServerStreamWriter<BatchAppendResp> responseStream, ServerCallContext context)
    {
        if (!standIn.Options.BatchAppend)
            throw Refused(StatusCode.Unimplemented, "Method is unimplemented.");
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, standIn.Dropping);
        var answers = Channel.CreateUnbounded<BatchAppendResp>();
        var held = new ConcurrentStack<BatchAppendResp>();
        var releasing = Task.CompletedTask;
        var receiving = ReceiveAsync();
        try
        {
            // The real server reads on after its client has half-closed, and loses what is pending then; nothing here relies on that.
            await foreach (var answer in answers.Reader.ReadAllAsync(ending.Token))
            {
                await responseStream.WriteAsync(answer, ending.Token);
                Interlocked.Decrement(ref _waiting);
            }
        }
        catch (OperationCanceledException)
        {
            throw Refused(StatusCode.Unavailable, "The call was broken off.");
        }
        finally
        {
            await ending.CancelAsync();
            await receiving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await releasing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (answers.Reader.TryRead(out _))
                Interlocked.Decrement(ref _waiting);
        }

        async Task ReceiveAsync()
        {
            var pending = new Dictionary<Guid, (BatchAppendReq.Types.Options Options, List<BatchAppendReq.Types.ProposedMessage> Messages)>();
            try
            {
                while (await requestStream.MoveNext(ending.Token))
                {
                    var request = requestStream.Current;
                    if (NotLeader(context) is { } notLeader)
                        throw notLeader;
                    var id = ToGuid(request.CorrelationId);
                    if (request.Options is { } options)
                        pending[id] = (options, []);
                    if (!pending.TryGetValue(id, out var batch))
                        continue;
                    batch.Messages.AddRange(request.ProposedMessages);
                    if (!request.IsFinal)
                        continue;
                    pending.Remove(id);
                    standIn.MostAppendsAtOnce = Math.Max(standIn.MostAppendsAtOnce, Interlocked.Increment(ref _waiting));
                    var answer = Handle(batch.Options, batch.Messages);
                    if (answer is null)
                        continue;
                    answer.CorrelationId = request.CorrelationId;
                    answer.StreamIdentifier = batch.Options.StreamIdentifier;
                    if (standIn.Held is { IsCompleted: false } gate)
                    {
                        held.Push(answer);
                        if (releasing.IsCompleted)
                            releasing = ReleaseAsync(gate);
                        continue;
                    }
                    answers.Writer.TryWrite(answer);
                }
                await Task.Delay(System.Threading.Timeout.InfiniteTimeSpan, ending.Token);
            }
            catch (Exception exception)
            {
                answers.Writer.TryComplete(exception);
            }
        }

        async Task ReleaseAsync(Task gate)
        {
            await gate.WaitAsync(ending.Token);
            while (held.TryPop(out var answer))
                answers.Writer.TryWrite(answer);
        }
    }

    public override Task<DeleteResp> Delete(DeleteReq request, ServerCallContext context) => throw Refused(StatusCode.Unimplemented, "The stand-in deletes nothing.");

    public override Task<TombstoneResp> Tombstone(TombstoneReq request, ServerCallContext context)
    {
        Log.Tombstone(request.Options.StreamIdentifier.StreamName.ToStringUtf8());
        return Task.FromResult(new TombstoneResp { NoPosition = new() });
    }

    /// <summary>The answer to a batch; <see langword="null"/> for none.</summary>
    BatchAppendResp? Handle(BatchAppendReq.Types.Options options, List<BatchAppendReq.Types.ProposedMessage> messages)
    {
        if (options.StreamIdentifier is null)
            return Error(3, "Bad Request", new BadRequest { Message = "Required field StreamIdentifier not set." });
        var stream = options.StreamIdentifier.StreamName.ToStringUtf8();
        standIn.Requests.Enqueue($"append {stream} {messages.Count}");
        if (messages.Select(message => Missing(message.Metadata)).FirstOrDefault(missing => missing is not null) is { } property)
            return Error(3, "Bad Request", new BadRequest { Message = $"The given key '{property}' was not present in the dictionary." });
        if (messages.Sum(message => Size(message.Metadata["type"], message.Data, message.CustomMetadata)) > standIn.MaxAppendSize)
            return Error(3, "Maximum Append Size Exceeded", new MaximumAppendSizeExceeded { MaxAppendSize = (uint)standIn.MaxAppendSize });
        if (options.DeadlineOptionCase == BatchAppendReq.Types.Options.DeadlineOptionOneofCase.Deadline && options.Deadline.ToTimeSpan() <= TimeSpan.Zero)
            return Error(4, "Timeout", new Replicator.Storage.EventStoreDb.Protocol.Timeout());
        var fault = standIn.NextFault();
        switch (fault)
        {
            case StandInFault.Timeout:
                return Error(4, "Timeout", new Replicator.Storage.EventStoreDb.Protocol.Timeout());
            case StandInFault.NotReady:
                return Error(0, "Server Is Not Ready", new Google.Protobuf.WellKnownTypes.Empty());
            case StandInFault.TooBusy:
                return Error(0, "Server Is Busy", new Google.Protobuf.WellKnownTypes.Empty());
            case StandInFault.AccessDenied:
                return Error(7, "Access Denied", new AccessDenied());
            case StandInFault.Silence:
                return null;
            case StandInFault.Break:
                throw new OperationCanceledException();
            default:
                break;
        }
        var expected = options.ExpectedStreamPositionCase switch
        {
            BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.StreamPosition => (long)options.StreamPosition,
            BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.NoStream => -1,
            BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.Any => StandInLog.AnyVersion,
            BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.StreamExists => StandInLog.StreamExists,
            _ => throw Refused(StatusCode.InvalidArgument, "no expected revision"),
        };
        var outcome = Log.Append(
            stream, expected, [.. messages.Select(message => (ToGuid(message.Id), message.Metadata["type"], message.Metadata["content-type"], message.Data.Memory, message.CustomMetadata.Memory))], out var current, out var last);
        switch (fault)
        {
            case StandInFault.TimeoutAfterWrite:
                return Error(4, "Timeout", new Replicator.Storage.EventStoreDb.Protocol.Timeout());
            case StandInFault.BreakAfterWrite:
                throw new OperationCanceledException();
            default:
                break;
        }
        switch (outcome)
        {
            case StandInAppend.Deleted:
                return Error(5, "Stream Deleted", new StreamDeleted { StreamIdentifier = options.StreamIdentifier });
            case StandInAppend.WrongVersion:
                var wrong = new WrongExpectedVersion();
                if (current < 0)
                    wrong.CurrentNoStream = new();
                else
                    wrong.CurrentStreamRevision = (ulong)current;
                return Error(6, "Wrong Expected Version", wrong);
            default:
                var success = new BatchAppendResp.Types.Success { CurrentRevision = (ulong)last!.Revision };
                if (outcome == StandInAppend.Repeated && !standIn.TellsPositionOfRepeated)
                    success.NoPosition = new();
                else
                    success.Position = new AllStreamPosition { CommitPosition = (ulong)last.Position, PreparePosition = (ulong)last.Position };
                return new BatchAppendResp { Success = success };
        }
    }

    static BatchAppendResp Error(int code, string message, IMessage details) => new() { Error = new Replicator.Storage.EventStoreDb.Protocol.Status { Code = code, Message = message, Details = Any.Pack(details) } };

    static string? Missing(MapField<string, string> metadata) => Array.Find(RequiredMetadata, property => !metadata.ContainsKey(property));

    static int Size(string type, ByteString data, ByteString metadata) => data.Length + metadata.Length + type.Length * 2;

    static Guid ToGuid(UUID id)
    {
        if (id.ValueCase == UUID.ValueOneofCase.String)
            return Guid.Parse(id.String);
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, id.Structured.MostSignificantBits);
        BinaryPrimitives.WriteInt64BigEndian(bytes[8..], id.Structured.LeastSignificantBits);
        return new Guid(bytes, bigEndian: true);
    }
}
