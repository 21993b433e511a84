using Replicator.Core.Events;

namespace Replicator.Core.Storage;

/// <summary>Looks whether the last event of every stream follows from the one before it: what a torn or altered end of a log shows first. <see cref="LogVerifier"/> proves the whole.</summary>
public static class ChainHeads
{
    /// <summary>How many streams were looked at, and what is wrong with each that is.</summary>
    public static async Task<(int Streams, IReadOnlyList<string> Problems)> VerifyAsync(IEventStore store, CancellationToken cancellationToken)
    {
        using var chain = new HashChain();
        var problems = new List<string>();
        var streams = await store.ListStreamsAsync("", cancellationToken).ConfigureAwait(false);
        var computed = new byte[HashChain.HashLength];
        foreach (var info in streams)
        {
            // A page's buffers are gone when the next is read, and the two may lie in two.
            var ends = new List<(RecordedEvent Recorded, byte[] State, byte[] Hash)>();
            await foreach (var page in store.ReadStreamAsync(info.Stream, long.MaxValue, backwards: true, new ReadOptions(MaxCount: 2), cancellationToken).ConfigureAwait(false))
            {
                using (page)
                    ends.AddRange(page.Events.Select(recorded => (recorded, recorded.State.ToArray(), recorded.Hash.ToArray())));
            }
            if (ends.Count == 0)
                continue;
            var (last, state, hash) = ends[0];
            if (last.Revision > 0 && (ends.Count < 2 || ends[1].Recorded.Revision != last.Revision - 1))
            {
                problems.Add($"stream '{info.Stream}' lacks the event before its last, revision {last.Revision}");
                continue;
            }
            chain.Compute(last.Revision == 0 ? default : ends[1].Hash, last.Type, last.Metadata, state, computed);
            if (!computed.AsSpan().SequenceEqual(hash))
                problems.Add($"the last event of stream '{info.Stream}' (position {last.Position}) is not what its hash says");
        }
        return (streams.Count, problems);
    }
}
