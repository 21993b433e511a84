using System.Collections.Concurrent;
using System.Threading.Channels;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Protocol;
using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb.Connections;

/// <summary>Appends of all streams over one BatchAppend call: written one after another without waiting, answered in any order, matched by correlation id.</summary>
/// <remarks>
/// The call is opened by the first append and lives until it fails; then everything on its way fails with it, because the fate of none is known. It is never half-closed, which would lose pending answers: it is
/// cancelled when the last answer has come.
/// </remarks>
sealed class BatchAppends(Node node, EventStoreDbOptions options, TimeSpan deadline) : IAsyncDisposable
{
    readonly SemaphoreSlim _inFlight = new(options.MaxAppendsInFlight, options.MaxAppendsInFlight);
    readonly Lock _lock = new();
    Session? _session;
    bool _disposed;

    /// <summary>Appends a batch. Once it is sent it cannot be called back, so that cancellation ends the wait for a place in the queue only: the caller learns the batch's true fate.</summary>
    /// <exception cref="RpcException">The call failed, and whether the batch was appended is not known.</exception>
    /// <exception cref="NotLeaderException">The node does not lead.</exception>
    public async ValueTask<WriteResult> AppendAsync(string stream, ExpectedRevision expected, IReadOnlyList<EventData> events, CancellationToken cancellationToken)
    {
        await _inFlight.WaitAsync(cancellationToken).ConfigureAwait(false);
        EventStoreDbTelemetry.AppendsInFlight.Add(1);
        try
        {
            var pending = new Pending(Request(stream, expected, events));
            var session = Open();
            if (!session.TryEnqueue(pending))
                throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the append call has just failed"));
            BatchAppendResp answer;
            try
            {
                answer = await pending.Answer.WaitAsync(deadline, options.Time, CancellationToken.None).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                throw new RpcException(new Grpc.Core.Status(StatusCode.DeadlineExceeded, "no answer to an append"));
            }
            finally
            {
                // The request refers to memory that is the caller's again when this returns: it must not be written any more.
                await session.ForgetAsync(pending).ConfigureAwait(false);
            }
            return Result(stream, expected, answer);
        }
        finally
        {
            EventStoreDbTelemetry.AppendsInFlight.Add(-1);
            _inFlight.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Session? session;
        lock (_lock)
        {
            (session, _session, _disposed) = (_session, null, true);
        }
        if (session is not null)
            await session.DisposeAsync().ConfigureAwait(false);
    }

    Session Open()
    {
        lock (_lock)
        {
            if (_disposed)
                throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the connection was given up"));
            if (_session is { IsOpen: true } open)
                return open;
            return _session = new Session(node);
        }
    }

    BatchAppendReq Request(string stream, ExpectedRevision expected, IReadOnlyList<EventData> events)
    {
        var request = new BatchAppendReq { Options = Wire.ToBatchOptions(stream, expected), IsFinal = true };
        if (deadline != System.Threading.Timeout.InfiniteTimeSpan)
        {
            if (node.HasDeadlineDuration)
                request.Options.Deadline = Duration.FromTimeSpan(deadline);
            else
                request.Options.Deadline21100 = Timestamp.FromDateTimeOffset(options.Time.GetUtcNow() + deadline);
        }
        foreach (var data in events)
            request.ProposedMessages.Add(Wire.ToBatchMessage(data));
        return request;
    }

    WriteResult Result(string stream, ExpectedRevision expected, BatchAppendResp answer)
    {
        if (answer.ResultCase == BatchAppendResp.ResultOneofCase.Success)
        {
            var position = answer.Success.Position;
            return new WriteResult((long)answer.Success.CurrentRevision, position is null ? null : new LogPosition(position.CommitPosition, position.PreparePosition));
        }
        // "Not ready" and "too busy" come with code 0, so that the details tell the errors apart, not the code.
        var (status, details) = (answer.Error, answer.Error?.Details);
        if (details is null)
            throw new RpcException(new Grpc.Core.Status(StatusCode.Unknown, status?.Message ?? "an answer without a result"));
        if (details.TryUnpack<WrongExpectedVersion>(out var wrong))
            throw new WrongExpectedRevisionException(Core.Events.StreamId.FromName(stream), expected, wrong.CurrentStreamRevisionOptionCase == WrongExpectedVersion.CurrentStreamRevisionOptionOneofCase.CurrentStreamRevision ? (long)wrong.CurrentStreamRevision : -1);
        if (details.TryUnpack<MaximumAppendSizeExceeded>(out var size))
            throw new AppendTooLargeException((int)size.MaxAppendSize);
        if (details.Is(StreamDeleted.Descriptor))
            throw Failure.StreamDeleted(stream);
        if (details.Is(AccessDenied.Descriptor))
            throw Failure.AccessDenied(node.EndPoint, null);
        if (details.Is(Protocol.Timeout.Descriptor))
            throw new RpcException(new Grpc.Core.Status(StatusCode.DeadlineExceeded, "the server could not write in time"));
        if (details.TryUnpack<BadRequest>(out var bad))
            throw new StoreUnavailableException($"The event store at {Failure.Show(node.EndPoint)} does not understand an append to '{stream}' ({bad.Message}): its version ({node.Version}) is not one that this adapter knows.");
        throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, status!.Message));
    }

    /// <summary>An append on its way.</summary>
    sealed class Pending(BatchAppendReq request)
    {
        const int Waiting = 0, Writing = 1, Done = 2;

        readonly TaskCompletionSource<BatchAppendResp> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int _state;

        public BatchAppendReq Request => request;

        public Task<BatchAppendResp> Answer => _answer.Task;

        public bool TryBeginWrite() => Interlocked.CompareExchange(ref _state, Writing, Waiting) == Waiting;

        public void EndWrite()
        {
            Volatile.Write(ref _state, Done);
            _written.TrySetResult();
        }

        /// <summary>Completed when the request will not be touched any more; <see langword="false"/> where it is being written.</summary>
        public bool TryForget(out Task written)
        {
            written = _written.Task;
            return Interlocked.CompareExchange(ref _state, Done, Waiting) != Writing;
        }

        public void Complete(BatchAppendResp answer) => _answer.TrySetResult(answer);

        public void Fail(Exception exception)
        {
            _answer.TrySetException(exception);
            _ = _answer.Task.Exception;
        }
    }

    /// <summary>One BatchAppend call.</summary>
    sealed class Session : IAsyncDisposable
    {
        readonly AsyncDuplexStreamingCall<BatchAppendReq, BatchAppendResp> _call;
        readonly CancellationTokenSource _ending = new();
        readonly Channel<Pending> _queue = Channel.CreateUnbounded<Pending>(new UnboundedChannelOptions { SingleReader = true });
        readonly ConcurrentDictionary<long, Pending> _pending = new();
        readonly Task _ended;
        long _sequence;
        volatile bool _failed, _answered;
        Exception? _failure;

        public Session(Node node)
        {
            _call = node.Streams.BatchAppend(node.Call(_ending.Token));
            _ended = EndAsync(Task.Run(WriteAsync), Task.Run(ReadAsync));
        }

        public bool IsOpen => !_failed;

        /// <summary>Puts an append into the queue, which callers bound.</summary>
        public bool TryEnqueue(Pending pending)
        {
            var id = Interlocked.Increment(ref _sequence);
            pending.Request.CorrelationId = new UUID { Structured = new UUID.Types.Structured { MostSignificantBits = 0, LeastSignificantBits = id } };
            _pending[id] = pending;
            // The call may have failed between the look at it and this: then nobody else would tell.
            if (_failed || !_queue.Writer.TryWrite(pending))
            {
                _pending.TryRemove(id, out _);
                return false;
            }
            return true;
        }

        public async ValueTask ForgetAsync(Pending pending)
        {
            _pending.TryRemove(pending.Request.CorrelationId.Structured.LeastSignificantBits, out _);
            if (pending.TryForget(out var written))
                return;
            // It is being written: about to be done where it is answered already; else to a server that does not read, and only the end of the call gives the memory back.
            if (!pending.Answer.IsCompletedSuccessfully)
                Fail(new RpcException(new Grpc.Core.Status(StatusCode.DeadlineExceeded, "an append could not be sent")));
            await written.ConfigureAwait(false);
        }

        public async ValueTask DisposeAsync()
        {
            Fail(new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the connection was given up")));
            await _ended.ConfigureAwait(false);
        }

        async Task EndAsync(Task writing, Task reading)
        {
            await Task.WhenAll(writing, reading).ConfigureAwait(false);
            _call.Dispose();
            _ending.Dispose();
        }

        async Task WriteAsync()
        {
            var (hint, flush) = (new WriteOptions(WriteFlags.BufferHint), new WriteOptions());
            try
            {
                await foreach (var pending in _queue.Reader.ReadAllAsync(_ending.Token).ConfigureAwait(false))
                {
                    if (!pending.TryBeginWrite())
                        continue;
                    try
                    {
                        _call.RequestStream.WriteOptions = _queue.Reader.TryPeek(out _) ? hint : flush;
                        await _call.RequestStream.WriteAsync(pending.Request).ConfigureAwait(false);
                    }
                    finally
                    {
                        pending.EndWrite();
                    }
                }
            }
            catch (RpcException)
            {
                // The call has ended, and the reading side learns why and tells all that wait for an answer; nothing more is taken meanwhile.
                _failed = true;
                _queue.Writer.TryComplete();
            }
            catch (Exception exception)
            {
                Fail(exception);
            }
        }

        async Task ReadAsync()
        {
            try
            {
                while (await _call.ResponseStream.MoveNext(_ending.Token).ConfigureAwait(false))
                {
                    var answer = _call.ResponseStream.Current;
                    _answered = true;
                    if (answer.CorrelationId?.Structured is { } id && _pending.TryRemove(id.LeastSignificantBits, out var pending))
                        pending.Complete(answer);
                }
                Fail(new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the server ended the append call")));
            }
            catch (Exception exception)
            {
                // Whatever it was, those who wait are told.
                Fail(exception);
            }
        }

        void Fail(Exception exception)
        {
            if (Interlocked.CompareExchange(ref _failure, exception, null) is not null)
                return;
            _failed = true;
            _queue.Writer.TryComplete();
            _ending.Cancel();
            var outcome = Outcome(exception);
            foreach (var id in _pending.Keys)
            {
                if (_pending.TryRemove(id, out var pending))
                    pending.Fail(outcome);
            }
            while (_queue.Reader.TryRead(out var unsent))
                unsent.Fail(outcome);
        }

        Exception Outcome(Exception exception) => exception switch
        {
            // A call that never answered was a follower's from the start, and a follower appends nothing.
            RpcException rpc when Failure.IsNotLeader(rpc, out var leader) => new NotLeaderException(leader, nothingWasAppended: !_answered),
            RpcException rpc => rpc,
            _ => new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, exception.GetBaseException().Message, exception)),
        };
    }
}
