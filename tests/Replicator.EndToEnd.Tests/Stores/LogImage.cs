using Replicator.Core.Projecting;
using Replicator.Core.Storage;
using Xunit;

namespace Replicator.EndToEnd.Tests.Stores;

/// <summary>What a killed process left in its stores, whatever engines they are in.</summary>
/// <param name="Hashes">The hashes of every stream's events.</param>
/// <param name="Published">The publisher's stored position.</param>
/// <param name="Projected">The projection's checkpoint.</param>
sealed record LogImage(IReadOnlyDictionary<string, List<string>> Hashes, long Published, long Projected)
{
    public static LogImage Nothing { get; } = new(new Dictionary<string, List<string>>(), 0, 0);

    public int Count => Hashes.Values.Sum(stream => stream.Count);

    /// <summary>Reads the stores and holds them to the promise: the chains are whole, no event is there twice, and no follower is ahead of the log.</summary>
    public static async Task<LogImage> TakeAsync(StorePlace place)
    {
        var (events, snapshots, checkpoints, opened) = await place.OpenAsync();
        await using (opened)
        {
            Assert.Null((await LogVerifier.VerifyAsync(events, null, CancellationToken.None)).Problem);
            var (hashes, ids) = (new Dictionary<string, List<string>>(), new HashSet<Guid>());
            await foreach (var page in events.ReadAllAsync(0, new ReadOptions(States: false), CancellationToken.None))
            {
                using (page)
                {
                    foreach (var recorded in page.Events)
                    {
                        Assert.True(ids.Add(recorded.Id), $"The event at position {recorded.Position} is there twice.");
                        if (!hashes.TryGetValue(recorded.Stream.Name, out var stream))
                            hashes.Add(recorded.Stream.Name, stream = []);
                        stream.Add(Convert.ToHexString(recorded.Hash.Span));
                    }
                }
            }
            var head = await events.GetHeadAsync(CancellationToken.None);
            var image = new LogImage(hashes, await checkpoints.ReadAsync("publisher", CancellationToken.None), await snapshots.GetCheckpointAsync(CancellationToken.None));
            Assert.InRange(image.Published, 0, head);
            Assert.InRange(image.Projected, 0, head);
            return image;
        }
    }

    /// <summary>Brings the projection to the log's end and compares it with one that is built from nothing.</summary>
    public static async Task AssertProjectionIsAFoldAsync(StorePlace place)
    {
        var (events, snapshots, _, opened) = await place.OpenAsync();
        await using (opened)
        {
            using var projector = new Projector(events, snapshots);
            await projector.CatchUpAsync(CancellationToken.None);
            var digest = await snapshots.ComputeDigestAsync(CancellationToken.None);
            await projector.RebuildAsync(null, CancellationToken.None);
            Assert.Equal(digest, await snapshots.ComputeDigestAsync(CancellationToken.None));
        }
    }

    /// <summary>What was durable stays so, and no follower went back.</summary>
    public void AssertFollows(LogImage earlier)
    {
        foreach (var (stream, hashes) in earlier.Hashes)
            Assert.True(Hashes.GetValueOrDefault(stream, []).Take(hashes.Count).SequenceEqual(hashes), $"An event of stream '{stream}' that was durable is lost or became another.");
        Assert.True(Published >= earlier.Published, $"The publisher's position went from {earlier.Published} to {Published}.");
        Assert.True(Projected >= earlier.Projected, $"The projection's checkpoint went from {earlier.Projected} to {Projected}.");
    }
}
