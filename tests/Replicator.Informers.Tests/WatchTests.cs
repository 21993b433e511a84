using Replicator.Core.Events;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>What every client must know of watches: rows 5 to 14 of <c>src/Replicator.Informers/README.md</c>.</summary>
public sealed class WatchTests
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Row_05_Bookmarks_are_asked_for_and_persisted_so_that_a_quiet_type_stays_within_the_servers_window()
    {
        await using var rig = await ReflectorRig.StartAsync();
        Assert.Equal("true", rig.Server.Requests.Single(request => request.Verb == "stream").Query["allowWatchBookmarks"]);
        rig.Server.Model.Tick(1000);
        rig.Time.Advance(TimeSpan.FromMinutes(2));
        rig.Server.Model.SendBookmarks();
        await rig.UntilAsync(() => rig.Log[^1].Type == EventType.Progressed);
        await rig.StopAsync();

        // All that the type's objects say is compacted; the bookmark is not.
        rig.Server.Model.Compact(1000);
        rig.Run();
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 1004"], rig.Asked);
        Assert.Single(rig.Gaps);
    }

    [Theory]
    [InlineData("as an HTTP status")]
    [InlineData("in the stream, Expired")]
    [InlineData("in the stream, without a watch cache")]
    [InlineData("in the stream, Gone")]
    public async Task Row_06_410_of_a_watch_is_a_gap_and_a_new_list(string form)
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        rig.Server.Faults.Next("watch", form switch
        {
            "as an HTTP status" => Fault.Status(410, "Expired", "too old resource version: 5 (338)"),
            "in the stream, Expired" => Fault.Recorded("watch-410-in-stream"),
            "in the stream, without a watch cache" => Fault.Recorded("watch-410-no-cache"),
            // A proxy may lose the code.
            _ => Fault.Answer(200, """{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"gone","reason":"Gone"}}""" + "\n"),
        });
        rig.Server.Model.EndWatches();
        await rig.UntilAsync(() => rig.Health.Gaps == 1);
        rig.Delete("b");
        await rig.CaughtUpAsync();

        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 5", "stream pods"], rig.Asked);
        Assert.Equal(2, rig.Gaps.Count);
        Assert.Equal("5", rig.Gaps[^1].GapFrom);
        Assert.False(string.IsNullOrEmpty(rig.Gaps[^1].Reason));
    }

    [Fact]
    public async Task Row_06_410_on_a_page_of_a_list_is_followed_by_a_list_in_one_piece_and_its_inconsistent_token_is_left_alone()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { PageSize = 1 }, prepare: server => server.StreamingLists = false, run: false);
        rig.Server.Faults.Next("list pods limit=1 continue=4:shop/b", Fault.Recorded("list-continue-410"));
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "list pods limit=1 continue=4:shop/a", "list pods limit=1 continue=4:shop/b", "list pods", "watch pods 4"], rig.Asked);
    }

    [Fact]
    public async Task Row_07_A_relist_records_differences_only_and_finds_the_deletes_of_an_outage()
    {
        await using var rig = await ReflectorRig.StartAsync();
        await rig.StopAsync();
        rig.Delete("a");
        rig.Delete("b");
        rig.Put("b", 5);
        rig.Put("d", 1);
        rig.Server.Model.Compact();
        rig.Run();
        await rig.CaughtUpAsync();

        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 4", "stream pods"], rig.Asked);
        // 'c' did not change. 'a' went away somewhere in (4, 8]; the 'b' of before was gone by 7, when its successor came.
        Assert.Equal(["GapObserved", "SyncStarted", "ObjectDeleted b 7", "ObjectAdded b 7", "ObjectAdded d 8", "ObjectDeleted a 8", "SyncCompleted"], rig.Shown.Skip(6));
        Assert.Equal(("4", "8"), (rig.Gaps[^1].GapFrom, rig.Log[^1].Metadata.ResourceVersion));
        Assert.All(rig.Log.Skip(8).SkipLast(1), recorded => Assert.Equal(Provenance.Relist, recorded.Metadata.Provenance));
    }

    [Fact]
    public async Task Row_08_A_deletion_has_the_last_state_and_the_version_of_the_deletion()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Put("a", 7);
        var gone = rig.Delete("a");
        await rig.CaughtUpAsync();
        var deleted = rig.Log[^1];
        Assert.Equal((EventType.ObjectDeleted, "6", Provenance.Watch), (deleted.Type, deleted.Metadata.ResourceVersion, deleted.Metadata.Provenance));
        Assert.Equal(gone.Canonical(rig.Type), deleted.State.ToArray());
        Assert.Contains("\"value\":7", System.Text.Encoding.UTF8.GetString(deleted.State.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Row_09_A_watch_that_ends_by_itself_is_resumed_from_where_it_ended()
    {
        await using var rig = await ReflectorRig.StartAsync(serverKeepsTime: true);
        Assert.Equal("300", rig.Server.Requests.Single(request => request.Verb == "stream").Query["timeoutSeconds"]);
        rig.Put("a", 2);
        rig.Server.Model.Tick(5);
        await rig.UntilAsync(() => rig.Health.ResourceVersion == "5");
        rig.Time.Advance(TimeSpan.FromSeconds(300));
        await rig.UntilAsync(() => rig.Server.Requests.Any(request => request.Verb == "watch"));
        rig.Put("a", 3);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "watch pods 10"], rig.Asked);
        Assert.Null(rig.Health.LastError);
    }

    [Fact]
    public async Task Row_09_A_connection_that_is_half_open_is_given_up_when_not_even_a_bookmark_came()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Relay.Freeze();
        rig.Put("a", 2);
        rig.Time.Advance(TimeSpan.FromSeconds(331));
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 4"], rig.Asked);
        Assert.Single(rig.Gaps);
        Assert.Contains(rig.Problems, problem => problem.Contains("the watch was silent", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Row_09_A_bookmark_is_a_sign_of_life()
    {
        await using var rig = await ReflectorRig.StartAsync();
        for (var minute = 0; minute < 12; minute++)
        {
            rig.Time.Advance(TimeSpan.FromMinutes(1));
            rig.Server.Model.Tick();
            rig.Server.Model.SendBookmarks();
            await rig.UntilAsync(() => rig.Health.ResourceVersion == $"{5 + minute}");
        }
        Assert.Equal(["stream pods"], rig.Asked);
    }

    [Fact]
    public async Task Row_10_A_reader_that_is_cut_off_for_being_slow_resumes_and_loses_nothing()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { BufferBytes = 64 * 1024, MaxBatchDeltas = 16 }, prepare: server => server.Model.WatcherCapacity = 20);
        var released = new TaskCompletionSource();
        rig.Sinks.BeforeHandle = (_, cancellation) => released.Task.WaitAsync(cancellation);
        var ballast = new string('x', 20_000);
        var value = 0;
        await Eventually.HoldsAsync(() =>
        {
            if (rig.Server.Model.Watching("pods") == 0)
                return true;
            for (var many = 0; many < 50; many++)
                rig.Put($"p{value++ % 10}", value, $$"""{"ballast":"{{ballast}}"}""");
            return false;
        }, Cancel);
        released.SetResult();
        await rig.CaughtUpAsync();
        Assert.Equal("stream pods", rig.Asked[0]);
        Assert.DoesNotContain("stream pods", rig.Asked.Skip(1));
        Assert.Equal(["list pods limit=1", "watch"], rig.Asked.Skip(1).Take(2).Select(asked => asked.StartsWith("watch", StringComparison.Ordinal) ? "watch" : asked));
        Assert.Single(rig.Gaps);
    }

    [Fact]
    public async Task Row_11_429_says_when_to_come_again_and_costs_no_list()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next("watch", Fault.Status(429, "TooManyRequests", "too many requests, please try again later", ("Retry-After", "7")));
        rig.Server.Model.EndWatches();
        await rig.WaitingAsync();
        Assert.EndsWith("trying again in 7.0 s", rig.Health.LastError, StringComparison.Ordinal);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 4", "watch pods 4"], rig.Asked);
    }

    [Theory]
    [InlineData("0", "1.0")]
    [InlineData("99999999999", "0.8")]
    [InlineData("2000000000", "300.0")]
    public async Task Row_11_A_Retry_After_that_is_no_good_neither_hurries_us_nor_puts_us_off_for_ever(string header, string seconds)
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next("watch", Fault.Status(429, "TooManyRequests", "", ("Retry-After", header)));
        rig.Server.Model.EndWatches();
        await rig.WaitingAsync();
        Assert.EndsWith($"trying again in {seconds} s", rig.Health.LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Row_11_429_on_a_page_goes_on_with_that_page()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { PageSize = 2 }, prepare: server => server.StreamingLists = false, run: false);
        rig.Server.Faults.Next(2, "list pods limit=2 continue", () => Fault.Status(429, "TooManyRequests", "", ("Retry-After", "1")));
        rig.Run();
        await rig.CaughtUpAsync();
        const string page = "list pods limit=2 continue=4:shop/b";
        Assert.Equal(["stream pods", "list pods limit=2", page, page, page, "watch pods 4"], rig.Asked);
    }

    [Fact]
    public async Task Row_11_Back_off_doubles_up_to_half_a_minute_and_begins_anew_after_two_quiet_minutes()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next(8, "watch", () => Fault.Status(500, "InternalError"));
        // Each answer of 500 makes the next request one for the server's whereabouts; that one succeeds.
        rig.Server.Model.EndWatches();
        var waits = new List<string>();
        for (var failure = 0; failure < 8; failure++)
        {
            await rig.WaitingAsync();
            waits.Add(rig.Health.LastError!.Split("trying again in ")[1]);
            rig.Time.Advance(TimeSpan.FromSeconds(30));
            await Eventually.HoldsAsync(() => rig.Server.Faults.Taken >= Math.Min(8, failure + 2) || rig.Server.Model.Watching("pods") > 0, Cancel);
        }
        Assert.Equal(["0.8 s", "1.6 s", "3.2 s", "6.4 s", "12.8 s", "25.6 s", "30.0 s", "30.0 s"], waits);

        await rig.CaughtUpAsync();
        rig.Time.Advance(TimeSpan.FromMinutes(2.1));
        rig.Server.Faults.Next("watch", Fault.Status(500, "InternalError"));
        rig.Server.Model.EndWatches();
        await rig.WaitingAsync();
        Assert.EndsWith("trying again in 0.8 s", rig.Health.LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Row_12_There_is_one_watch_for_all_namespaces()
    {
        await using var rig = await ReflectorRig.StartAsync(run: false);
        for (var number = 0; number < 200; number++)
            rig.Server.Model.Put(rig.Type.GroupResource, $"namespace-{number}", "web", "");
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods"], rig.Asked);
        Assert.Equal("api/v1/pods", rig.Server.Requests.Single(request => request.Verb == "stream").Path);
    }

    [Fact]
    public async Task Row_13_Events_that_repeat_by_update_are_versions_and_each_is_recorded_once_although_two_groups_serve_them()
    {
        await using var rig = await ReflectorRig.StartAsync(ServedType.Events());
        rig.Server.Model.Serve(ServedType.EventsAgain());
        for (var count = 2; count < 5; count++)
            rig.Put("a", count);
        await rig.CaughtUpAsync();
        Assert.Equal(["ObjectModified a 5", "ObjectModified a 6", "ObjectModified a 7"], rig.Shown.TakeLast(3));

        using var client = new HttpClient { BaseAddress = rig.Server.Url };
        var discovered = await new Discovery(client, TimeProvider.System).DiscoverAsync(Cancel);
        Assert.Equal(["events"], discovered.Types.Select(type => type.GroupResource.ToString()));
    }

    [Fact]
    public async Task Row_14_An_event_that_the_server_lost_shows_in_the_next_one_of_the_object_and_is_confessed()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next("watch", Fault.DropAfter(0));
        rig.Server.Model.EndWatches();
        await Eventually.HoldsAsync(() => rig.Server.Model.Watching("pods") == 1 && rig.Health.State == ReflectorState.Watching, Cancel);
        await rig.UntilAsync(() => rig.Server.Sequence("pods").Contains("watch pods 4"));
        rig.Put("d", 1);
        rig.Put("d", 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 4", "list pods limit=1", "stream pods"], rig.Asked);
        Assert.Equal("4", rig.Gaps[^1].GapFrom);
        Assert.Contains("shop/d is modified, and the log knows of no such object", rig.Gaps[^1].Reason, StringComparison.Ordinal);
        Assert.Equal(["GapObserved", "ObjectAdded d 6", "SyncStarted", "SyncCompleted"], rig.Shown.TakeLast(4));
    }
}
