using Replicator.Core.Events;

namespace Replicator.Core.Storage;

/// <summary>Consecutive events of a read, with the buffers that hold their states. Dispose it when done with them.</summary>
public sealed class EventPage(IReadOnlyList<RecordedEvent> events, long position, IDisposable? buffers) : IDisposable
{
    /// <summary>The events, in order; may be empty where only <see cref="Position"/> moved (a filtered read).</summary>
    public IReadOnlyList<RecordedEvent> Events { get; } = events;

    /// <summary>Everything up to this position has been delivered: the position to resume after.</summary>
    public long Position { get; } = position;

    /// <inheritdoc/>
    public void Dispose() => buffers?.Dispose();
}
