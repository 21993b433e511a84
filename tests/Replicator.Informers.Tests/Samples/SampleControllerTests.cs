using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Replicator.Informers.Caching;
using Replicator.TestKit;
using Xunit;

namespace Replicator.Informers.Tests.Samples;

public sealed class SampleControllerTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void The_controller_in_the_documentation_is_the_one_that_is_tested()
    {
        var root = new DirectoryInfo(TestRecordings.Shop).Parent!.Parent!.Parent!.FullName;
        var source = File.ReadAllText(Path.Combine(root, "tests", "Replicator.Informers.Tests", "Samples", "SucceededPodCleaner.cs"));
        var sample = source.Split("// <sample>\n")[1].Split("// </sample>")[0];
        Assert.Contains($"```csharp\n{sample}```", File.ReadAllText(Path.Combine(root, "src", "Replicator.Informers", "README.md")), StringComparison.Ordinal);
        Assert.InRange(sample.Split('\n').Length, 20, 50);
    }

    [Fact]
    public async Task It_deletes_the_pods_that_have_succeeded_and_tries_again_where_the_server_refuses()
    {
        using var server = new Server();
        using var client = new HttpClient(server, disposeHandler: false) { BaseAddress = new Uri("http://server.invalid/") };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var (log, time) = (new ConcurrentQueue<string>(), new FakeTimeProvider());
        server.Refusals = 1;
        await server.SayAsync("ADDED", "done", "1", "Succeeded");
        await server.SayAsync("ADDED", "busy", "2", "Running");
        var running = Task.Run(() => new SucceededPodCleaner(client, log.Enqueue, time).RunAsync(stop.Token), Token);
        await server.EndListAsync("3");
        await HasAsync(log, line => line.EndsWith("trying again", StringComparison.Ordinal));
        // The back-off after the refusal.
        time.Advance(TimeSpan.FromMilliseconds(5));
        await HasAsync(log, line => line == "shop/done: deleted");
        await server.SayAsync("MODIFIED", "busy", "4", "Succeeded");
        await HasAsync(log, line => line == "shop/busy: deleted");
        Assert.Equal(["/api/v1/namespaces/shop/pods/done", "/api/v1/namespaces/shop/pods/done", "/api/v1/namespaces/shop/pods/busy"], server.Deletions);
        Assert.Single(log, line => line.EndsWith("trying again", StringComparison.Ordinal));
        await stop.CancelAsync();
        var ended = await Record.ExceptionAsync(() => running.WaitAsync(Token));
        Assert.True(ended is null or OperationCanceledException, ended?.ToString());
    }

    [Fact]
    public async Task A_namespace_and_selectors_are_asked_for_with_every_request()
    {
        using var server = new Server();
        using var client = new HttpClient(server, disposeHandler: false) { BaseAddress = new Uri("http://server.invalid/prefix/") };
        var source = new ListerWatcher(client, Caching.Pods.Type, scope: "shop", labelSelector: "app=web,tier!=db", fieldSelector: "status.phase=Running");
        await using var informer = new SharedInformer(source, new SharedInformerOptions(), new FakeTimeProvider());
        await server.SayAsync("ADDED", "web-0", "1", "Running");
        var running = Task.Run(() => informer.RunAsync(Token), Token);
        await server.EndListAsync("3");
        await informer.WaitForSyncAsync(Token);
        var request = Assert.Single(server.Requests);
        Assert.Equal("/prefix/api/v1/namespaces/shop/pods", request.AbsolutePath);
        Assert.EndsWith("&labelSelector=app%3Dweb%2Ctier%21%3Ddb&fieldSelector=status.phase%3DRunning", request.Query, StringComparison.Ordinal);
        Assert.Equal("web-0", Assert.Single(informer.Indexer.List()).Read(ObjectReaders.KubernetesModel<k8s.Models.V1Pod>).Metadata.Name);
        await informer.DisposeAsync();
        await running;
    }

    [Fact]
    public void A_namespace_of_a_type_that_has_none_and_a_selector_that_is_none_are_refused_at_once()
    {
        using var client = new HttpClient();
        Assert.Throws<ArgumentException>(() => new ListerWatcher(client, new("", "v1", "nodes", "Node", Namespaced: false), scope: "shop"));
        Assert.Throws<FormatException>(() => new ListerWatcher(client, Caching.Pods.Type, labelSelector: "app in"));
    }

    static Task HasAsync(ConcurrentQueue<string> log, Func<string, bool> line) => Eventually.HoldsAsync(() => log.Any(line), Token);

    /// <summary>Says to the first watch what it is told to, and takes deletions.</summary>
    sealed class Server : HttpMessageHandler
    {
        readonly Pipe _watch = new();
        readonly ConcurrentQueue<string> _deletions = new();
        readonly ConcurrentQueue<Uri> _requests = new();

        public int Refusals { get; set; }

        public IReadOnlyCollection<string> Deletions => _deletions;

        public IReadOnlyCollection<Uri> Requests => _requests;

        public async Task SayAsync(string type, string name, string version, string phase) => await WriteAsync(
            $$$$"""{"type":"{{{{type}}}}","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"{{{{name}}}}","namespace":"shop","uid":"uid-{{{{name}}}}","resourceVersion":"{{{{version}}}}"},"status":{"phase":"{{{{phase}}}}"}}}""");

        public async Task EndListAsync(string version) => await WriteAsync(
            $$$$$"""{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"{{{{{version}}}}}","annotations":{"k8s.io/initial-events-end":"true"}}}}""");

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await Task.Yield();
            if (request.Method == HttpMethod.Get)
            {
                _requests.Enqueue(request.RequestUri!);
                return new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(_watch.Reader.AsStream()) };
            }
            _deletions.Enqueue(request.RequestUri!.AbsolutePath);
            return new HttpResponseMessage(Refusals-- > 0 ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.OK);
        }

        async Task WriteAsync(string line) => await _watch.Writer.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"));
    }
}
