using System.Net;
using System.Text.Json.Nodes;
using Replicator.Core.Publishing;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite;
using Replicator.Stores;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>Roles in hosts of their own, over stores that they share.</summary>
public sealed class RolesTests : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly HttpClient _client = new();

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("collector", Roles.Collector)]
    [InlineData(" api , projector,,api", Roles.Projector | Roles.Api)]
    [InlineData("collector,projector,publisher,api", Roles.All)]
    public void Roles_are_read_as_they_are_written(string text, object roles)
    {
        Assert.Equal(roles, RoleNames.Parse(text));
        Assert.Equal(roles, RoleNames.Parse(RoleNames.Format((Roles)roles)));
    }

    [Fact]
    public async Task Each_does_its_part_and_answers_for_itself()
    {
        await using var shared = await SqliteDataFolder.OpenAsync(_folder.File("shared"));
        await using var server = await TestApiServer.StartAsync([ServedType.Pods()]);
        server.Model.Put(CollectingHost.Pods, "shop", "a", "\"status\":{}");

        // Alone it records, and nothing else.
        await using var collecting = CollectingHost.Over(_folder, await StartAsync(shared, Roles.Collector));
        collecting.Add("east", server);
        await collecting.CaughtUpAsync("east", server, Cancel);
        Assert.Equal((0L, 0L), (await shared.Snapshots.GetCheckpointAsync(Cancel), await PublishedAsync(shared)));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(collecting.Host, "api/v1/clusters"));
        var ready = await GetAsync(collecting.Host, "readyz");
        Assert.Equal("Collecting", ready["clusters"]!["east"]!["state"]!.GetValue<string>());

        // What serves shows what there is, and makes nothing of it itself.
        await using var api = await StartAsync(shared, Roles.Api);
        await ShowsAsync("head");
        Assert.Equal(0, (await GetAsync(api, "api/v1/clusters"))["checkpoint"]!.GetValue<long>());
        Assert.Equal(HttpStatusCode.Conflict, await StatusAsync(api, "api/v1/rebuild", HttpMethod.Post));

        await using var projecting = await StartAsync(shared, Roles.Projector);
        await ShowsAsync("checkpoint");
        Assert.Equal(0, await PublishedAsync(shared));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(projecting, "api/v1/clusters"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(projecting, "api/v1/rebuild", HttpMethod.Post));

        await using var publishing = await StartAsync(shared, Roles.Publisher);
        await ShowsAsync("published");
        Assert.True(await PublishedAsync(shared) > 0);

        foreach (var host in (ReplicatorHost[])[collecting.Host, api, projecting, publishing])
        {
            foreach (var path in (string[])["healthz", "readyz", "metrics"])
                Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, path));
        }

        // The log's end moves as long as the collector finds documents of the server's to record.
        Task ShowsAsync(string position) => Eventually.HoldsAsync(
            async () => await shared.Events.GetHeadAsync(Cancel) is > 0 and var head && (await GetAsync(api, "api/v1/clusters"))[position]?.GetValue<long>() == head, Cancel);
    }

    [Fact]
    public async Task A_process_that_collects_nothing_says_what_it_does_and_a_probe_finds_it()
    {
        await using var process = ReplicatorProcess.Start(_folder.Path, "up", "--roles", "api,projector,publisher", "--data", "data", "--listen", "http://127.0.0.1:0");
        var line = await process.WaitForOutputAsync("running as projector,publisher,api over ");
        var url = line[(line.IndexOf("API at ", StringComparison.Ordinal) + "API at ".Length)..];
        foreach (var flags in (string[][])[[], ["--ready"]])
            Assert.Equal((0, "", ""), await ReplicatorProcess.RunAsync(_folder.Path, ["probe", "--url", url, .. flags]));
        Assert.Equal(0, await process.InterruptAsync());
        Assert.EndsWith("stopped; the log ends at position 0", process.Output, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _client.Dispose();
        _folder.Dispose();
    }

    static Task<ReplicatorHost> StartAsync(SqliteDataFolder folder, Roles roles) => ReplicatorHost.StartAsync(new SharedStores(folder), "http://127.0.0.1:0", roles, Cancel);

    static async Task<long> PublishedAsync(SqliteDataFolder folder) => await folder.Checkpoints.ReadAsync(Publisher.DefaultName, Cancel);

    async Task<JsonNode> GetAsync(ReplicatorHost host, string path) => JsonNode.Parse(await _client.GetStringAsync(new Uri(host.Url, path), Cancel))!;

    async Task<HttpStatusCode> StatusAsync(ReplicatorHost host, string path, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, new Uri(host.Url, path));
        using var response = await _client.SendAsync(request, Cancel);
        return response.StatusCode;
    }

    /// <summary>One folder as servers would be: each host has a part in it, and none of them owns it.</summary>
    sealed class SharedStores(SqliteDataFolder folder) : IStores
    {
        public IEventStore Events => folder.Events;

        public ISnapshotStore Snapshots => folder.Snapshots;

        public ICheckpointStore Checkpoints => folder.Checkpoints;

        public string Name => "shared stores";

        public string Path => folder.Path;

        public string RedactionKeyPath => folder.RedactionKeyPath;

        public bool AreShared => true;

        public void Announce(Uri url)
        {
            // Many serve it.
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
