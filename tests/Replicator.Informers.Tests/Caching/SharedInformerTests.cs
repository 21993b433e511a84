using System.Collections.Concurrent;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Recording;
using Replicator.Informers.Caching;
using Replicator.TestKit;
using Xunit;

namespace Replicator.Informers.Tests.Caching;

/// <summary>An informer fed with deltas, as a reflector feeds it.</summary>
public sealed class SharedInformerTests : IAsyncDisposable
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    readonly FakeTimeProvider _time = new();
    readonly HttpClient _client = new() { BaseAddress = new Uri("http://nobody.invalid/") };
    readonly ConcurrentQueue<ReflectorProblem> _problems = new();
    readonly SharedInformer _informer;
    readonly IDeltaSink _sink;

    public SharedInformerTests()
    {
        _informer = NewInformer(new SharedInformerOptions { Reflector = new ReflectorOptions { Problem = _problems.Enqueue } });
        _sink = _informer.OpenSink();
    }

    public async ValueTask DisposeAsync()
    {
        await _informer.DisposeAsync();
        _client.Dispose();
    }

    [Fact]
    public async Task A_whole_list_fills_the_indexer_and_makes_it_synced()
    {
        await FeedAsync(Pods.Delta(DeltaKind.ListStarted, ""), Pods.Delta(DeltaKind.Listed, "shop", "web-0", "1"));
        Assert.False(_informer.HasSynced);
        Assert.Null(_informer.LastSyncResourceVersion);
        await FeedAsync(Pods.Delta(DeltaKind.Listed, "shop", "web-1", "2"), Pods.Delta(DeltaKind.ListCompleted, "5"));
        await _informer.WaitForSyncAsync(Token);
        Assert.True(_informer.HasSynced);
        Assert.Equal("5", _informer.LastSyncResourceVersion);
        Assert.Equal(["shop/web-0@1", "shop/web-1@2"], Held());
    }

    [Fact]
    public async Task An_empty_list_makes_it_synced_too()
    {
        var handler = new Recorder();
        await using var registration = _informer.AddHandler(handler);
        await ListAsync("5");
        await registration.WaitForSyncAsync(Token);
        Assert.Empty(handler.Events);
    }

    [Fact]
    public async Task Handlers_are_told_of_additions_changes_and_deletions_in_order()
    {
        var handler = new Recorder();
        await using var registration = _informer.AddHandler(handler);
        await ListAsync("5", ("web-0", "1"));
        await FeedAsync(
            Pods.Delta(DeltaKind.Modified, "shop", "web-0", "6"), Pods.Delta(DeltaKind.Added, "shop", "web-1", "7"), Pods.Delta(DeltaKind.Deleted, "shop", "web-0", "8"));
        await handler.HasAsync(4);
        Assert.Equal(["Added web-0@1 initial", "Updated web-0@1 web-0@6", "Added web-1@7", "Deleted web-0@8"], handler.Lines);
        Assert.Equal("8", _informer.LastSyncResourceVersion);
        Assert.Equal(["shop/web-1@7"], Held());
    }

    [Fact]
    public async Task Every_handler_gets_everything()
    {
        var handlers = Enumerable.Range(0, 5).Select(_ => new Recorder()).ToList();
        foreach (var handler in handlers)
            _informer.AddHandler(handler);
        await ListAsync("5", ("web-0", "1"), ("web-1", "2"));
        foreach (var handler in handlers)
            await handler.HasAsync(2);
    }

    [Fact]
    public async Task A_late_handler_gets_what_is_there_as_additions_and_then_every_change()
    {
        await ListAsync("5", ("web-0", "1"), ("web-1", "2"));
        var handler = new Recorder();
        await using var registration = _informer.AddHandler(handler);
        await registration.WaitForSyncAsync(Token);
        await FeedAsync(Pods.Delta(DeltaKind.Modified, "shop", "web-0", "6"));
        await handler.HasAsync(3);
        Assert.Equal(["Added web-0@1 initial", "Added web-1@2 initial"], handler.Lines.Take(2).Order(StringComparer.Ordinal));
        Assert.Equal("Updated web-0@1 web-0@6", handler.Lines[2]);
    }

    [Fact]
    public async Task A_handler_is_synced_once_it_has_handled_the_whole_initial_list()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var handler = new Recorder { Before = _ => gate.Task };
        await using var registration = _informer.AddHandler(handler);
        await ListAsync("5", ("web-0", "1"), ("web-1", "2"));
        Assert.True(_informer.HasSynced);
        Assert.False(registration.HasSynced);
        gate.SetResult();
        await registration.WaitForSyncAsync(Token);
        Assert.True(registration.HasSynced);
        Assert.Equal(2, handler.Events.Length);
    }

    [Fact]
    public async Task The_deletes_of_an_outage_are_found_by_the_next_list_and_marked()
    {
        var handler = new Recorder();
        await using var registration = _informer.AddHandler(handler);
        await ListAsync("5", ("web-0", "1"), ("web-1", "2"), ("web-2", "3"));
        await FeedAsync(Pods.Delta(DeltaKind.Gap, "") with { Reason = "410" });
        Assert.Null(_informer.LastSyncResourceVersion);
        await ListAsync("50", ("web-0", "1"), ("web-2", "30"));
        await handler.HasAsync(5);
        // What did not change is not told.
        Assert.Equal(["Updated web-2@3 web-2@30", "Deleted web-1@2 unknown"], handler.Lines[3..]);
        Assert.Equal(["shop/web-0@1", "shop/web-2@30"], Held());
    }

    [Fact]
    public async Task A_list_that_broke_off_deletes_nothing_and_the_next_one_puts_things_right()
    {
        await ListAsync("5", ("web-0", "1"), ("web-1", "2"));
        await FeedAsync(Pods.Delta(DeltaKind.ListStarted, ""), Pods.Delta(DeltaKind.Listed, "shop", "web-2", "9"), Pods.Delta(DeltaKind.ListAborted, ""));
        Assert.Equal(["shop/web-0@1", "shop/web-1@2", "shop/web-2@9"], Held());
        Assert.Null(_informer.LastSyncResourceVersion);
        await ListAsync("10", ("web-0", "1"));
        Assert.Equal(["shop/web-0@1"], Held());
    }

    [Fact]
    public async Task An_object_recreated_during_an_outage_is_a_deletion_and_an_addition()
    {
        var handler = new Recorder();
        await using var registration = _informer.AddHandler(handler);
        await ListAsync("5", ("web-0", "1"));
        await FeedAsync(
            Pods.Delta(DeltaKind.ListStarted, ""), Pods.Delta(DeltaKind.Listed, "shop", "web-0", "9", uid: "another"), Pods.Delta(DeltaKind.ListCompleted, "10"));
        await handler.HasAsync(3);
        Assert.Equal(["Deleted web-0@1 unknown", "Added web-0@9"], handler.Lines[1..]);
    }

    [Fact]
    public async Task What_is_delivered_again_after_a_reconnect_is_told_once_and_counted()
    {
        var handler = new Recorder();
        await using var registration = _informer.AddHandler(handler);
        await ListAsync("5", ("web-0", "1"), ("web-1", "2"));
        Delta[] deltas = [Pods.Delta(DeltaKind.Modified, "shop", "web-0", "6"), Pods.Delta(DeltaKind.Modified, "shop", "web-0", "7"), Pods.Delta(DeltaKind.Deleted, "shop", "web-1", "8")];
        await FeedAsync(deltas);
        await FeedAsync(deltas);
        await FeedAsync(Pods.Delta(DeltaKind.Added, "shop", "web-9", "9"));
        await handler.HasAsync(6);
        Assert.Equal(3, _informer.Duplicates);
        Assert.Equal(["shop/web-0@7", "shop/web-9@9"], Held());
    }

    [Fact]
    public async Task A_restored_storage_replaces_newer_objects_by_older_ones()
    {
        await ListAsync("100", ("web-0", "90"), ("web-1", "45"));
        await FeedAsync(Pods.Delta(DeltaKind.Gap, "") with { Reason = "restored", StartsEpoch = true });
        var rewritten = Pods.Json("shop", "web-1", "45", labels: "\"written\":\"anew\"");
        await FeedAsync(
            Pods.Delta(DeltaKind.ListStarted, ""), Pods.Delta(DeltaKind.Listed, "shop", "web-0", "40"), Pods.Delta(DeltaKind.Listed, "45", rewritten), Pods.Delta(DeltaKind.ListCompleted, "50"));
        Assert.Equal(["shop/web-0@40", "shop/web-1@45"], Held());
        Assert.True(_informer.Indexer.TryGet(ObjectKey.Parse("shop/web-1"), out var held));
        Assert.Equal(rewritten, held.ToJson());
        Assert.Equal("50", _informer.LastSyncResourceVersion);
    }

    [Fact]
    public async Task A_bookmark_moves_the_version_and_tells_nobody()
    {
        var handler = new Recorder();
        await using var registration = _informer.AddHandler(handler);
        await ListAsync("5");
        await FeedAsync(Pods.Delta(DeltaKind.Bookmark, "60"));
        Assert.Equal("60", _informer.LastSyncResourceVersion);
        await registration.WaitForSyncAsync(Token);
        Assert.Empty(handler.Events);
    }

    [Fact]
    public async Task A_slow_handler_delays_nobody_and_ends_with_the_present_state()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (slow, fast) = (new Recorder { Before = _ => gate.Task }, new Recorder());
        await using var slowRegistration = _informer.AddHandler(slow, new HandlerOptions { BufferedEvents = 4 });
        await using var fastRegistration = _informer.AddHandler(fast, new HandlerOptions { BufferedEvents = 10_000 });
        await ListAsync("5", ("web-0", "1"));
        for (var version = 10; version < 110; version++)
            await FeedAsync(Pods.Delta(DeltaKind.Modified, "shop", "web-0", $"{version}"));
        await fast.HasAsync(101);
        Assert.InRange(slowRegistration.Pending, 1, 5);
        gate.SetResult();
        await slow.UntilAsync(change => change.New?.ResourceVersion == "109");
        Assert.Equal(101, slowRegistration.Delivered + slowRegistration.Coalesced);
        Assert.Equal(0, fastRegistration.Coalesced);
    }

    [Fact]
    public async Task A_handler_that_fails_is_reported_and_gets_the_next_event()
    {
        var handler = new Recorder { Before = change => change.Key.Name == "web-0" ? throw new InvalidOperationException("no more disk") : Task.CompletedTask };
        await using var registration = _informer.AddHandler(handler, new HandlerOptions { Name = "recorder" });
        await FeedAsync(Pods.Delta(DeltaKind.ListStarted, ""), Pods.Delta(DeltaKind.Listed, "shop", "web-0", "1"));
        await FeedAsync(Pods.Delta(DeltaKind.Listed, "shop", "web-1", "2"), Pods.Delta(DeltaKind.ListCompleted, "5"));
        await registration.WaitForSyncAsync(Token);
        Assert.Equal(["Added web-1@2 initial"], handler.Lines);
        Assert.Equal(1, registration.Failures);
        Assert.Equal("recorder failed on Added of pods shop/web-0 @1: no more disk", Assert.Single(_problems).Message);
    }

    [Fact]
    public async Task A_removed_handler_is_told_nothing_more()
    {
        var (removed, kept) = (new Recorder(), new Recorder());
        var registration = _informer.AddHandler(removed);
        _informer.AddHandler(kept);
        await ListAsync("5", ("web-0", "1"));
        await removed.HasAsync(1);
        await registration.DisposeAsync();
        await registration.DisposeAsync();
        await FeedAsync(Pods.Delta(DeltaKind.Modified, "shop", "web-0", "6"));
        await kept.HasAsync(2);
        Assert.Single(removed.Events);
    }

    [Fact]
    public async Task A_handler_in_the_middle_of_an_event_is_waited_for_when_it_is_removed()
    {
        var (entered, gate) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var handler = new Recorder
        {
            Before = _ =>
            {
                entered.TrySetResult();
                return gate.Task;
            },
        };
        var registration = _informer.AddHandler(handler);
        await ListAsync("5", ("web-0", "1"));
        await entered.Task.WaitAsync(Token);
        var removing = registration.DisposeAsync().AsTask();
        Assert.False(removing.IsCompleted);
        gate.SetResult();
        await removing;
        Assert.Single(handler.Events);
    }

    [Fact]
    public async Task A_resync_gives_every_object_once_more_to_those_who_asked_for_it()
    {
        var (resynced, plain) = (new Recorder(), new Recorder());
        await using var first = _informer.AddHandler(resynced, new HandlerOptions { ResyncPeriod = TimeSpan.FromMinutes(1) });
        await using var second = _informer.AddHandler(plain);
        await ListAsync("5", ("web-0", "1"), ("web-1", "2"));
        await resynced.HasAsync(2);
        _time.Advance(TimeSpan.FromSeconds(59));
        _time.Advance(TimeSpan.FromSeconds(1));
        await resynced.HasAsync(4);
        Assert.Equal(["Sync web-0@1 web-0@1", "Sync web-1@2 web-1@2"], resynced.Lines[2..].Order(StringComparer.Ordinal));
        await plain.HasAsync(2);
        Assert.Equal(2, second.Delivered + second.Pending);
    }

    [Fact]
    public async Task An_informer_that_has_stopped_takes_no_handler()
    {
        await _informer.DisposeAsync();
        var exception = Assert.Throws<InvalidOperationException>(() => _informer.AddHandler(new Recorder()));
        Assert.Contains("pods", exception.Message, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _informer.WaitForSyncAsync(Token));
    }

    [Fact]
    public async Task An_object_without_a_name_is_refused_and_what_came_before_it_stays()
    {
        await ListAsync("5");
        await Assert.ThrowsAsync<FormatException>(() => FeedAsync(
            Pods.Delta(DeltaKind.Added, "shop", "web-0", "6"), Pods.Delta(DeltaKind.Added, "7", """{"metadata":{"uid":"u","resourceVersion":"7"}}"""u8.ToArray())));
        Assert.Equal(["shop/web-0@6"], Held());
        // Where the reflector goes on from.
        Assert.Equal("6", _informer.OpenSink().ResumeVersion);
    }

    [Fact]
    public async Task A_name_that_is_written_with_escapes_is_the_same_name()
    {
        await ListAsync("5", ("web-0", "1"));
        var escaped = System.Text.Encoding.UTF8.GetBytes(System.Text.Encoding.UTF8.GetString(Pods.Json("shop", "web-0", "6")).Replace("\"web-0\"", "\"w\\u0065b-0\"", StringComparison.Ordinal));
        await FeedAsync(Pods.Delta(DeltaKind.Modified, "6", escaped));
        Assert.Equal(["shop/web-0@6"], Held());
    }

    [Fact]
    public async Task The_recorded_pods_end_as_the_watch_ended_and_take_less_than_2_KiB_each()
    {
        var expected = new Dictionary<string, byte[]>();
        await ListAsync("1");
        foreach (var json in Pods.Recorded("core_v1_pods.log.gz"))
        {
            using var document = System.Text.Json.JsonDocument.Parse(json);
            var metadata = document.RootElement.GetProperty("metadata");
            var version = metadata.GetProperty("resourceVersion").GetString()!;
            expected[$"{metadata.GetProperty("namespace").GetString()}/{metadata.GetProperty("name").GetString()}"] = json;
            await FeedAsync(Pods.Delta(DeltaKind.Modified, version, json));
        }
        foreach (var item in _informer.Indexer.List())
            Assert.Equal(expected[item.Key.ToString()], item.ToJson());
        Assert.Equal(expected.Count, _informer.Indexer.Count);
        Assert.InRange(_informer.Indexer.List().Average(item => item.HeldBytes), 1, 1024);
    }

    [Fact]
    public async Task Whatever_happens_indexer_and_handlers_end_with_what_the_cluster_has()
    {
        // One of six names is created, changed, deleted; or the watch is lost and a list follows, in which some went and came unseen.
        await Gen.Select(Gen.Int[0, 9], Gen.Int[0, 5], Gen.Int[0, 2]).Array[0, 60].SampleAsync(async steps =>
        {
            await using var informer = NewInformer(new SharedInformerOptions());
            var sink = informer.OpenSink();
            var (cluster, version) = (new SortedDictionary<string, (string Version, string Uid)>(StringComparer.Ordinal), 1);
            var seen = new ConcurrentDictionary<string, Unstructured>();
            var wrong = new ConcurrentQueue<string>();
            var handler = new ResourceEventHandler(change =>
            {
                var known = seen.GetValueOrDefault(change.Key.Name);
                if (change.Kind == ResourceEventKind.Added ? known is not null : known is null || known.Uid != change.Old!.Uid)
                    wrong.Enqueue($"{change.Kind} of {change.Object} after {known}");
                if (change.New is null)
                    seen.TryRemove(change.Key.Name, out _);
                else
                    seen[change.Key.Name] = change.New;
            });
            var registration = informer.AddHandler(handler, new HandlerOptions { BufferedEvents = 2 });
            await sink.HandleAsync([Pods.Delta(DeltaKind.ListStarted, ""), Pods.Delta(DeltaKind.ListCompleted, "1")], CancellationToken.None);
            foreach (var (action, number, extra) in steps)
            {
                var name = $"pod-{number}";
                var seenByWatch = action < 8;
                version++;
                Delta? delta = null;
                if (!cluster.TryGetValue(name, out var known))
                {
                    cluster[name] = ($"{version}", $"uid-{version}");
                    delta = Pods.Delta(DeltaKind.Added, "shop", name, $"{version}", $"uid-{version}");
                }
                else if (extra == 0)
                {
                    cluster.Remove(name);
                    delta = Pods.Delta(DeltaKind.Deleted, "shop", name, $"{version}", known.Uid);
                }
                else
                {
                    cluster[name] = ($"{version}", extra == 2 && !seenByWatch ? $"uid-{version}" : known.Uid);
                    delta = Pods.Delta(DeltaKind.Modified, "shop", name, $"{version}", known.Uid);
                }
                await sink.HandleAsync(seenByWatch ? [delta.Value] :
                [
                    Pods.Delta(DeltaKind.Gap, ""), Pods.Delta(DeltaKind.ListStarted, ""),
                    .. cluster.Select(pair => Pods.Delta(DeltaKind.Listed, "shop", pair.Key, pair.Value.Version, pair.Value.Uid)),
                    Pods.Delta(DeltaKind.ListCompleted, $"{version}"),
                ], CancellationToken.None);
            }
            await Eventually.HoldsAsync(() => registration.Pending == 0, Token);
            await registration.DisposeAsync();
            var expected = cluster.Select(pair => $"{pair.Key}@{pair.Value.Version}").ToList();
            return wrong.IsEmpty
                && informer.Indexer.List().Select(item => $"{item.Name}@{item.ResourceVersion}").Order(StringComparer.Ordinal).SequenceEqual(expected)
                && seen.Values.Select(item => $"{item.Name}@{item.ResourceVersion}").Order(StringComparer.Ordinal).SequenceEqual(expected);
        }, iter: 300);
    }

    SharedInformer NewInformer(SharedInformerOptions options) => new(_client, Pods.Type, options, _time);

    async Task FeedAsync(params Delta[] deltas) => await _sink.HandleAsync(deltas, Token);

    Task ListAsync(string version, params (string Name, string Version)[] pods) => FeedAsync(
        [Pods.Delta(DeltaKind.ListStarted, ""), .. pods.Select(pod => Pods.Delta(DeltaKind.Listed, "shop", pod.Name, pod.Version)), Pods.Delta(DeltaKind.ListCompleted, version)]);

    IEnumerable<string> Held() => _informer.Indexer.List().Select(item => $"{item.Key}@{item.ResourceVersion}").Order(StringComparer.Ordinal);

    /// <summary>Keeps what it is told.</summary>
    sealed class Recorder : IResourceEventHandler
    {
        readonly ConcurrentQueue<ResourceEvent> _events = new();

        public Func<ResourceEvent, Task> Before { get; init; } = _ => Task.CompletedTask;

        public ResourceEvent[] Events => [.. _events];

        public string[] Lines => [.. _events.Select(change =>
            string.Join(' ', ((string?[])[
                $"{change.Kind}", Name(change.Old), Name(change.New), change.IsInInitialList ? "initial" : null, change.DeletedFinalStateUnknown ? "unknown" : null]).OfType<string>()))];

        public async ValueTask HandleAsync(ResourceEvent change, CancellationToken cancellationToken)
        {
            await Before(change);
            _events.Enqueue(change);
        }

        /// <summary>Waits until it was told so many events.</summary>
        public async Task HasAsync(int count)
        {
            await Eventually.HoldsAsync(() => _events.Count >= count, Token);
            Assert.Equal(count, _events.Count);
        }

        public Task UntilAsync(Predicate<ResourceEvent> condition) => Eventually.HoldsAsync(() => _events.Any(change => condition(change)), Token);

        static string? Name(Unstructured? item) => item is null ? null : $"{item.Name}@{item.ResourceVersion}";
    }
}
