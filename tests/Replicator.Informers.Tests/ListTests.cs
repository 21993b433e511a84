using System.Text;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>What every client must know of lists: rows 15 and 16 of <c>src/Replicator.Informers/README.md</c>.</summary>
public sealed class ListTests
{
    [Fact]
    public async Task Row_15_The_streaming_list_is_preferred_and_the_watch_goes_on_on_its_connection()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Put("a", 2);
        rig.Delete("b");
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods"], rig.Asked);
        var query = rig.Server.Requests.Single(request => request.Verb == "stream").Query;
        Assert.Equal(("true", "true", "NotOlderThan", "true"), (query["watch"], query["sendInitialEvents"], query["resourceVersionMatch"], query["allowWatchBookmarks"]));
        Assert.False(query.ContainsKey("resourceVersion"));
    }

    [Fact]
    public async Task Row_15_A_server_that_refuses_streaming_lists_is_listed_in_pages_and_not_asked_again()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { PageSize = 2 }, prepare: server => server.StreamingLists = false);
        Assert.Equal(["stream pods", "list pods limit=2", "list pods limit=2 continue=4:shop/b", "watch pods 4"], rig.Asked);
        rig.Put("d", 1);
        await rig.CaughtUpAsync();
        rig.Server.Faults.Next("watch", Fault.Recorded("watch-410-in-stream"));
        rig.Server.Model.EndWatches();
        await rig.UntilAsync(() => rig.Gaps.Count == 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["list pods limit=1", "watch pods 5", "list pods limit=2", "list pods limit=2 continue=5:shop/b", "watch pods 5"], rig.Asked.Skip(4));
    }

    [Fact]
    public async Task Row_15_A_streaming_list_whose_end_does_not_come_is_given_up_for_pages()
    {
        await using var rig = await ReflectorRig.StartAsync(prepare: server => server.Faults.Always("stream", Fault.NoBookmarks), run: false);
        rig.Run();
        await rig.UntilAsync(() => rig.Log.Count == 5);
        rig.Time.Advance(TimeSpan.FromSeconds(10));
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=500", "watch pods 4"], rig.Asked);
    }

    [Fact]
    public async Task Row_15_One_type_finds_out_for_all_that_streaming_lists_do_not_end_there()
    {
        await using var rig = await ClusterRig.StartAsync(ServedType.ConfigMaps(), server => server.Faults.Always("stream", Fault.NoBookmarks), concurrentLists: 1);
        Assert.Single(rig.Server.Requests, request => request.Verb == "stream");
        await rig.CheckAsync();
    }

    [Fact]
    public async Task Row_15_That_a_server_refuses_streaming_lists_is_said_once()
    {
        await using var rig = await ClusterRig.StartAsync(ServedType.ConfigMaps(), server => server.StreamingLists = false);
        Assert.Equal(4, rig.Server.Requests.Count(request => request.Verb == "stream"));
        Assert.Single(rig.Problems, problem => problem.Contains("grants no streaming list", StringComparison.Ordinal));
        await rig.CheckAsync();
    }

    [Fact]
    public async Task Row_15_A_page_shows_the_list_as_of_its_first_page()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { PageSize = 1 }, prepare: server => server.StreamingLists = false, run: false);
        rig.Server.Faults.Next("list pods limit=1 continue=4:shop/a", Fault.First(() =>
        {
            rig.Delete("c");
            rig.Put("b", 2);
        }));
        rig.Run();
        await rig.CaughtUpAsync();
        // 'b' as it was at version 4, and what has happened since by the watch.
        Assert.Equal(["ObjectAdded a 2", "ObjectAdded b 3", "ObjectAdded c 4", "SyncCompleted", "ObjectDeleted c 5", "ObjectModified b 6"], rig.Shown.Skip(2));
    }

    [Fact]
    public async Task Row_15_A_streaming_list_that_never_ends_is_given_up_for_pages()
    {
        // A server that ignores sendInitialEvents, or forgets the bookmark that ends them.
        await using var rig = await ReflectorRig.StartAsync(run: false);
        rig.Server.Faults.Next("stream", Fault.NoBookmarks());
        rig.Run();
        await rig.UntilAsync(() => rig.Log.Count == 5);
        rig.Time.Advance(TimeSpan.FromSeconds(61));
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=500", "watch pods 4"], rig.Asked);
    }

    [Fact]
    public async Task Row_15_A_second_streaming_list_that_breaks_off_is_followed_by_pages()
    {
        await using var rig = await ReflectorRig.StartAsync(run: false);
        rig.Server.Faults.Next(2, "stream", () => Fault.CutInsideLine(2));
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "stream pods", "list pods limit=500", "watch pods 4"], rig.Asked);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Row_16_Items_get_the_kind_and_version_that_their_list_leaves_out(bool custom)
    {
        var type = custom ? new ServedType("example.com", "widgets", "Widget", true, "v1beta1") { IsCustom = true } : ServedType.Deployments();
        await using var rig = await ReflectorRig.StartAsync(type, prepare: server => server.StreamingLists = false);
        var added = rig.Log.Where(recorded => recorded.Metadata.Object.Name == "a").Select(recorded => Encoding.UTF8.GetString(recorded.State.Span)).Single();
        Assert.StartsWith(custom ? """{"apiVersion":"example.com/v1beta1","data":{"value":1},"kind":"Widget",""" : """{"apiVersion":"apps/v1","data":{"value":1},"kind":"Deployment",""", added, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_recorded_pages_of_a_real_server_are_read_whole()
    {
        await using var rig = await ReflectorRig.StartAsync(ServedType.ConfigMaps(), prepare: server => server.StreamingLists = false, run: false);
        rig.Server.Faults.Next("list configmaps limit=500 continue", Fault.Answer(200, """{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"273"},"items":[]}"""));
        rig.Server.Faults.Next("list configmaps limit=500", Fault.Recorded("list-page-1"));
        rig.Server.Faults.Next("watch configmaps 273", Fault.NoAnswer());
        rig.Run();
        await rig.UntilAsync(() => rig.Health.ResourceVersion == "273");
        Assert.Equal(4, rig.Log.Count(recorded => recorded.Metadata.Object.Name.StartsWith("cm-", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_recorded_streaming_list_of_a_real_server_is_read_whole()
    {
        await using var rig = await ReflectorRig.StartAsync(ServedType.ConfigMaps(), run: false);
        rig.Server.Faults.Next("stream", Fault.Recorded("watch-list"));
        rig.Server.Faults.Next("list configmaps limit=1", Fault.Answer(200, """{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"276"},"items":[]}"""));
        rig.Server.Faults.Next("watch configmaps 276", Fault.NoAnswer());
        rig.Run();
        await rig.UntilAsync(() => rig.Asked.Contains("watch configmaps 276"));
        var lines = Encoding.UTF8.GetString(RecordedAnswer.Load("watch-list").Body).Split('\n');
        Assert.Equal(lines.Count(line => line.StartsWith("{\"type\":\"ADDED\"", StringComparison.Ordinal)), rig.Log.Count(recorded => recorded.Type == Core.Events.EventType.ObjectAdded));
        Assert.Equal("SyncCompleted", rig.Shown[^1]);
    }
}
