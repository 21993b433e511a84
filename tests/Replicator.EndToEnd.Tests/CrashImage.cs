using Replicator.Core.Projecting;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>What a killed process left on the disk, in a copy, as the next process finds it.</summary>
/// <param name="Hashes">The hashes of the log's events by position.</param>
/// <param name="Published">The publisher's stored position.</param>
/// <param name="Projected">The projection's checkpoint.</param>
sealed record CrashImage(IReadOnlyList<string> Hashes, long Published, long Projected)
{
    /// <summary>An empty folder.</summary>
    public static CrashImage Nothing { get; } = new([], 0, 0);

    /// <summary>Copies the folder and holds the copy to the promise: the chain is whole, no event is there twice, neither the projection nor the publisher is ahead of the log, and the projection equals a fresh fold.</summary>
    public static async Task<CrashImage> TakeAsync(string folder)
    {
        using var copy = new TemporaryFolder();
        if (Directory.Exists(folder))
        {
            foreach (var file in Directory.EnumerateFiles(folder))
                File.Copy(file, copy.File(Path.GetFileName(file)));
        }
        await using var data = await SqliteDataFolder.OpenAsync(copy.Path);
        var verification = await LogVerifier.VerifyAsync(data.Events, null, CancellationToken.None);
        Assert.Null(verification.Problem);
        var (hashes, ids) = (new List<string>(), new HashSet<Guid>());
        await foreach (var page in data.Events.ReadAllAsync(0, new ReadOptions(States: false), CancellationToken.None))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    Assert.True(ids.Add(recorded.Id), $"The event at position {recorded.Position} is there twice.");
                    hashes.Add(Convert.ToHexString(recorded.Hash.Span));
                }
            }
        }
        var image = new CrashImage(hashes, await data.Checkpoints.ReadAsync("publisher", CancellationToken.None), await data.Snapshots.GetCheckpointAsync(CancellationToken.None));
        Assert.InRange(image.Published, 0, hashes.Count);
        Assert.InRange(image.Projected, 0, hashes.Count);
        await AssertProjectionIsAFoldAsync(data);
        return image;
    }

    /// <summary>Brings the projection to the log's end and compares it with one that is built from nothing.</summary>
    public static async Task AssertProjectionIsAFoldAsync(SqliteDataFolder data)
    {
        using var projector = new Projector(data.Events, data.Snapshots);
        await projector.CatchUpAsync(CancellationToken.None);
        var digest = await data.Snapshots.ComputeDigestAsync(CancellationToken.None);
        await projector.RebuildAsync(null, CancellationToken.None);
        Assert.Equal(digest, await data.Snapshots.ComputeDigestAsync(CancellationToken.None));
    }

    /// <summary>What was durable stays so: this image goes on where the earlier one ended, and no follower went back.</summary>
    public void AssertFollows(CrashImage earlier)
    {
        Assert.True(Hashes.Count >= earlier.Hashes.Count, $"The log went from {earlier.Hashes.Count} events to {Hashes.Count}.");
        Assert.True(earlier.Hashes.SequenceEqual(Hashes.Take(earlier.Hashes.Count)), "An event that was durable became another.");
        Assert.True(Published >= earlier.Published, $"The publisher's position went from {earlier.Published} to {Published}.");
        Assert.True(Projected >= earlier.Projected, $"The projection's checkpoint went from {earlier.Projected} to {Projected}.");
    }
}
