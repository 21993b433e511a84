using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Storage;
using Replicator.Core.Time;
using Xunit;

namespace Replicator.Core.Tests;

public sealed class InstantTests
{
    readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));

    [Theory]
    [InlineData("2026-01-31T03:00:00Z", "2026-01-31T03:00:00Z")]
    [InlineData("2026-01-31T03:00:00.123456+02:00", "2026-01-31T01:00:00.123456Z")]
    [InlineData("-15m", "2026-01-31T11:45:00Z")]
    [InlineData("-2h", "2026-01-31T10:00:00Z")]
    [InlineData("-3d", "2026-01-28T12:00:00Z")]
    [InlineData("-1h30m", "2026-01-31T10:30:00Z")]
    [InlineData("-0.5h", "2026-01-31T11:30:00Z")]
    [InlineData("-90s", "2026-01-31T11:58:30Z")]
    public void A_time_is_absolute_or_relative(string text, string expected) =>
        Assert.Equal(Cut.AtTime(DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture)), Instant.Parse(text, _time));

    [Fact]
    public void A_resource_version_and_now_are_instants_too()
    {
        Assert.Equal(Cut.AtResourceVersion("9007199254740993184467440737095516150"), Instant.Parse("rv:9007199254740993184467440737095516150", _time));
        Assert.Equal(Cut.Now, Instant.Parse("now", _time));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("yesterday")]
    [InlineData("-15")]
    [InlineData("-m")]
    [InlineData("-1y")]
    [InlineData("--1h")]
    [InlineData("rv:")]
    [InlineData("rv:abc")]
    [InlineData("rv:-1")]
    [InlineData("2026-01-31")]
    [InlineData("2026-01-31T03:00:00")]
    [InlineData("2026-13-31T03:00:00Z")]
    public void Anything_else_is_named_with_what_would_be_right(string text) =>
        Assert.Contains($"'{text}' is not an instant", Assert.Throws<FormatException>(() => Instant.Parse(text, _time)).Message, StringComparison.Ordinal);
}
