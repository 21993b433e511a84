using Microsoft.Extensions.Time.Testing;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Replicator.TestKit.Network;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>From a kubeconfig to an answer: what is wrong is said in one line, and what is rotated is taken up.</summary>
public sealed class ClusterConnectionTests : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly FakeTimeProvider _time = new();

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_kubeconfig_that_does_not_exist_is_named()
    {
        var path = _folder.File("none");
        Assert.Equal($"The kubeconfig '{path}' does not exist.", Refused(new ClusterOptions { KubeconfigPath = path }));
        Assert.Equal($"The kubeconfig '{_folder.Path}' is a directory; name a file.", Refused(new ClusterOptions { KubeconfigPath = _folder.Path }));
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("---\n# to be written\n", "is empty")]
    [InlineData("clusters: [", "is not valid YAML of a kubeconfig")]
    [InlineData("just a line", "is not valid YAML of a kubeconfig")]
    [InlineData("apiVersion: v1", "has no current-context; name one with --context. It has no contexts.")]
    [InlineData("{current-context: a, contexts: [{name: a, context: {cluster: nowhere}}]}", "Context 'a'")]
    [InlineData("{current-context: a, clusters: [{name: c, cluster: {server: 'ftp://x'}}], contexts: [{name: a, context: {cluster: c}}]}", "The server address 'ftp://x' of context 'a' is no http or https URL.")]
    public void A_kubeconfig_that_says_too_little_is_refused_with_the_reason(string content, string reason)
    {
        File.WriteAllText(_folder.File("config"), content);
        var refusal = Refused(new ClusterOptions { KubeconfigPath = _folder.File("config") });
        Assert.True(refusal.Contains(reason, StringComparison.Ordinal), refusal);
    }

    [Fact]
    public async Task A_context_that_does_not_exist_is_answered_with_those_that_do()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()]);
        var path = TestKubeconfig.Write(server, _folder.File("config"));
        Assert.Equal($"The kubeconfig '{path}' (from --kubeconfig) has no context 'prod'. It has: test.", Refused(new ClusterOptions { KubeconfigPath = path, Context = "prod" }));
        // kubectl minds the case.
        Assert.Contains("has no context 'TEST'", Refused(new ClusterOptions { KubeconfigPath = path, Context = "TEST" }), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_any_kubeconfig_and_outside_of_a_pod_it_is_said_where_one_was_looked_for()
    {
        Assert.Contains("looked at $KUBECONFIG and ~/.kube/config", Refused(new ClusterOptions { Environment = name => name == "HOME" ? _folder.Path : null }), StringComparison.Ordinal);
        Assert.Contains("$KUBECONFIG names '/none/a:/none/b'", Refused(new ClusterOptions { Environment = name => name == "KUBECONFIG" ? "/none/a:/none/b" : null }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_files_of_KUBECONFIG_are_merged_and_the_first_has_the_last_word()
    {
        await using var one = await TestApiServer.StartAsync([ServedType.Pods()]);
        await using var two = await TestApiServer.StartAsync([ServedType.Pods()]);
        var (first, second) = (TestKubeconfig.Write(one, _folder.File("one")), TestKubeconfig.Write(two, _folder.File("two")));
        using var connection = ClusterConnection.Open(new ClusterOptions { Environment = name => name == "KUBECONFIG" ? $"{first}:/none:{second}" : null });
        Assert.Equal(one.Url, connection.ServerUrl);
    }

    [Fact]
    public async Task A_path_prefix_of_the_server_is_kept()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()], prefix: "/k8s/clusters/c-1");
        // With and without a slash at its end.
        foreach (var url in (string[])[server.Url.AbsoluteUri, server.Url.AbsoluteUri.TrimEnd('/')])
        {
            using var connection = Open(server, url: url);
            Assert.Equal(server.Url, connection.ServerUrl);
            Assert.Single((await Discover(connection)).Types);
        }
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()]);
        using var connection = Open(server, url: "http://127.0.0.1:1");
        var refusal = await Assert.ThrowsAsync<ClusterUnreachableException>(() => Discover(connection));
        Assert.StartsWith("The API server at http://127.0.0.1:1/ cannot be reached: Connection refused", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_for_another_host_is_refused_although_its_authority_is_ours()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()], tls: true);
        server.Certificate = server.Certificates.Server("api.other.example");
        using (var connection = Open(server))
        {
            var refusal = await Assert.ThrowsAsync<ClusterUnreachableException>(() => Discover(connection));
            Assert.Contains("RemoteCertificateNameMismatch", refusal.Message, StringComparison.Ordinal);
        }
        using (var connection = Open(server, cluster: "tls-server-name: api.other.example"))
            Assert.Single((await Discover(connection)).Types);
        using (var connection = Open(server, cluster: "tls-server-name: api.third.example"))
            await Assert.ThrowsAsync<ClusterUnreachableException>(() => Discover(connection));
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_refused_unless_the_user_says_otherwise()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()], tls: true);
        using var stranger = new TestCertificates("stranger");
        using (var connection = Open(server, authority: stranger.AuthorityPem))
            await Assert.ThrowsAsync<ClusterUnreachableException>(() => Discover(connection));
        // The whole bundle counts, not its first certificate.
        using (var connection = Open(server, authority: stranger.AuthorityPem + "\n" + server.Certificates.AuthorityPem))
            Assert.Single((await Discover(connection)).Types);
        using (var connection = Open(server, authority: "", cluster: "insecure-skip-tls-verify: true"))
            Assert.Single((await Discover(connection)).Types);
    }

    [Fact]
    public async Task A_cluster_behind_a_proxy_is_reached_by_it_and_by_a_name_that_only_the_proxy_knows()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()], tls: true);
        server.Certificate = server.Certificates.Server("api.behind.example");
        await using var proxy = new ConnectProxy(server.Relay.Port, "user", "p@ss");
        using var connection = Open(server, url: "https://api.behind.example:6443", cluster: $"proxy-url: 'http://user:p%40ss@127.0.0.1:{proxy.Port}'");
        Assert.Single((await Discover(connection)).Types);
        Assert.All(server.Requests, request => Assert.Equal("HTTP/2", request.Protocol));
        Assert.All(proxy.Requests, head => Assert.Equal("CONNECT api.behind.example:6443 HTTP/1.1", head[0]));
    }

    [Theory]
    [InlineData("ftp://proxy:secret@proxy.example")]
    [InlineData("proxy.example")]
    public void A_proxy_of_an_unknown_kind_is_refused_and_not_gone_around(string url)
    {
        File.WriteAllText(_folder.File("config"), $"{{current-context: a, clusters: [{{name: c, cluster: {{server: 'http://x', proxy-url: '{url}'}}}}], contexts: [{{name: a, context: {{cluster: c}}}}]}}");
        var refusal = Refused(new ClusterOptions { KubeconfigPath = _folder.File("config") });
        Assert.Contains("the proxy-url of cluster 'c' is no http, https or socks5 URL", refusal, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HTTP_2_is_spoken_where_the_server_offers_it()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()], tls: true);
        using var connection = Open(server);
        await Discover(connection);
        Assert.All(server.Requests, request => Assert.Equal("HTTP/2", request.Protocol));
        Assert.Equal(1, server.Relay.Accepted);
    }

    [Fact]
    public async Task A_frozen_connection_is_found_by_pings_long_before_a_watch_would_have_ended()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()], tls: true);
        using var connection = ClusterConnection.Open(new ClusterOptions
        {
            KubeconfigPath = TestKubeconfig.Write(server, _folder.File("config")),
            KeepAlivePing = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)),
        });
        await using var watch = await connection.Client.GetStreamAsync("api/v1/pods?watch=true&resourceVersion=1", Cancel);
        server.Relay.Freeze();
        await Assert.ThrowsAnyAsync<Exception>(async () => await watch.ReadExactlyAsync(new byte[1], Cancel).AsTask().WaitAsync(TimeSpan.FromMinutes(1), Cancel));
    }

    [Fact]
    public async Task A_token_in_a_file_that_is_rotated_is_read_again_after_it_was_refused()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()]);
        await File.WriteAllTextAsync(_folder.File("token"), "first\n", Cancel);
        server.Authenticate = request => request.Authorization == "Bearer first";
        // Relative paths count from the kubeconfig.
        using var connection = Open(server, "tokenFile: token");
        await Discover(connection);

        await File.WriteAllTextAsync(_folder.File("token"), "second\n", Cancel);
        server.Authenticate = request => request.Authorization == "Bearer second";
        _time.Advance(TimeSpan.FromSeconds(11));
        var refusal = await Assert.ThrowsAsync<ClusterUnreachableException>(() => Discover(connection));
        Assert.Contains("does not accept the credentials (401)", refusal.Message, StringComparison.Ordinal);
        await Discover(connection);
    }

    [Fact]
    public void A_token_file_that_does_not_exist_is_named()
    {
        File.WriteAllText(_folder.File("config"), "{current-context: a, clusters: [{name: c, cluster: {server: 'http://x'}}], users: [{name: u, user: {tokenFile: none}}], contexts: [{name: a, context: {cluster: c, user: u}}]}");
        Assert.Contains(_folder.File("none"), Refused(new ClusterOptions { KubeconfigPath = _folder.File("config") }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plugin_is_asked_for_a_token_once_and_again_after_it_was_refused()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()]);
        await File.WriteAllTextAsync(_folder.File("token"), "first", Cancel);
        var script = _folder.File("plugin.sh");
        await File.WriteAllTextAsync(script, $$$"""
            echo run >> '{{{_folder.File("runs")}}}'
            printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' "$(cat '{{{_folder.File("token")}}}')"
            """, Cancel);
        server.Authenticate = request => request.Authorization == "Bearer first";
        using var connection = Open(server, $"exec: {{ apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: ['{script}'], interactiveMode: Never }}");
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Discover(connection)));
        var runs = (await File.ReadAllLinesAsync(_folder.File("runs"), Cancel)).Length;
        // Once to see whether it works, once for all ten.
        Assert.Equal(2, runs);

        await File.WriteAllTextAsync(_folder.File("token"), "second", Cancel);
        server.Authenticate = request => request.Authorization == "Bearer second";
        _time.Advance(TimeSpan.FromSeconds(11));
        await Assert.ThrowsAsync<ClusterUnreachableException>(() => Discover(connection));
        await Discover(connection);
        Assert.Equal(runs + 1, (await File.ReadAllLinesAsync(_folder.File("runs"), Cancel)).Length);
    }

    [Fact]
    public async Task A_plugin_that_fails_is_named_with_what_it_said()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()]);
        var path = TestKubeconfig.Write(server, _folder.File("config"), "exec: { apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: ['-c', 'login>&2'], interactiveMode: Never }");
        Assert.Contains("Context 'test'", Refused(new ClusterOptions { KubeconfigPath = path }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_certificate_that_is_rotated_is_shown_to_the_server_from_then_on()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()], tls: true);
        WriteClient(server.Certificates, "first");
        server.Authenticate = request => request.CertificateName == "CN=first";
        using var connection = Open(server, "client-certificate: client.crt, client-key: client.key");
        await Discover(connection);

        WriteClient(server.Certificates, "second");
        server.Authenticate = request => request.CertificateName == "CN=second";
        // The connection still bears the old one; the server's 401 makes us look.
        await Assert.ThrowsAsync<ClusterUnreachableException>(() => Discover(connection));
        await Discover(connection);

        // And without any refusal, within ten seconds.
        WriteClient(server.Certificates, "third");
        server.Authenticate = request => request.CertificateName is "CN=third";
        _time.Advance(TimeSpan.FromSeconds(10));
        await Discover(connection);
    }

    [Fact]
    public async Task A_half_written_client_certificate_leaves_the_old_one_in_use()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()], tls: true);
        WriteClient(server.Certificates, "first");
        server.Authenticate = request => request.CertificateName == "CN=first";
        using var connection = Open(server, "client-certificate: client.crt, client-key: client.key");
        await File.WriteAllTextAsync(_folder.File("client.crt"), "-----BEGIN CERTIFICATE-----\nMIIB", Cancel);
        _time.Advance(TimeSpan.FromSeconds(10));
        await Discover(connection);
        File.Delete(_folder.File("client.crt"));
        _time.Advance(TimeSpan.FromSeconds(10));
        await Discover(connection);
    }

    [Fact]
    public async Task An_authority_that_is_rotated_with_the_servers_certificate_is_taken_up()
    {
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()], tls: true);
        await File.WriteAllTextAsync(_folder.File("ca.crt"), server.Certificates.AuthorityPem, Cancel);
        using var connection = Open(server, authority: "", cluster: "certificate-authority: ca.crt");
        await Discover(connection);

        using var next = new TestCertificates("next-ca");
        server.Certificate = next.Server("127.0.0.1");
        server.Relay.Cut();
        await Assert.ThrowsAsync<ClusterUnreachableException>(() => Discover(connection));
        await File.WriteAllTextAsync(_folder.File("ca.crt"), next.AuthorityPem, Cancel);
        await Discover(connection);
    }

    [Fact]
    public async Task A_servers_certificate_that_is_rotated_under_a_watch_costs_no_list()
    {
        await using var rig = await ReflectorRig.StartAsync(tls: true);
        rig.Server.Certificate = rig.Server.Certificates.Server("127.0.0.1");
        rig.Server.Relay.Cut();
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 4"], rig.Asked);
    }

    void WriteClient(TestCertificates certificates, string name)
    {
        var (certificate, key) = certificates.Client(name);
        File.WriteAllText(_folder.File("client.crt"), certificate);
        File.WriteAllText(_folder.File("client.key"), key);
    }

    ClusterConnection Open(TestApiServer server, string user = "", string? url = null, string cluster = "", string? authority = null) =>
        ClusterConnection.Open(new ClusterOptions { KubeconfigPath = TestKubeconfig.Write(server, _folder.File("config"), user, url, cluster, authority), Time = _time });

    static Task<DiscoverySnapshot> Discover(ClusterConnection connection) => new Discovery(connection.Client, TimeProvider.System).DiscoverAsync(Cancel);

    static string Refused(ClusterOptions options)
    {
        var refusal = Assert.Throws<ClusterConfigurationException>(() => ClusterConnection.Open(options));
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal.Message;
    }
}
