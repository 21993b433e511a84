using Replicator.Core.Events;

namespace Replicator.Core.Storage;

/// <summary>Proves a log whole: every stream's revisions without holes, every hash following from its predecessor.</summary>
public static class LogVerifier
{
    /// <summary>Reads the whole log and returns the first event that is not what its hash says, or null.</summary>
    /// <param name="store">The log.</param>
    /// <param name="progress">Told the position reached.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    public static async Task<LogVerification> VerifyAsync(IEventStore store, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var chain = new HashChain();
        var heads = new Dictionary<StreamId, (long Revision, byte[] Hash)>();
        var computed = new byte[HashChain.HashLength];
        long count = 0;
        await foreach (var page in store.ReadAllAsync(0, new ReadOptions(), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    var known = heads.TryGetValue(recorded.Stream, out var head);
                    var expected = known ? head.Revision + 1 : 0;
                    if (recorded.Revision != expected)
                        return new(count, recorded.Position, $"Stream '{recorded.Stream}' goes from revision {expected - 1} to {recorded.Revision}: events are missing before position {recorded.Position}.");
                    chain.Compute(known ? head.Hash : default, recorded.Type, recorded.Metadata, recorded.State.Span, computed);
                    if (!computed.AsSpan().SequenceEqual(recorded.Hash.Span))
                        return new(count, recorded.Position, $"Event {recorded.Revision} of stream '{recorded.Stream}' (position {recorded.Position}) is not what its hash says: it or its predecessor was altered.");
                    if (known)
                        computed.CopyTo(head.Hash, 0);
                    heads[recorded.Stream] = (recorded.Revision, known ? head.Hash : computed.ToArray());
                    count++;
                }
                progress?.Report(page.Position);
            }
        }
        return new(count, null, null);
    }
}

/// <summary>The outcome of <see cref="LogVerifier.VerifyAsync"/>.</summary>
/// <param name="Events">How many events were found whole.</param>
/// <param name="BadPosition">The position of the first event that is not, or null.</param>
/// <param name="Problem">What is wrong with it.</param>
public sealed record LogVerification(long Events, long? BadPosition, string? Problem);
