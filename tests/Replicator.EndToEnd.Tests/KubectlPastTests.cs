using System.Text.Json.Nodes;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The real kubectl against the past beyond what was recorded of it: watches, what the past cannot do, and what it says of itself.</summary>
public sealed class KubectlPastTests(KubectlGoldenTests.Shop shop) : IClassFixture<KubectlGoldenTests.Shop>
{
    const string ReadOnly = "this is cluster 'shop' as of rv:997: the past can be read and not changed";

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Watch_at_an_instant_replays_what_followed_it()
    {
        var client = await Kubectl.FindAsync();
        using var http = new HttpClient { BaseAddress = shop.Url };
        var listed = JsonNode.Parse(await http.GetStringAsync("clusters/shop/as-of/rv:700/api/v1/namespaces/shop/pods", Cancel))!["items"]!.AsArray();
        var changes = JsonNode.Parse(await http.GetStringAsync("api/v1/clusters/shop/changes?resource=pods&namespace=shop&from=rv:700&limit=1000", Cancel))!["items"]!.AsArray()
            .Where(change => change!["type"]!.GetValue<string>() is "ADDED" or "MODIFIED" or "DELETED").Select(change => change!["name"]!.GetValue<string>()).ToList();
        Assert.True(changes.Count > 20, $"{changes.Count}");
        var lines = await client.ReadLinesAsync(shop.Url, "shop", "rv:700@max", 1 + listed.Count + changes.Count, null, "get", "pods", "-n", "shop", "--watch");
        Assert.StartsWith("NAME ", lines[0], StringComparison.Ordinal);
        Assert.Equal([.. listed.Select(pod => pod!["metadata"]!["name"]!.GetValue<string>()), .. changes], lines.Skip(1).Select(line => line.Split(' ')[0]));
    }

    [Fact]
    public async Task Watch_at_now_shows_changes_as_a_collector_records_them()
    {
        var client = await Kubectl.FindAsync();
        using var folder = new TemporaryFolder();
        await using var server = await TestApiServer.StartAsync([ServedType.Pods(), ServedType.Namespaces()]);
        server.Model.Put(CollectingHost.Pods, "shop", "web-0", "\"spec\":{}");
        await using var host = await CollectingHost.StartAsync(folder);
        host.Add("live", server);
        await host.CaughtUpAsync("live", server, Cancel);
        var lines = await client.ReadLinesAsync(host.Host.Url, "live", "now", 4, count =>
        {
            // Each line is the answer to a change that was made when the one before it had been printed.
            if (count is 2 or 3)
                server.Model.Put(CollectingHost.Pods, "shop", $"web-{count - 1}", "\"spec\":{}");
            return Task.CompletedTask;
        }, "get", "pods", "-n", "shop", "--watch");
        Assert.Equal(["NAME", "web-0", "web-1", "web-2"], lines.Select(line => line.Split(' ')[0]));
    }

    [Theory]
    [InlineData("Deployment", "api-resources", "--api-group=apps")]
    [InlineData("Created pod: web-7d5c44fdd7-nl7vg", "events", "-n", "shop")]
    [InlineData("Controlled By:", "describe", "pod", "-n", "shop", "-l", "app=web")]
    [InlineData("yes", "auth", "can-i", "list", "pods", "-n", "shop")]
    [InlineData("[get list watch]", "auth", "can-i", "--list")]
    [InlineData("system:anonymous", "auth", "whoami")]
    [InlineData("Server Version: v1.36.2", "version")]
    [InlineData("deployment \"web\" successfully rolled out", "rollout", "status", "deploy/web", "-n", "shop")]
    public async Task What_reads_answers_of_the_instant(string expected, params string[] arguments)
    {
        var client = await Kubectl.FindAsync();
        var (code, output, errors) = await client.RunAsync(shop.Url, "shop", "rv:997", arguments);
        Assert.True(code == 0, errors);
        Assert.Contains(expected, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Metrics API not available", "top", "pods", "-n", "shop")]
    [InlineData("the server could not find the requested resource", "explain", "deployments")]
    [InlineData(ReadOnly, "delete", "pods", "-n", "shop", "--all")]
    [InlineData(ReadOnly, "scale", "deploy/web", "-n", "shop", "--replicas", "3")]
    [InlineData(ReadOnly, "label", "deploy/web", "-n", "shop", "a=b")]
    [InlineData("the logs of containers are not recorded", "logs", "-n", "shop", "deploy/web")]
    public async Task What_the_past_cannot_do_is_refused_with_the_reason(string expected, params string[] arguments)
    {
        var client = await Kubectl.FindAsync();
        var (code, _, errors) = await client.RunAsync(shop.Url, "shop", "rv:997", arguments);
        Assert.Equal(1, code);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Diff_is_refused_with_the_reason_and_can_i_says_no_to_what_changes()
    {
        var client = await Kubectl.FindAsync();
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("phoenix.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: phoenix, namespace: shop}\ndata: {a: b}\n", Cancel);
        var (code, _, errors) = await client.RunAsync(shop.Url, "shop", "rv:997", "diff", "-f", folder.File("phoenix.yaml"));
        Assert.True(code > 1, $"{code}");
        Assert.Contains(ReadOnly, errors, StringComparison.Ordinal);
        (code, var output, _) = await client.RunAsync(shop.Url, "shop", "rv:997", "auth", "can-i", "delete", "pods", "-n", "shop");
        Assert.Equal((1, $"no - {ReadOnly}"), (code, output.Trim()));
    }

    [Fact]
    public async Task Doubts_about_the_record_are_warnings_and_an_instant_that_is_none_is_an_error_with_the_grammar()
    {
        var client = await Kubectl.FindAsync();
        var (code, output, errors) = await client.RunAsync(shop.Url, "shop", "2026-11-23T00:00:00Z", "get", "pods", "-n", "shop");
        Assert.Equal((0, ""), (code, output));
        Assert.Contains("Warning: pods: the record begins at 2026-11-23T09:52:", errors, StringComparison.Ordinal);
        foreach (var (instant, problem) in ((string, string)[])[("2031-01-01T00:00:00Z", "is in the future"), ("yesterday", "'yesterday' is not an instant")])
        {
            (code, _, errors) = await client.RunAsync(shop.Url, "shop", instant, "get", "pods", "-n", "shop");
            Assert.Equal(1, code);
            Assert.Contains(problem, errors, StringComparison.Ordinal);
            Assert.Contains("rv:N (a resource version)", errors, StringComparison.Ordinal);
        }
    }
}
