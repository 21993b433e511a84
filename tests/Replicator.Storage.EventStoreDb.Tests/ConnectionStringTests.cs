using System.Net;
using Xunit;

namespace Replicator.Storage.EventStoreDb.Tests;

public sealed class ConnectionStringTests
{
    [Fact]
    public void A_plain_one_names_a_host_and_has_the_defaults_of_the_official_client()
    {
        var parsed = EventStoreDbConnectionString.Parse("esdb://localhost");
        Assert.Equal([new DnsEndPoint("localhost", 2113)], parsed.Hosts);
        Assert.Equal(
            (false, null, true, true, NodePreference.Leader, 10, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)),
            (parsed.Discover, parsed.User, parsed.Tls, parsed.TlsVerifyCertificate, parsed.NodePreference, parsed.MaxDiscoverAttempts, parsed.DiscoveryInterval, parsed.GossipTimeout, parsed.KeepAliveInterval, parsed.KeepAliveTimeout, parsed.DefaultDeadline));
    }

    [Fact]
    public void Every_option_is_read()
    {
        var file = Path.Combine(AppContext.BaseDirectory, "Replicator.Core.dll");
        var parsed = EventStoreDbConnectionString.Parse(
            $"esdb://admin:p%40ss%3Aw@a:1?tls=false&tlsVerifyCert=false&tlsCaFile={file}&userCertFile={file}&userKeyFile={file}&nodePreference=readOnlyReplica&maxDiscoverAttempts=3"
            + "&discoveryInterval=250&gossipTimeout=7&keepAliveInterval=-1&keepAliveTimeout=1500&defaultDeadline=-1&connectionName=me");
        Assert.Equal(("admin", "p@ss:w"), (parsed.User, parsed.Password));
        Assert.Equal((false, false, file, file, file), (parsed.Tls, parsed.TlsVerifyCertificate, parsed.TlsCaFile, parsed.UserCertFile, parsed.UserKeyFile));
        Assert.Equal((NodePreference.ReadOnlyReplica, 3, 250d, 7d), (parsed.NodePreference, parsed.MaxDiscoverAttempts, parsed.DiscoveryInterval.TotalMilliseconds, parsed.GossipTimeout.TotalSeconds));
        Assert.Equal((Timeout.InfiniteTimeSpan, 1500d, Timeout.InfiniteTimeSpan, "me"), (parsed.KeepAliveInterval, parsed.KeepAliveTimeout.TotalMilliseconds, parsed.DefaultDeadline, parsed.ConnectionName));
    }

    [Theory]
    [InlineData("esdb://a", false, 1)]
    [InlineData("kurrentdb://a:2113/", false, 1)]
    [InlineData("esdb+discover://a", true, 1)]
    [InlineData("kurrentdb+discover://a", true, 1)]
    [InlineData("esdb://a:1,b:2,c:3", true, 3)]
    [InlineData("ESDB://[::1]:2113", false, 1)]
    public void Schemes_and_hosts_tell_whether_to_ask_the_cluster(string text, bool discover, int hosts)
    {
        var parsed = EventStoreDbConnectionString.Parse(text);
        Assert.Equal((discover, hosts), (parsed.Discover, parsed.Hosts.Count));
    }

    [Theory]
    [InlineData("localhost:2113", "esdb://")]
    [InlineData("http://localhost:2113", "'http'")]
    [InlineData("esdb://", "''")]
    [InlineData("esdb://a:port", "'a:port'")]
    [InlineData("esdb://a:70000", "'a:70000'")]
    [InlineData("esdb://user@a", "password")]
    [InlineData("esdb://a/path", "'/path'")]
    [InlineData("esdb://a?tsl=false", "'tsl'")]
    [InlineData("esdb://a?tls", "'tls'")]
    [InlineData("esdb://a?tls=no", "'no'")]
    [InlineData("esdb://a?tls=true&TLS=true", "'TLS' twice")]
    [InlineData("esdb://a?nodePreference=boss", "'boss'")]
    [InlineData("esdb://a?gossipTimeout=soon", "'soon'")]
    [InlineData("esdb://a?maxDiscoverAttempts=0", "'0'")]
    [InlineData("esdb://a?keepAliveInterval=999", "'999'")]
    [InlineData("esdb://a?keepAliveTimeout=0", "'0'")]
    [InlineData("esdb://a?tlsCaFile=/none/ca.pem", "'/none/ca.pem'")]
    [InlineData("esdb://a?throwOnAppendFailure=false", "'false'")]
    public void What_is_wrong_is_named_in_one_line_that_says_what_to_write(string text, string named)
    {
        var refused = Assert.Throws<FormatException>(() => EventStoreDbConnectionString.Parse(text));
        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void The_password_is_never_shown()
    {
        Assert.DoesNotContain("secret", EventStoreDbConnectionString.Parse("esdb://admin:secret@a,b").ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", Assert.Throws<FormatException>(() => EventStoreDbConnectionString.Parse("esdb://admin:secret@a?x=y")).Message, StringComparison.Ordinal);
    }
}
