using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.Storage.Marten.Log;

/// <summary>Batches that go into the log in one transaction, encoded for the places that they will have if nobody else has written to their streams. Reusable after <see cref="Clear"/>.</summary>
sealed class LogGroup : IDisposable
{
    const int MaxEvents = 4096;
    const int MaxBytes = 32 * 1024 * 1024;

    /// <summary>The rows, in the order of their positions.</summary>
    public EventRows Rows { get; } = new();

    /// <summary>The batches whose rows they are, with the revision of each one's last event.</summary>
    public List<(AppendRequest Request, long LastRevision)> Planned { get; } = [];

    /// <summary>Batches whose expectation does not hold; to be answered once what stands in the group is durable, for it may be that which stands in their way.</summary>
    public List<AppendRequest> Refused { get; } = [];

    /// <summary>The last revision of each stream before the group, as it is believed to be, and after it.</summary>
    public Dictionary<StreamId, (long Before, long After)> Streams { get; } = [];

    /// <summary>Whether there is anything to do.</summary>
    public bool IsEmpty => Planned.Count == 0 && Refused.Count == 0;

    /// <summary>Whether no more should come in.</summary>
    public bool IsFull => Rows.Count >= MaxEvents || Rows.ByteCount >= MaxBytes;

    /// <summary>All batches in the order in which they were asked for, but for those refused, which come last.</summary>
    public IEnumerable<AppendRequest> Requests => Planned.Select(one => one.Request).Concat(Refused);

    public void Clear()
    {
        Rows.Clear();
        Planned.Clear();
        Refused.Clear();
        Streams.Clear();
    }

    public void Dispose() => Rows.Dispose();
}

/// <summary>A batch on its way, and whom to tell.</summary>
sealed record AppendRequest(StreamId Stream, ExpectedRevision Expected, IReadOnlyList<ProposedEvent> Events)
{
    public TaskCompletionSource<AppendResult> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
