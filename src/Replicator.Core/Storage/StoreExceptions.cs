using Replicator.Core.Events;

namespace Replicator.Core.Storage;

/// <summary>The stream is not where the writer believes it is: another writer appends to it. This one must stop, or read it again where it knows that it is the one to go on (<see cref="Recording.CollectorFence"/>).</summary>
public sealed class WrongExpectedRevisionException(StreamId stream, ExpectedRevision expected, long actual)
    : Exception($"Stream '{stream}' is at {(actual < 0 ? "no event" : $"revision {actual}")}, not at {expected}: another writer appends to it. Stop one of the two collectors.")
{
    /// <summary>The stream.</summary>
    public StreamId Stream { get; } = stream;
    /// <summary>What was expected.</summary>
    public ExpectedRevision Expected { get; } = expected;
    /// <summary>The last revision that the stream has; −1 when it has none.</summary>
    public long Actual { get; } = actual;
}

/// <summary>The store cannot serve now. The message names the cause and the remedy in one line.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What the store holds is damaged. The message names the place and the remedy in one line.</summary>
public sealed class StoreCorruptException(string message, Exception? inner = null) : Exception(message, inner);
