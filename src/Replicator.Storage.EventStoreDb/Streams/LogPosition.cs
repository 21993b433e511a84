namespace Replicator.Storage.EventStoreDb.Streams;

/// <summary>A place in <c>$all</c> as the server names it: where the record that commits begins, and where the record itself does. Ordered by both.</summary>
/// <remarks>
/// <para>An event that was appended over gRPC commits itself, so both halves are the same. A place between events (a checkpoint) is often the end of the last record, which is where the next will begin,
/// with a prepare position of 0: it comes before the event that will stand there, and everything that passes the filter before it has been delivered.</para>
/// <para>The port has one number for both. An event at <c>(X, X)</c> is <c>2X + 1</c>, a place before it <c>(X, less)</c> is <c>2X</c>: in the order of the log, never 0 for an event (0 is the start), and from either the
/// server's position can be had again. With X alone, a subscription that resumes from such a checkpoint would skip the event that begins there. What is lost is the prepare position of a checkpoint within somebody
/// else's transaction; resuming from its start looks at some of its events again, and none of them is ours.</para>
/// </remarks>
readonly record struct LogPosition(ulong Commit, ulong Prepare)
{
    /// <summary>Whether the server names a place at all: "none" and "the end" are the largest numbers.</summary>
    public bool IsKnown => Commit <= long.MaxValue / 2;

    public long ToPort() => checked((long)(Commit * 2)) + (Prepare >= Commit ? 1 : 0);

    /// <summary>The place of a number of the port; <see langword="null"/> for 0, the start.</summary>
    public static LogPosition? FromPort(long position) => position switch
    {
        0 => null,
        < 0 => throw new ArgumentOutOfRangeException(nameof(position), position, "A log position is 0 (the start) or more."),
        _ => new((ulong)position / 2, position % 2 == 1 ? (ulong)position / 2 : 0),
    };
}
