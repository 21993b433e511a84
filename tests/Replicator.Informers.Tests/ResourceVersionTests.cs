using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>What every client must know of resource versions: rows 1 to 4 of <c>src/Replicator.Informers/README.md</c>.</summary>
public sealed class ResourceVersionTests
{
    [Fact]
    public async Task Row_01_Resource_versions_are_decimals_of_any_length_and_anything_else_compares_only_for_equality()
    {
        Assert.True(ResourceVersion.Compare("9", "10") < 0);
        Assert.True(ResourceVersion.Compare("99999999999999999999999998", "99999999999999999999999999") < 0);
        Assert.False(ResourceVersion.IsComparable("v7-a"));

        // An extension API server whose versions are no numbers: order of arrival counts, and a watch goes on from the last one that came.
        await using var rig = await ReflectorRig.StartAsync(ServedType.ConfigMaps());
        rig.Server.Faults.Next("watch configmaps", Fault.Answer(200,
            """{"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"shop","uid":"x1","resourceVersion":"zeta"}}}""" + "\n"
            + """{"type":"MODIFIED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"shop","uid":"x1","resourceVersion":"alpha"}}}""" + "\n"));
        rig.Server.Faults.Next("watch configmaps alpha", Fault.NoAnswer());
        rig.Server.Model.EndWatches();
        await rig.UntilAsync(() => rig.Asked.Contains("watch configmaps alpha"));
        Assert.Equal(["ObjectAdded x zeta", "ObjectModified x alpha"], rig.Shown.TakeLast(2));
    }

    [Fact]
    public async Task Row_02_The_resume_point_does_not_move_until_the_initial_events_have_ended()
    {
        // 'a' changed last and comes first: were each ADDED a resume point, a cut after it would lose 'b' and 'c'.
        await using var rig = await ReflectorRig.StartAsync(run: false);
        rig.Put("a", 2);
        rig.Server.Faults.Next("stream", Fault.CutInsideLine(1));
        rig.Run();
        await rig.WaitingAsync();
        Assert.Null(rig.Health.ResourceVersion);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "stream pods"], rig.Asked);
        Assert.Equal("5", rig.Health.ResourceVersion);
        // How much of the torn list came through is the network's affair.
        Assert.Equal(["ObjectAdded a 5", "ObjectAdded b 3", "ObjectAdded c 4", "SyncCompleted"], rig.Shown.Where(shown => shown is not ("GapObserved" or "SyncStarted")));
    }

    [Fact]
    public async Task Row_03_A_version_that_is_too_large_is_tried_again_and_then_listed_without_one()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next(4, "watch", () => Fault.Answer(200, """{"type":"ERROR","object":""" + System.Text.Encoding.UTF8.GetString(RecordedAnswer.Load("list-rv-too-large").Body).TrimEnd() + "}\n"));
        rig.Server.Model.EndWatches();
        await rig.UntilAsync(() => rig.Health.Gaps == 1);
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        // The storage is not behind, as the lists of one object show: a server that lags, and no new epoch.
        Assert.Equal(
            ["stream pods", "list pods limit=1", "watch pods 4", "list pods limit=1", "watch pods 4", "list pods limit=1", "watch pods 4", "list pods limit=1", "watch pods 4", "list pods limit=1", "stream pods"], rig.Asked);
        Assert.All(rig.Log, recorded => Assert.Equal(0, recorded.Metadata.Epoch));
        Assert.Equal("4", rig.Gaps[^1].GapFrom);
    }

    [Fact]
    public async Task Row_03_A_list_that_is_refused_for_a_version_too_large_is_asked_for_again()
    {
        await using var rig = await ReflectorRig.StartAsync(run: false);
        rig.Server.StreamingLists = false;
        rig.Server.Faults.Next(2, "list", () => Fault.Recorded("list-rv-too-large"));
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=500", "list pods limit=500", "list pods limit=500", "watch pods 4"], rig.Asked);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Row_03_Versions_that_run_backwards_start_an_epoch(bool errorEvent)
    {
        await using var rig = await ReflectorRig.StartAsync(prepare: server => server.TooLargeIsError = errorEvent);
        rig.Put("a", 2);
        rig.Put("d", 1);
        rig.Delete("b");
        rig.Put("c", 2);
        await rig.CaughtUpAsync();
        var last = rig.Health.ResourceVersion;
        Assert.Equal("8", last);

        rig.Server.Kill();
        rig.Server.Model.Restore(5);
        rig.Server.StartAgain();
        await rig.UntilAsync(() => rig.Log[^1] is { Type: EventType.SyncCompleted, Metadata.Epoch: 1 });
        // The number 6 was that of 'd' before.
        rig.Put("e", 1);
        await rig.CaughtUpAsync();

        Assert.Equal(["stream pods", "list pods limit=1", "stream pods"], rig.Asked);
        Assert.Equal(("8", 1), (rig.Gaps[^1].GapFrom, rig.Gaps[^1].Epoch));
        Assert.Equal(
            ["GapObserved", "SyncStarted", "ObjectModified a 5", "ObjectAdded b 3", "ObjectModified c 4", "ObjectDeleted d 5", "SyncCompleted", "ObjectAdded e 6"], rig.Shown.TakeLast(8));
    }

    [Fact]
    public async Task Row_03_Lists_that_count_otherwise_than_their_objects_are_not_taken_for_a_restore()
    {
        // An extension API server whose lists all bear version 1.
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next("list pods limit=1", Fault.ChangeBody(body => body.Replace("\"metadata\":{\"resourceVersion\":\"4\"", "\"metadata\":{\"resourceVersion\":\"1\"", StringComparison.Ordinal)));
        rig.Server.Relay.Cut();
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 4"], rig.Asked);
        Assert.Single(rig.Gaps);
    }

    [Fact]
    public async Task Row_04_No_list_is_asked_for_from_a_cache_that_may_be_behind()
    {
        await using var rig = await ReflectorRig.StartAsync(prepare: server => (server.CacheLag, server.StreamingLists) = (2, false));
        rig.Server.Model.Compact();
        rig.Put("a", 2);
        rig.Server.Model.Compact();
        rig.Server.Model.EndWatches();
        await rig.CaughtUpAsync();
        Assert.DoesNotContain(rig.Server.Requests, request => request.Verb != "watch" && request.ResourceVersion is not null);
    }
}
