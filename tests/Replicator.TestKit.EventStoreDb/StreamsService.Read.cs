using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Replicator.Storage.EventStoreDb.Protocol;
using ReadOptions = Replicator.Storage.EventStoreDb.Protocol.ReadReq.Types.Options;

namespace Replicator.TestKit.EventStoreDb;

sealed partial class StreamsService
{
    const int PageSize = 32;

    public override async Task Read(ReadReq request, IServerStreamWriter<ReadResp> responseStream, ServerCallContext context)
    {
        var options = request.Options;
        if (options.UuidOption is null)
            throw Refused(StatusCode.InvalidArgument, " `uuidOption` is a required argument");
        if (options.FilterOptionCase == ReadOptions.FilterOptionOneofCase.None || (options.FilterOptionCase == ReadOptions.FilterOptionOneofCase.Filter && options.StreamOptionCase == ReadOptions.StreamOptionOneofCase.Stream))
            throw Refused(StatusCode.InvalidArgument, "The combination of options is invalid.");
        if (options.Filter is { } filter && (filter.WindowCase == ReadOptions.Types.FilterOptions.WindowOneofCase.None || (options.Subscription is not null && filter.CheckpointIntervalMultiplier == 0)))
            throw Refused(StatusCode.InvalidArgument, "A filter needs a window and a checkpoint interval.");
        if (NotLeader(context) is { } notLeader)
            throw notLeader;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, standIn.Dropping);
        try
        {
            if (options.StreamOptionCase == ReadOptions.StreamOptionOneofCase.Stream)
                await ReadStreamAsync(options, responseStream, ending.Token);
            else if (options.CountOptionCase == ReadOptions.CountOptionOneofCase.Subscription)
                await SubscribeAsync(options, responseStream, ending.Token);
            else
                await ReadAllAsync(options, responseStream, ending.Token);
        }
        catch (OperationCanceledException)
        {
            throw Refused(StatusCode.Unavailable, "The call was broken off.");
        }
    }

    async Task ReadStreamAsync(ReadOptions options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        var stream = options.Stream.StreamIdentifier.StreamName.ToStringUtf8();
        var backwards = options.ReadDirection == ReadOptions.Types.ReadDirection.Backwards;
        var found = Log.ReadStream(stream, out var records);
        standIn.Requests.Enqueue($"read {stream}");
        if (found == StandInAppend.Deleted)
            throw Refused(StatusCode.FailedPrecondition, $"Event stream '{stream}' is deleted.", "stream-deleted");
        if (records.Count == 0)
        {
            await responses.WriteAsync(new ReadResp { StreamNotFound = new ReadResp.Types.StreamNotFound { StreamIdentifier = options.Stream.StreamIdentifier } }, cancellationToken);
            return;
        }
        var from = options.Stream.RevisionOptionCase switch
        {
            ReadOptions.Types.StreamOptions.RevisionOptionOneofCase.Revision => (long)Math.Min(options.Stream.Revision, long.MaxValue),
            ReadOptions.Types.StreamOptions.RevisionOptionOneofCase.Start => 0,
            _ => records.Count - 1,
        };
        var left = options.Count;
        for (var revision = backwards ? Math.Min(from, records.Count - 1) : from; left > 0 && revision >= 0 && revision < records.Count; revision += backwards ? -1 : 1, left--)
            await responses.WriteAsync(Event(records[(int)revision]), cancellationToken);
        if (left > 0)
            await responses.WriteAsync(new ReadResp { LastStreamPosition = (ulong)(records.Count - 1) }, cancellationToken);
    }

    async Task ReadAllAsync(ReadOptions options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        if (options.Count == 0)
            await Task.Delay(System.Threading.Timeout.InfiniteTimeSpan, cancellationToken);
        standIn.Requests.Enqueue($"read $all {Show(options.All)}");
        var left = options.Count;
        if (options.ReadDirection == ReadOptions.Types.ReadDirection.Backwards)
        {
            for (var index = Start(options.All, inclusive: true) - 1; left > 0 && index >= 0; index--)
            {
                if (Log.Slice(index, 1)[0] is var record && Passes(options.Filter, record))
                {
                    await responses.WriteAsync(Event(record), cancellationToken);
                    left--;
                }
            }
            return;
        }
        for (var index = Start(options.All, inclusive: true); left > 0 && Log.Slice(index, PageSize) is { Count: > 0 } page; index += page.Count)
        {
            foreach (var record in page.Where(record => Passes(options.Filter, record)).Take((int)Math.Min(left, PageSize)))
            {
                await responses.WriteAsync(Event(record), cancellationToken);
                left--;
            }
        }
    }

    async Task SubscribeAsync(ReadOptions options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        standIn.Requests.Enqueue($"subscribe {Show(options.All)} {options.Filter?.StreamIdentifier?.Prefix.FirstOrDefault()}");
        var interval = options.Filter is { } filter ? (filter.WindowCase == ReadOptions.Types.FilterOptions.WindowOneofCase.Max ? filter.Max : PageSize) * filter.CheckpointIntervalMultiplier : uint.MaxValue;
        var index = Start(options.All, inclusive: false);
        await responses.WriteAsync(new ReadResp { Confirmation = new ReadResp.Types.SubscriptionConfirmation { SubscriptionId = Guid.NewGuid().ToString() } }, cancellationToken);
        // The server's own beginning: -1/-1, which is the largest number on the wire.
        var (commit, prepare) = options.All.Position is { } position ? (position.CommitPosition, position.PreparePosition) : (ulong.MaxValue, ulong.MaxValue);
        var considered = 0u;
        while (true)
        {
            var appended = Log.Appended;
            while (Log.Slice(index, PageSize) is { Count: > 0 } page)
            {
                foreach (var record in page)
                {
                    if (Passes(options.Filter, record))
                    {
                        await responses.WriteAsync(Event(record), cancellationToken);
                        (commit, prepare) = ((ulong)record.Position, (ulong)record.Position);
                    }
                    if (++considered >= interval)
                    {
                        // The place after what was looked at, where the next record will begin.
                        considered = 0;
                        await responses.WriteAsync(Checkpoint((ulong)record.End, 0), cancellationToken);
                        (commit, prepare) = ((ulong)record.End, 0);
                    }
                }
                index += page.Count;
            }
            if (options.Filter is not null)
                await responses.WriteAsync(Checkpoint(commit, prepare), cancellationToken);
            await responses.WriteAsync(new ReadResp { CaughtUp = new ReadResp.Types.CaughtUp() }, cancellationToken);
            await appended.WaitAsync(cancellationToken);
        }
    }

    int Start(ReadOptions.Types.AllOptions all, bool inclusive)
    {
        switch (all.AllOptionCase)
        {
            case ReadOptions.Types.AllOptions.AllOptionOneofCase.Start:
                return 0;
            case ReadOptions.Types.AllOptions.AllOptionOneofCase.End:
                return Log.Count;
            default:
                if (!Log.IsValid(all.Position.CommitPosition))
                    throw Refused(StatusCode.InvalidArgument, "Trying to read from an invalid position.");
                return Log.IndexOf(all.Position.CommitPosition, all.Position.PreparePosition, inclusive);
        }
    }

    static string Show(ReadOptions.Types.AllOptions all) =>
        all.Position is { } position ? $"{position.CommitPosition}/{position.PreparePosition}" : all.AllOptionCase == ReadOptions.Types.AllOptions.AllOptionOneofCase.End ? "end" : "start";

    static bool Passes(ReadOptions.Types.FilterOptions? filter, StandInRecord record) => filter switch
    {
        null => true,
        { StreamIdentifier: { } names } => names.Prefix.Any(prefix => record.Stream.StartsWith(prefix, StringComparison.Ordinal)),
        { EventType: { } types } => types.Prefix.Any(prefix => record.Type.StartsWith(prefix, StringComparison.Ordinal)),
        _ => true,
    };

    static ReadResp Checkpoint(ulong commit, ulong prepare) => new() { Checkpoint = new ReadResp.Types.Checkpoint { CommitPosition = commit, PreparePosition = prepare } };

    static ReadResp Event(StandInRecord record) => new()
    {
        Event = new ReadResp.Types.ReadEvent
        {
            CommitPosition = (ulong)record.Position,
            Event = new ReadResp.Types.ReadEvent.Types.RecordedEvent
            {
                Id = new UUID
                {
                    Structured = new UUID.Types.Structured
                    {
                        MostSignificantBits = System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(record.Id.ToByteArray(bigEndian: true)),
                        LeastSignificantBits = System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(record.Id.ToByteArray(bigEndian: true).AsSpan(8)),
                    },
                },
                StreamIdentifier = new StreamIdentifier { StreamName = ByteString.CopyFromUtf8(record.Stream) },
                StreamRevision = (ulong)record.Revision,
                PreparePosition = (ulong)record.Position,
                CommitPosition = (ulong)record.Position,
                Metadata =
                {
                    ["type"] = record.Type,
                    ["created"] = 0L.ToString(CultureInfo.InvariantCulture),
                    ["content-type"] = record.ContentType,
                },
                Data = UnsafeByteOperations.UnsafeWrap(record.Data),
                CustomMetadata = UnsafeByteOperations.UnsafeWrap(record.Metadata),
            },
        },
    };
}
