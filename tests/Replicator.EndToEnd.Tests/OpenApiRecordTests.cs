using System.Globalization;
using Replicator.Core.Events;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The OpenAPI documents of a server are history too: <c>kubectl explain</c> shows what it showed then.</summary>
public sealed class OpenApiRecordTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Explain_shows_the_documents_of_the_instant_and_each_is_recorded_once_for_every_change()
    {
        var client = await Kubectl.FindAsync();
        await using var server = await StartAsync();
        Serve(server, "1", "The first description.");
        await using var host = await CollectingHost.StartAsync(_folder);
        host.Add("live", server);
        await RecordedAsync(host, 2);
        Assert.Contains("The first description.", await ExplainAsync("now"), StringComparison.Ordinal);
        var before = Documents(host)[^1].Metadata.ObservedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

        Serve(server, "2", "The second description.");
        // Whoever defines a custom resource changes the documents: then they are looked at again.
        server.Model.Put(ServedType.CustomResourceDefinitions().GroupResource, "", "touched.example.com", "\"spec\":{}");
        await RecordedAsync(host, 4);
        Assert.Contains("The second description.", await ExplainAsync("now"), StringComparison.Ordinal);
        Assert.Contains("The first description.", await ExplainAsync(before), StringComparison.Ordinal);
        Assert.Equal(["openapi/v3/api/v1", "openapi/v3", "openapi/v3/api/v1", "openapi/v3"], Documents(host).Select(document => document.Metadata.Object.Name));
        // A document is asked for again only where its hash is another.
        Assert.Equal(2, server.Requests.Count(request => request.Path == "openapi/v3/api/v1"));

        async Task<string> ExplainAsync(string instant)
        {
            var (code, output, errors) = await client.RunAsync(host.Host.Url, "live", instant, "explain", "pods");
            Assert.True(code == 0, errors);
            return output;
        }
    }

    [Fact]
    public async Task A_server_without_documents_is_collected_all_the_same()
    {
        await using var server = await StartAsync();
        await using var host = await CollectingHost.StartAsync(_folder);
        var collector = host.Add("live", server);
        server.Model.Put(CollectingHost.Pods, "shop", "web-0", "\"spec\":{}");
        await host.CaughtUpAsync("live", server, Cancel);
        await Eventually.HoldsAsync(() => server.Requests.Any(request => request.Path == "openapi/v2"), Cancel);
        Assert.Empty(Documents(host));
        Assert.Null(collector.Activity.Error);
    }

    [Fact]
    public async Task A_document_that_is_too_large_is_left_out_and_said_so()
    {
        await using var server = await StartAsync();
        Serve(server, "1", new string('x', 17 * 1024 * 1024));
        await using var host = await CollectingHost.StartAsync(_folder);
        var collector = host.Add("live", server);
        await Eventually.HoldsAsync(() => collector.Activity.Error is not null, Cancel);
        Assert.Equal("The OpenAPI document api/v1 is not recorded: it is larger than 16 MiB", collector.Activity.Error);
        Assert.Equal(["openapi/v3"], Documents(host).Select(document => document.Metadata.Object.Name));
    }

    static Task<TestApiServer> StartAsync() => TestApiServer.StartAsync([ServedType.Pods(), ServedType.Namespaces(), ServedType.CustomResourceDefinitions()]);

    static void Serve(TestApiServer server, string hash, string description)
    {
        server.OpenApi["openapi/v3/api/v1"] = $$$"""
            {"openapi":"3.0.0","info":{"title":"Kubernetes","version":"v1"},
             "paths":{"/api/v1/namespaces/{namespace}/pods":{"get":{"x-kubernetes-action":"list","x-kubernetes-group-version-kind":{"group":"","version":"v1","kind":"Pod"},"responses":{} } } },
             "components":{"schemas":{"io.k8s.api.core.v1.Pod":{"description":"{{{description}}}","type":"object","x-kubernetes-group-version-kind":[{"group":"","version":"v1","kind":"Pod"}]} } } }
            """;
        server.OpenApi["openapi/v3"] = $$$"""{"paths":{"api/v1":{"serverRelativeURL":"/openapi/v3/api/v1?hash={{{hash}}}"} } }""";
    }

    static Task RecordedAsync(CollectingHost host, int count) => Eventually.HoldsAsync(() => Documents(host).Count == count, Cancel, () => string.Join(", ", Documents(host).Select(document => document.Metadata.Object.Name)));

    static IReadOnlyList<RecordedEvent> Documents(CollectingHost host)
    {
        var documents = new List<RecordedEvent>();
        foreach (var page in host.Host.Data.Events.ReadStreamAsync(StreamId.OpenApi("live"), 0, backwards: false, new ReadOptions(States: false), CancellationToken.None).ToBlockingEnumerable())
        {
            using (page)
                documents.AddRange(page.Events);
        }
        return documents;
    }
}
