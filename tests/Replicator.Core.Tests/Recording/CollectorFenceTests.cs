using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Events;
using Replicator.Core.Recording;
using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Core.Tests.Recording;

/// <summary>Who of two collectors of one cluster goes on.</summary>
public sealed class CollectorFenceTests
{
    static readonly WrongExpectedRevisionException Refusal = new(new StreamId("c", new("", "pods")), ExpectedRevision.Exactly(3), 5);

    readonly InMemoryEventStore _store = new();
    readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 1, 1, 3, 0, 0, TimeSpan.Zero));

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_claimed_the_cluster_last_goes_on_and_the_other_learns_by_whom_it_was_replaced()
    {
        CollectorFence first = new(_store, "c", _clock), second = new(_store, "c", _clock);
        using var one = await first.ClaimAsync(Cancel);
        await first.ConfirmAsync(Refusal, Cancel);
        using var other = await second.ClaimAsync(Cancel);
        await second.ConfirmAsync(Refusal, Cancel);
        var taken = await Assert.ThrowsAsync<ClusterTakenOverException>(() => first.ConfirmAsync(Refusal, Cancel));
        Assert.Equal($"Cluster 'c' is collected by another process since 2026-01-01T03:00:00Z (process {Environment.ProcessId} on {Environment.MachineName}), so this one stops: run one collector for each cluster.", taken.Message);
        Assert.Same(Refusal, taken.InnerException);
    }

    [Fact]
    public async Task One_that_starts_over_does_not_drive_out_who_has_taken_over_meanwhile()
    {
        CollectorFence first = new(_store, "c", _clock), second = new(_store, "c", _clock);
        using var one = await first.ClaimAsync(Cancel);
        using var again = await first.ClaimAsync(Cancel);
        Assert.Single(_store.Log);
        using var other = await second.ClaimAsync(Cancel);
        await Assert.ThrowsAsync<ClusterTakenOverException>(() => first.ClaimAsync(Cancel));
        await second.ConfirmAsync(Refusal, Cancel);
    }

    [Fact]
    public async Task A_claim_is_made_behind_whatever_is_written_to_the_stream_at_that_moment()
    {
        CollectorFence first = new(_store, "c", _clock), second = new(_store, "c", _clock);
        var claims = await Task.WhenAll(Task.Run(() => first.ClaimAsync(Cancel), Cancel), Task.Run(() => second.ClaimAsync(Cancel), Cancel));
        Array.ForEach(claims, recorder => recorder.Dispose());
        var last = await CollectorClaim.ReadLastAsync(_store, "c", Cancel);
        Assert.Equal(2, _store.Log.Count);
        var lost = 0;
        foreach (var fence in new[] { first, second })
        {
            try
            {
                await fence.ConfirmAsync(Refusal, Cancel);
            }
            catch (ClusterTakenOverException exception)
            {
                Assert.Equal(last, exception.By);
                lost++;
            }
        }
        Assert.Equal(1, lost);
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, Cancel)).Problem);
    }

    [Fact]
    public async Task Documents_and_other_clusters_do_not_hide_a_claim()
    {
        CollectorFence mine = new(_store, "c", _clock), neighbour = new(_store, "d", _clock);
        using (var recorder = await mine.ClaimAsync(Cancel))
            await recorder.HandleAsync([("api/v1", "{\"kind\":\"APIResourceList\"}"u8.ToArray())], _clock.GetUtcNow(), Provenance.List, Cancel);
        using var other = await neighbour.ClaimAsync(Cancel);
        await mine.ConfirmAsync(Refusal, Cancel);
        await neighbour.ConfirmAsync(Refusal, Cancel);
    }

    [Fact]
    public async Task A_log_that_knows_nothing_of_the_claim_is_another_log()
    {
        using var recorder = await new CollectorFence(_store, "other", _clock).ClaimAsync(Cancel);
        Assert.Same(Refusal, await Assert.ThrowsAsync<WrongExpectedRevisionException>(() => new CollectorFence(_store, "c", _clock).ConfirmAsync(Refusal, Cancel)));
    }
}
