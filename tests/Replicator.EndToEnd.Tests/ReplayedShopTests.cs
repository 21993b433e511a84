using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The recorded shop, replayed to a process of the whole pipeline.</summary>
public sealed class ReplayedShopTests(ReplayedShop shop) : ServedShopTests(shop), IClassFixture<ReplayedShop>
{
    [Fact]
    public async Task Complete_or_confessed_every_replayed_change_is_there_exactly_once() =>
        RecordedShop.AssertCompleteOrConfessed(await LiveLog.ReadChangesAsync(shop.Client.BaseAddress!), wasNeverInterrupted: true);
}
