using Xunit;

namespace Replicator.KubeApi.Tests.Tables;

/// <summary>Ages, as kubectl has them.</summary>
public sealed class HumanDurationTests
{
    [Theory]
    [InlineData("0.00:00:00", "0s")]
    [InlineData("0.00:00:01", "1s")]
    [InlineData("0.00:01:59", "119s")]
    [InlineData("0.00:02:00", "2m")]
    [InlineData("0.00:02:01", "2m1s")]
    [InlineData("0.00:09:59", "9m59s")]
    [InlineData("0.00:10:00", "10m")]
    [InlineData("0.00:10:59", "10m")]
    [InlineData("0.02:59:59", "179m")]
    [InlineData("0.03:00:00", "3h")]
    [InlineData("0.03:01:00", "3h1m")]
    [InlineData("0.07:59:59", "7h59m")]
    [InlineData("0.08:00:00", "8h")]
    [InlineData("1.23:59:59", "47h")]
    [InlineData("2.00:00:00", "2d")]
    [InlineData("2.01:00:00", "2d1h")]
    [InlineData("7.23:59:59", "7d23h")]
    [InlineData("8.00:00:00", "8d")]
    [InlineData("729.23:59:59", "729d")]
    [InlineData("730.00:00:00", "2y")]
    [InlineData("731.00:00:00", "2y1d")]
    [InlineData("2919.00:00:00", "7y364d")]
    [InlineData("2920.00:00:00", "8y")]
    [InlineData("3285.00:00:00", "9y")]
    [InlineData("-0.00:00:01", "0s")]
    [InlineData("-0.00:00:02", "<invalid>")]
    [InlineData("-300.00:00:00", "<invalid>")]
    public void An_age_has_two_units_at_most(string age, string expected) =>
        Assert.Equal(expected, Age($"\"{Printed.Ago(TimeSpan.Parse(age, System.Globalization.CultureInfo.InvariantCulture))}\""));

    [Theory]
    [InlineData("\"0001-01-01T00:00:00Z\"", "<unknown>")]
    [InlineData("null", "<unknown>")]
    [InlineData("\"\"", "<unknown>")]
    [InlineData("\"yesterday\"", "<unknown>")]
    [InlineData("\"2026-13-24T12:00:00Z\"", "<unknown>")]
    [InlineData("\"2026-02-30T12:00:00Z\"", "<unknown>")]
    [InlineData("\"2026-11-24T12:00:60Z\"", "<unknown>")]
    [InlineData("\"2026-11-24T11:59:50\"", "<unknown>")]
    [InlineData("\"2026-11-24T11:59:50.Z\"", "<unknown>")]
    [InlineData("17", "<unknown>")]
    [InlineData("\"2026-11-24T11:59:50.999999Z\"", "9s")]
    [InlineData("\"2026-11-24T12:59:50+01:00\"", "10s")]
    [InlineData("\"2026-11-24T05:29:50-06:30\"", "10s")]
    [InlineData("\"2026-11-24T11:59:50\\u005a\"", "10s")]
    [InlineData("\"0001-01-01T00:00:01Z\"", "292y")]
    [InlineData("\"9999-12-31T23:59:59Z\"", "<invalid>")]
    public void A_time_is_read_as_the_server_reads_it(string time, string expected) => Assert.Equal(expected, Age(time));

    static string Age(string time) => Printed.Cells("namespaces", $$"""{"metadata":{"name":"shop","creationTimestamp":{{time}} } }""")["Age"];
}
