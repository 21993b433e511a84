using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The recorded shop, imported.</summary>
public sealed class ImportedShopTests(ImportedShop shop) : ServedShopTests(shop), IClassFixture<ImportedShop>
{
    [Fact]
    public async Task Complete_or_confessed_every_recorded_change_is_there_exactly_once()
    {
        var expected = RecordedShop.ReadChanges().Select(change => change.Key).ToHashSet();
        var actual = new List<string>();
        await foreach (var change in Changes(""))
        {
            if (change["name"]!.GetValue<string>().Length > 0)
                actual.Add(RecordedShop.KeyOf(change));
        }
        Assert.Equal(actual.Distinct().Count(), actual.Count);
        Assert.True(expected.Count > 1200, $"{expected.Count}");
        Assert.Equal(expected.Order(), actual.Order());
    }
}
