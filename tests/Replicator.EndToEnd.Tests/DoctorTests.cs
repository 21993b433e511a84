using System.Text.Json.Nodes;
using Replicator.Core.SelfChecking;
using Replicator.Core.Storage;
using Replicator.Examining;
using Replicator.Server;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary><c>replicator doctor</c>, with and without a process that collects.</summary>
public sealed class DoctorTests : IAsyncLifetime
{
    readonly TemporaryFolder _folder = new();
    TestApiServer _server = null!;
    CollectingHost? _host;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await TestApiServer.StartAsync([ServedType.Pods()]);
        _server.Model.Put(CollectingHost.Pods, "shop", "a", "\"status\":{}");
        // It knows no access reviews but for this.
        Answer(allowed: true);
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
            await _host.DisposeAsync();
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_healthy_collector_is_examined_through_its_API_and_has_no_problem()
    {
        var (collector, findings) = (await CollectAsync(), new List<JsonNode>());
        _host!.Host.Health.Examination = cancelled => Examination.OfCollectorsAsync(_host.Host, [collector], cancelled);
        using var client = new HttpClient { BaseAddress = _host.Host.Url };
        using var response = await client.PostAsync("api/v1/doctor", null, Cancel);
        foreach (var line in (await response.Content.ReadAsStringAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            findings.Add(JsonNode.Parse(line)!);
        Assert.True(findings[^1]["done"]!.GetValue<bool>());
        findings.RemoveAt(findings.Count - 1);
        // How full the disk of the machine is, is not ours to assert.
        Assert.All(findings.Where(finding => finding["check"]!.GetValue<string>() != "disk"), finding => Assert.Equal("Ok", finding["level"]!.GetValue<string>()));
        Assert.Equal(["data folder", "disk", "chain", "server", "clock", "rights", "self-check"], findings.Select(finding => finding["check"]!.GetValue<string>()));
        Assert.Equal("Equal", findings[^1]["selfCheck"]!["outcome"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_right_that_is_missing_is_named_with_the_role_that_grants_it()
    {
        Answer(allowed: false);
        var findings = await StandaloneAsync(withLog: false);
        var rights = Assert.Single(findings, finding => finding.Check == "rights");
        Assert.Equal((FindingLevel.Problem, "pods may not be listed or watched"), (rights.Level, rights.Detail));
        Assert.Contains("resources: [\"pods\"], verbs: [list, watch]", rights.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_that_nobody_writes_is_compared_as_of_its_last_version()
    {
        await CollectAsync();
        await StopAsync();
        var equal = Assert.Single(await StandaloneAsync(), finding => finding.Check == "self-check");
        Assert.Equal((FindingLevel.Ok, CheckOutcome.Equal), (equal.Level, equal.Type!.Outcome));
    }

    [Fact]
    public async Task A_log_that_says_something_else_than_the_server_is_a_problem_that_names_the_objects()
    {
        await CollectAsync();
        await StopAsync();
        _server.Faults.Next(request => request.Verb == "list", () => Fault.ChangeBody(body => body.Replace("\"name\":\"a\"", "\"name\":\"z\"", StringComparison.Ordinal)));
        var differing = Assert.Single(await StandaloneAsync(), finding => finding.Check == "self-check");
        Assert.Equal(FindingLevel.Problem, differing.Level);
        Assert.Equal(["shop/a (in the log at 2, not on the server)", "shop/z (not in the log, on the server at 2)"], differing.Type!.First.Select(difference => difference.ToString()));
    }

    [Fact]
    public async Task A_log_whose_end_the_server_no_longer_has_is_not_called_wrong()
    {
        await CollectAsync();
        await StopAsync();
        _server.Faults.Next(request => request.Verb == "list", () => Fault.Status(410, "Expired", "The resourceVersion for the provided list is too old."));
        var skipped = Assert.Single(await StandaloneAsync(), finding => finding.Check == "self-check");
        Assert.Equal(FindingLevel.Note, skipped.Level);
        Assert.Contains("no longer has resource version", skipped.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_a_problem_with_a_remedy()
    {
        _server.Kill();
        var findings = await StandaloneAsync(withLog: false);
        Assert.Contains(findings, finding => finding is { Check: "server", Level: FindingLevel.Problem, Remedy: not null } && finding.Detail.Contains("cannot be reached", StringComparison.Ordinal));
        Assert.Contains(findings, finding => finding is { Check: "data folder", Level: FindingLevel.Note });
    }

    [Theory]
    [InlineData(50L << 30, 100L << 30, FindingLevel.Ok)]
    [InlineData(4L << 30, 100L << 30, FindingLevel.Warning)]
    [InlineData(900L << 20, 1L << 30, FindingLevel.Warning)]
    [InlineData(50L << 20, 100L << 30, FindingLevel.Problem)]
    public void Little_room_on_the_disk_is_told_before_there_is_none(long free, long total, FindingLevel level) => Assert.Equal(level, FolderExamination.Judge("/", free, total).Level);

    [Fact]
    public async Task A_last_event_that_was_altered_is_named()
    {
        await CollectAsync();
        var forged = new InMemoryEventStore();
        foreach (var recorded in _host!.Events("east"))
        {
            var metadata = recorded.Revision == 3 ? recorded.Metadata with { ResourceVersion = "99" } : recorded.Metadata;
            await forged.AppendAsync(recorded.Stream, ExpectedRevision.Any, [new() { Id = recorded.Id, Type = recorded.Type, Metadata = metadata, State = recorded.State, Hash = recorded.Hash.ToArray() }], Cancel);
        }
        var (streams, problems) = await ChainHeads.VerifyAsync(forged, Cancel);
        Assert.Equal(1, streams);
        Assert.Contains("k8s-east-pods", Assert.Single(problems), StringComparison.Ordinal);
        Assert.Empty((await ChainHeads.VerifyAsync(_host.Host.Data.Events, Cancel)).Problems);
    }

    async Task<ClusterCollector> CollectAsync()
    {
        _host = await CollectingHost.StartAsync(_folder);
        var collector = _host.Add("east", _server);
        await _host.CaughtUpAsync("east", _server, Cancel);
        await Eventually.HoldsAsync(() => _host.Shown("east")[^1] == "SyncCompleted", Cancel);
        return collector;
    }

    async Task StopAsync()
    {
        await _host!.DisposeAsync();
        _host = null;
    }

    async Task<List<Finding>> StandaloneAsync(bool withLog = true)
    {
        var settings = Settings.Load(new Microsoft.Extensions.Configuration.ConfigurationBuilder().Build()).Cluster with { Id = "east", Kubeconfig = TestKubeconfig.Write(_server, _folder.File("doctor.yaml")) };
        await using var host = withLog ? await ReplicatorHost.StartAsync(_folder.File("data"), "http://127.0.0.1:0", publishes: false, Cancel) : null;
        var findings = new List<Finding>();
        await foreach (var finding in Examination.StandaloneAsync(_folder.File("data"), host?.Data.Events, [settings], TimeProvider.System, Cancel))
            findings.Add(finding);
        return findings;
    }

    void Answer(bool allowed)
    {
        _server.Faults.Clear();
        _server.Faults.Always("post selfsubjectaccessreviews", () => Fault.Answer(201, $"{{\"kind\":\"SelfSubjectAccessReview\",\"status\":{{\"allowed\":{(allowed ? "true" : "false")}}}}}"));
    }
}
