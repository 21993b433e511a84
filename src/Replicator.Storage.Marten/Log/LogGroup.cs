using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Storage;

namespace Replicator.Storage.Marten.Log;

/// <summary>Batches that go into the log in one transaction, encoded for the places that they will have if nobody else has written to their streams. Reusable after <see cref="Clear"/>.</summary>
sealed class LogGroup : IDisposable
{
    const int MaxEvents = 4096;
    const int MaxBytes = 32 * 1024 * 1024;

    /// <summary>Bodies and headers, one after another.</summary>
    public PooledBufferWriter Bytes { get; } = new();

    /// <summary>The rows, in the order of their positions.</summary>
    public List<LogGroupRow> Rows { get; } = [];

    /// <summary>The batches whose rows they are, with the number of each one's first row.</summary>
    public List<(AppendRequest Request, int FirstRow)> Planned { get; } = [];

    /// <summary>Batches whose expectation does not hold; to be answered once what stands in the group is durable, for it may be that which stands in their way.</summary>
    public List<AppendRequest> Refused { get; } = [];

    /// <summary>The last revision of each stream before the group, as it is believed to be, and after it.</summary>
    public Dictionary<StreamId, (long Before, long After)> Streams { get; } = [];

    /// <summary>Whether there is anything to do.</summary>
    public bool IsEmpty => Planned.Count == 0 && Refused.Count == 0;

    /// <summary>Whether no more should come in.</summary>
    public bool IsFull => Rows.Count >= MaxEvents || Bytes.WrittenCount >= MaxBytes;

    /// <summary>All batches in the order in which they were asked for, but for those refused, which come last.</summary>
    public IEnumerable<AppendRequest> Requests => Planned.Select(one => one.Request).Concat(Refused);

    public void Clear()
    {
        Bytes.Clear();
        Rows.Clear();
        Planned.Clear();
        Refused.Clear();
        Streams.Clear();
    }

    public void Dispose() => Bytes.Dispose();
}

/// <summary>A row of <c>mt_events</c> without its position; body and headers lie in the group's bytes, the headers behind the body.</summary>
readonly record struct LogGroupRow(Guid Id, StreamId Stream, long Revision, EventClass Class, DateTime ObservedAt, int Start, int HeadersStart, int End);

/// <summary>A batch on its way, and whom to tell.</summary>
sealed record AppendRequest(StreamId Stream, ExpectedRevision Expected, IReadOnlyList<ProposedEvent> Events)
{
    public TaskCompletionSource<AppendResult> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
