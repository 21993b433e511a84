using Replicator.Core.Events;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>Each fault by itself: what is asked for afterwards, and that the log equals what happened.</summary>
public sealed class ReflectorFaultTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_watch_cut_in_the_middle_of_a_line_is_resumed_from_the_last_whole_one(bool tls)
    {
        await using var rig = await ReflectorRig.StartAsync(tls: tls);
        await Rewatch(rig, Fault.CutInsideLine(1));
        rig.Put("a", 2);
        await rig.UntilAsync(() => rig.Health.ResourceVersion == "5");
        rig.Put("b", 2);
        rig.Put("c", 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["watch pods 4", "list pods limit=1", "watch pods 5"], rig.Asked.Skip(2));
        Assert.Single(rig.Gaps);
        Assert.Equal(0, rig.Health.Malformed);
        Assert.All(rig.Server.Requests.Where(request => request.Verb == "watch"), request => Assert.Equal(tls ? "HTTP/2" : "HTTP/1.1", request.Protocol));
    }

    [Fact]
    public async Task A_connection_that_is_reset_is_opened_again()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Relay.Cut();
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 4"], rig.Asked);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task Bytes_that_trickle_in_make_the_same_log(int bytes)
    {
        await using var rig = await ReflectorRig.StartAsync(run: false);
        rig.Server.Relay.PieceBytes = bytes;
        rig.Run();
        await rig.CaughtUpAsync();
        for (var value = 2; value < 20; value++)
            rig.Put("a", value);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods"], rig.Asked);
    }

    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task An_error_status_on_a_watch_is_waited_out_without_a_list(int code)
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next(2, "watch", () => code switch
        {
            401 => Fault.Recorded("bad-token-401"),
            403 => Fault.Recorded("list-403"),
            404 => Fault.Recorded("get-404"),
            _ => Fault.Status(code, "Failure", "etcdserver: leader changed"),
        });
        rig.Server.Model.EndWatches();
        rig.Put("a", 2);
        await rig.WaitingAsync();
        Assert.Contains($"the server answered the watch with {code}", rig.Health.LastError, StringComparison.Ordinal);
        await rig.CaughtUpAsync();
        Assert.Equal(
            code < 500 ? ["list pods limit=1", "watch pods 4", "watch pods 4", "watch pods 4"]
                : ["list pods limit=1", "watch pods 4", "list pods limit=1", "watch pods 4", "list pods limit=1", "watch pods 4"], rig.Asked.Skip(1));
        Assert.Single(rig.Gaps);
    }

    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task An_error_status_on_a_list_is_waited_out(int code)
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { StreamingLists = false }, run: false);
        rig.Server.Faults.Next(3, "list", () => Fault.Status(code, "Failure", "no"));
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(["list pods limit=500", "list pods limit=500", "list pods limit=500", "list pods limit=500", "watch pods 4"], rig.Asked);
    }

    [Fact]
    public async Task A_503_that_says_when_to_come_again_is_taken_at_its_word()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next("watch", Fault.Status(503, "ServiceUnavailable", "the apiserver is shutting down", ("Retry-After", "4")));
        rig.Server.Model.EndWatches();
        await rig.WaitingAsync();
        Assert.EndsWith("trying again in 4.0 s", rig.Health.LastError, StringComparison.Ordinal);
        await rig.CaughtUpAsync();
    }

    [Fact]
    public async Task A_request_that_is_never_answered_is_given_up()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next("watch", Fault.NoAnswer());
        rig.Server.Model.EndWatches();
        await rig.UntilAsync(() => rig.Asked.Contains("watch pods 4"));
        rig.Time.Advance(TimeSpan.FromSeconds(76));
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 4", "list pods limit=1", "watch pods 4"], rig.Asked);
    }

    [Fact]
    public async Task A_connection_that_breaks_before_the_answer_is_tried_again()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next("watch", Fault.NoConnection());
        rig.Server.Model.EndWatches();
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        Assert.Equal("watch pods 4", rig.Asked[^1]);
        Assert.Single(rig.Gaps);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_that_restarts_costs_no_list(bool gracefully)
    {
        await using var rig = await ReflectorRig.StartAsync();
        if (gracefully)
            await rig.Server.ShutDownAsync(TestContext.Current.CancellationToken);
        else
            rig.Server.Kill();
        rig.Put("a", 2);
        rig.Delete("b");
        // A graceful end is one back-off of its own, before the first connection is refused.
        await rig.UntilAsync(() => rig.Health is { State: ReflectorState.Backoff, LastError: { } error } && error.Contains("failed", StringComparison.Ordinal));
        rig.Server.StartAgain();
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 4"], rig.Asked);
        Assert.Single(rig.Gaps);
    }

    [Fact]
    public async Task A_collector_that_restarts_resumes_from_its_log()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        await rig.StopAsync();
        rig.Put("a", 3);
        rig.Delete("b");
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "list pods limit=1", "watch pods 5"], rig.Asked);
        Assert.Single(rig.Gaps);
    }

    [Fact]
    public async Task A_sink_behind_which_somebody_else_has_written_is_opened_anew_and_goes_on_behind_that()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Sinks.BeforeHandle = async (deltas, cancellationToken) =>
        {
            rig.Sinks.BeforeHandle = null;
            using var redactor = new Redactor(new byte[RedactionKey.Length]);
            using var other = await StreamRecorder.OpenAsync(rig.Store, "test", rig.Type.GroupResource, redactor, rig.Time, cancellationToken);
            await other.HandleAsync(deltas, cancellationToken);
            throw new SinkOutdatedException("another process has appended to its stream");
        };
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        rig.Put("b", 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["ObjectModified a 5", "ObjectModified b 6"], rig.Shown.Where(shown => shown.StartsWith("ObjectModified", StringComparison.Ordinal)));
        Assert.Equal(["stream pods", "watch pods 5"], rig.Asked);
        Assert.Single(rig.Gaps);
        Assert.Equal(0, rig.Health.Malformed);
        Assert.Contains(rig.Problems, problem => problem.Contains("another process has appended to its stream", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_collector_that_is_killed_within_its_first_list_takes_a_new_one()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { MaxBatchDeltas = 1 }, run: false);
        rig.Server.Faults.Next("stream", Fault.SilentAfter(2));
        rig.Run();
        await rig.UntilAsync(() => rig.Log.Count == 4);
        await rig.StopAsync();
        rig.Delete("a");
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods", "stream pods"], rig.Asked);
        Assert.Equal(["GapObserved", "SyncStarted", "ObjectAdded a 2", "ObjectAdded b 3", "SyncStarted", "ObjectAdded c 4", "ObjectDeleted a 5", "SyncCompleted"], rig.Shown);
    }

    [Fact]
    public async Task Every_line_twice_makes_the_same_log()
    {
        await using var rig = await ReflectorRig.StartAsync();
        await Rewatch(rig, Fault.EveryLineTwice());
        rig.Put("a", 2);
        rig.Put("d", 1);
        rig.Delete("b");
        rig.Put("b", 1);
        await rig.CaughtUpAsync();
        Assert.Equal(["ObjectModified a 5", "ObjectAdded d 6", "ObjectDeleted b 7", "ObjectAdded b 8"], rig.Shown.TakeLast(4));
    }

    [Fact]
    public async Task An_old_event_that_comes_again_turns_nothing_back()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        await Rewatch(rig, Fault.InsertAfter(1, """{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"shop","uid":"00000001-0000-4000-8000-000000000000","resourceVersion":"5"}}}"""));
        rig.Put("b", 2);
        rig.Put("b", 3);
        await rig.CaughtUpAsync();
        Assert.Equal("7", rig.Health.ResourceVersion);
        Assert.Equal(["ObjectModified b 6", "ObjectModified b 7"], rig.Shown.TakeLast(2));
    }

    [Fact]
    public async Task A_bookmark_that_comes_late_turns_nothing_back()
    {
        await using var rig = await ReflectorRig.StartAsync();
        await Rewatch(rig, Fault.LateBookmarks());
        rig.Server.Model.Tick();
        rig.Server.Model.SendBookmarks();
        rig.Put("a", 2);
        await rig.CaughtUpAsync();
        rig.Put("a", 3);
        await rig.CaughtUpAsync();
        Assert.Equal("7", rig.Health.ResourceVersion);
        rig.Server.Relay.Cut();
        await rig.UntilAsync(() => rig.Asked[^1] == "watch pods 7");
    }

    [Fact]
    public async Task Without_any_bookmark_the_last_change_is_resumed_from()
    {
        await using var rig = await ReflectorRig.StartAsync();
        await Rewatch(rig, Fault.NoBookmarks());
        rig.Put("a", 2);
        rig.Server.Model.Tick(10);
        rig.Server.Model.SendBookmarks();
        await rig.CaughtUpAsync();
        rig.Server.Model.EndWatches();
        await rig.UntilAsync(() => rig.Asked[^1] == "watch pods 5");
        await rig.CaughtUpAsync();
    }

    [Theory]
    [InlineData("<html>502 Bad Gateway</html>")]
    [InlineData("""{"type":"MODIFIED","object":{"kind":"Pod","metadata":{"name":"a"}}}""")]
    [InlineData("""{"type":"MODIFIED","object":{"kind":"Pod","metadata":{"name":"a","namespace":"shop","uid":"u","resourceVersion":"5"},"broken":}}""")]
    [InlineData("""{"type":"NEWS","object":{}}""")]
    [InlineData("""{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{}}}""")]
    public async Task A_line_that_is_none_is_counted_and_asked_for_again_and_what_came_before_it_is_kept(string line)
    {
        await using var rig = await ReflectorRig.StartAsync();
        await Rewatch(rig, Fault.InsertAfter(1, line));
        rig.Put("a", 2);
        await rig.UntilAsync(() => rig.Health.ResourceVersion == "5");
        rig.Put("b", 2);
        await rig.CaughtUpAsync();
        Assert.Equal(1, rig.Health.Malformed);
        Assert.Equal(["watch pods 4", "watch pods 5"], rig.Asked.Where(asked => asked.StartsWith("watch", StringComparison.Ordinal)));
        Assert.Single(rig.Gaps);
    }

    [Fact]
    public async Task A_line_of_3_MB_is_a_line()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Put("a", 2, $$"""{"ballast":"{{new string('x', 3_000_000)}}"}""");
        rig.Put("a", 3);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods"], rig.Asked);
        Assert.True(rig.Log[^2].State.Length > 3_000_000);
    }

    [Fact]
    public async Task A_line_longer_than_the_buffer_is_a_line()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { BufferBytes = 100_000 });
        rig.Put("a", 2, $$"""{"ballast":"{{new string('x', 1_000_000)}}"}""");
        rig.Put("a", 3);
        await rig.CaughtUpAsync();
        Assert.Equal(["stream pods"], rig.Asked);
    }

    [Fact]
    public async Task A_line_beyond_all_measure_is_refused_before_memory_is()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { MaxObjectBytes = 500_000 });
        rig.Put("a", 2, $$"""{"ballast":"{{new string('x', 1_000_000)}}"}""");
        await rig.WaitingAsync();
        Assert.Contains("a line of more than 500000 bytes", rig.Health.LastError, StringComparison.Ordinal);
        Assert.Equal("4", rig.Health.ResourceVersion);
    }

    [Fact]
    public async Task A_list_of_objects_of_3_MB_is_read_in_pieces()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { StreamingLists = false, BufferBytes = 200_000 }, run: false);
        rig.Put("a", 2, $$"""{"ballast":"{{new string('x', 3_000_000)}}"}""");
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(["list pods limit=500", "watch pods 5"], rig.Asked);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(90)]
    [InlineData(300)]
    [InlineData(600)]
    public async Task A_list_that_breaks_off_is_forgotten_and_taken_anew(int bytes)
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { StreamingLists = false, MaxBatchDeltas = 1 }, run: false);
        rig.Server.Faults.Next("list", Fault.CutBodyAfter(bytes));
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(["list pods limit=500", "list pods limit=500", "watch pods 4"], rig.Asked);
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("[]")]
    [InlineData("""{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}""")]
    [InlineData("""{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"4"},"items":[{"metadata":{"name":"a"}}]}""")]
    [InlineData("""{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"4"},"items":[7]}""")]
    public async Task A_list_that_is_none_deletes_nothing(string body)
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { StreamingLists = false });
        rig.Server.Faults.Next("list pods limit=500", Fault.ChangeBody(_ => body));
        rig.Server.Faults.Next("watch", Fault.Recorded("watch-410-in-stream"));
        rig.Server.Model.EndWatches();
        await rig.UntilAsync(() => rig.Gaps.Count == 2);
        await rig.CaughtUpAsync();
        Assert.Equal(["list pods limit=1", "watch pods 4", "list pods limit=500", "list pods limit=500", "watch pods 4"], rig.Asked.Skip(2));
        Assert.DoesNotContain(rig.Log, recorded => recorded.Type == EventType.ObjectDeleted);
    }

    [Fact]
    public async Task Pages_of_different_versions_are_not_one_list()
    {
        await using var rig = await ReflectorRig.StartAsync(options: options => options with { StreamingLists = false, PageSize = 2 }, run: false);
        rig.Server.Faults.Next("list pods limit=2 continue", Fault.ChangeBody(body => body.Replace("\"resourceVersion\":\"4\"}", "\"resourceVersion\":\"3\"}", StringComparison.Ordinal)));
        rig.Run();
        await rig.CaughtUpAsync();
        Assert.Equal(1, rig.Health.Malformed);
        Assert.Equal(2, rig.Asked.Count(asked => asked == "list pods limit=2"));
    }

    [Fact]
    public async Task A_watch_that_ends_at_once_and_brings_nothing_new_is_not_hammered()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Server.Faults.Next(3, "watch", () => Fault.Answer(200, """{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"4"}}}""" + "\n"));
        rig.Server.Model.EndWatches();
        await rig.WaitingAsync();
        Assert.Contains("brought nothing new", rig.Health.LastError, StringComparison.Ordinal);
        await rig.CaughtUpAsync();
        Assert.Equal(4, rig.Asked.Count(asked => asked == "watch pods 4"));
    }

    [Fact]
    public async Task A_sink_that_fails_for_good_ends_the_reflector_with_its_error()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Sinks.BeforeHandle = (_, _) => throw new InvalidOperationException("the disk is on fire");
        rig.Put("a", 2);
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => rig.UntilAsync(() => false));
        Assert.Equal("the disk is on fire", failure.Message);
        Assert.Equal(ReflectorState.Stopped, rig.Health.State);
        Assert.Contains("the disk is on fire", rig.Health.LastError, StringComparison.Ordinal);
    }

    /// <summary>Ends the watch that the streaming list went over into, so that the next one meets the fault; returns once that is open.</summary>
    static async Task Rewatch(ReflectorRig rig, Fault fault)
    {
        rig.Server.Faults.Next("watch", fault);
        rig.Server.Model.EndWatches();
        await rig.UntilAsync(() => rig.Asked[^1].StartsWith("watch", StringComparison.Ordinal) && rig.Server.Model.Watching(rig.Type.Resource) == 1);
    }
}
