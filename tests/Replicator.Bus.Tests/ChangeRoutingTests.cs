using CsCheck;
using Replicator.Contracts;
using Xunit;

namespace Replicator.Bus.Tests;

public sealed class ChangeRoutingTests
{
    [Theory]
    [InlineData("shop", "", "pods", "payments", "shop.core.pods.payments")]
    [InlineData("shop", "networking.k8s.io", "ingresses", "a", "shop.networking_k8s_io.ingresses.a")]
    [InlineData("eu.prod", "", "nodes", "", "eu_prod.core.nodes.-")]
    public void A_key_has_four_words_without_dots(string cluster, string group, string resource, string @namespace, string key) =>
        Assert.Equal(key, ChangeRouting.KeyOf(cluster, group, resource, @namespace));

    [Fact]
    public void What_is_not_named_selects_everything() => Assert.Equal("*.apps.*.-", ChangeRouting.Pattern(group: "apps", @namespace: ""));

    [Fact]
    public void No_key_is_longer_than_AMQP_allows_whatever_the_names() => Gen.Select(Gen.Int[1, 63], Gen.Int[0, 253], Gen.Int[1, 63], Gen.Int[0, 63]).Sample((cluster, group, resource, @namespace) =>
    {
        var key = ChangeRouting.KeyOf(new string('c', cluster), new string('g', group), new string('r', resource), new string('n', @namespace));
        var words = key.Split('.');
        Assert.InRange(key.Length, 1, 255);
        Assert.Equal(4, words.Length);
        Assert.Equal((new string('c', cluster), new string('r', resource)), (words[0], words[2]));
        Assert.Equal(words[1].Length < group, words[1].EndsWith('~'));
    });
}
