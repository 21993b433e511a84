using Replicator.Core.Kubernetes;
using Xunit;

namespace Replicator.Core.Tests;

public sealed class LabelSelectorTests
{
    static readonly Dictionary<string, string> Labels = new() { ["app"] = "web", ["example.com/tier"] = "front", ["size"] = "10", ["empty"] = "" };

    [Theory]
    [InlineData("", true)]
    [InlineData("app=web", true)]
    [InlineData("app==web", true)]
    [InlineData(" app = web , example.com/tier=front ", true)]
    [InlineData("app=web,", true)]
    [InlineData("app!=web", false)]
    [InlineData("other!=web", true)]
    [InlineData("app", true)]
    [InlineData("!app", false)]
    [InlineData("!other", true)]
    [InlineData("app in (api, web)", true)]
    [InlineData("app in (api,)", false)]
    [InlineData("empty in (a,)", true)]
    [InlineData("empty=", true)]
    [InlineData("app notin (api)", true)]
    [InlineData("other notin (api)", true)]
    [InlineData("app notin (api,web)", false)]
    [InlineData("size>9", true)]
    [InlineData("size > 10", false)]
    [InlineData("size<11,app=web", true)]
    [InlineData("app>1", false)]
    [InlineData("in in (in)", false)]
    public void Selects_as_the_API_server_does(string selector, bool expected) => Assert.Equal(expected, LabelSelector.Parse(selector).Matches(Labels));

    [Theory]
    [InlineData("app web")]
    [InlineData("=web")]
    [InlineData("app in web")]
    [InlineData("app in (web")]
    [InlineData("app=web)")]
    [InlineData("app=a=b")]
    [InlineData("size>big")]
    [InlineData("-app=web")]
    [InlineData("app=we$b")]
    [InlineData("/app=web")]
    [InlineData("!")]
    public void A_malformed_selector_is_named(string selector) =>
        Assert.Contains($"'{selector}'", Assert.Throws<FormatException>(() => LabelSelector.Parse(selector)).Message, StringComparison.Ordinal);
}
