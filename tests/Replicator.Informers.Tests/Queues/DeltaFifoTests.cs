using CsCheck;
using Replicator.Core.Recording;
using Replicator.Informers.Caching;
using Replicator.Informers.Queues;
using Replicator.Informers.Tests.Caching;
using Xunit;

namespace Replicator.Informers.Tests.Queues;

/// <summary>The cases of client-go's delta_fifo_test.go.</summary>
public sealed class DeltaFifoTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_object_waits_once_with_all_that_happened_to_it()
    {
        var queue = new DeltaFifo();
        queue.Add(Foo(10));
        queue.Update(Foo(12));
        queue.Delete(Foo(15));
        Assert.Equal(1, queue.Count);
        Assert.Equal("foo: Added 10, Updated 12, Deleted 15", await PopAsync(queue));
    }

    [Fact]
    public async Task Objects_come_in_the_order_of_the_first_that_happened_to_each_and_nobody_jumps_the_line()
    {
        var queue = new DeltaFifo();
        queue.Add(Foo(10));
        queue.Add(Pod("bar", 1));
        queue.Add(Foo(11));
        queue.Add(Foo(13));
        queue.Add(Pod("zab", 30));
        Assert.Equal("foo: Added 10, Added 11, Added 13", await PopAsync(queue));
        // Added again, it has to wait behind the others.
        queue.Add(Foo(14));
        Assert.Equal("bar: Added 1", await PopAsync(queue));
        Assert.Equal("zab: Added 30", await PopAsync(queue));
        Assert.Equal("foo: Added 14", await PopAsync(queue));
    }

    [Fact]
    public async Task A_list_marks_what_it_holds_and_deletes_what_waits_and_is_not_in_it()
    {
        var queue = new DeltaFifo();
        queue.Add(Pod("baz", 10));
        queue.Replace([Foo(5)]);
        Assert.Equal("baz: Added 10, Deleted? 10", await PopAsync(queue));
        Assert.Equal("foo: Replaced 5", await PopAsync(queue));
    }

    [Fact]
    public async Task A_list_deletes_what_is_known_and_not_in_it_with_the_newest_state_that_was_seen()
    {
        var queue = new DeltaFifo(Known(Foo(5), Pod("bar", 6), Pod("baz", 7)));
        queue.Delete(Pod("baz", 10));
        queue.Delete(Pod("bar", 6));
        queue.Add(Pod("bar", 100));
        queue.Replace([Foo(5)]);
        // A deletion that was seen is told once.
        Assert.Equal("baz: Deleted 10", await PopAsync(queue));
        Assert.Equal("bar: Deleted 6, Added 100, Deleted? 100", await PopAsync(queue));
        Assert.Equal("foo: Replaced 5", await PopAsync(queue));
        queue = new DeltaFifo(Known(Foo(5), Pod("bar", 6)));
        queue.Replace([Foo(5)]);
        Assert.Equal("foo: Replaced 5", await PopAsync(queue));
        Assert.Equal("bar: Deleted? 6", await PopAsync(queue));
    }

    [Fact]
    public async Task A_deletion_that_was_seen_takes_the_place_of_one_that_was_only_found()
    {
        var queue = new DeltaFifo(Known(Foo(5)));
        queue.Replace([]);
        queue.Delete(Foo(7));
        queue.Delete(Foo(8));
        Assert.Equal("foo: Deleted 7", await PopAsync(queue));
    }

    [Fact]
    public void The_deletion_of_what_neither_waits_nor_is_known_is_not_told()
    {
        var queue = new DeltaFifo(Known(Pod("bar", 1)));
        queue.Delete(Foo(5));
        Assert.Equal(0, queue.Count);
        queue.Delete(Pod("bar", 2));
        Assert.Equal(1, queue.Count);
    }

    [Fact]
    public async Task A_resync_marks_what_is_known_and_does_not_wait()
    {
        var queue = new DeltaFifo(Known(Foo(5), Pod("bar", 6)));
        queue.Update(Foo(6));
        queue.Resync();
        Assert.Equal("foo: Updated 6", await PopAsync(queue));
        Assert.Equal("bar: Sync 6", await PopAsync(queue));
    }

    [Fact]
    public async Task A_resync_of_nothing_known_does_nothing()
    {
        var queue = new DeltaFifo();
        queue.Add(Foo(1));
        queue.Resync();
        Assert.Equal("foo: Added 1", await PopAsync(queue));
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public async Task It_is_synced_once_the_whole_first_list_was_taken()
    {
        var queue = new DeltaFifo();
        Assert.False(queue.HasSynced);
        queue.Replace([Pod("a", 1), Pod("b", 2)]);
        Assert.False(queue.HasSynced);
        Assert.True((await queue.PopAsync(null, Token))!.IsInInitialList);
        Assert.False(queue.HasSynced);
        Assert.True((await queue.PopAsync(null, Token))!.IsInInitialList);
        Assert.True(queue.HasSynced);
        queue.Replace([Pod("c", 3)]);
        Assert.True(queue.HasSynced);
        Assert.False((await queue.PopAsync(null, Token))!.IsInInitialList);
    }

    [Fact]
    public void It_is_synced_at_once_by_an_empty_list_or_a_change_before_any()
    {
        var queue = new DeltaFifo();
        queue.Replace([]);
        Assert.True(queue.HasSynced);
        queue = new DeltaFifo();
        queue.Add(Foo(1));
        Assert.True(queue.HasSynced);
    }

    [Fact]
    public async Task The_deletions_that_the_first_list_found_are_part_of_it()
    {
        var queue = new DeltaFifo(Known(Foo(5)));
        queue.Replace([]);
        Assert.False(queue.HasSynced);
        Assert.Equal("foo: Deleted? 5", await PopAsync(queue));
        Assert.True(queue.HasSynced);
    }

    [Fact]
    public async Task Closing_ends_the_wait_once_all_is_taken()
    {
        var queue = new DeltaFifo();
        var waiting = queue.PopAsync(null, Token).AsTask();
        queue.Close();
        Assert.Null(await waiting);
        queue.Add(Foo(1));
        Assert.Equal("foo: Added 1", await PopAsync(queue));
        Assert.Null(await queue.PopAsync(null, Token));
    }

    [Fact]
    public async Task An_object_that_never_rests_holds_a_bounded_number_of_states_and_the_drops_are_counted()
    {
        var queue = new DeltaFifo();
        queue.Add(Foo(0));
        queue.Delete(Foo(1));
        for (var version = 2; version < 1000; version++)
            queue.Update(Foo(version));
        var taken = (await queue.PopAsync(null, Token))!;
        Assert.Equal(DeltaFifo.MaxDeltasPerObject, taken.Deltas.Count);
        Assert.Equal(1000 - DeltaFifo.MaxDeltasPerObject, queue.Dropped);
        Assert.Equal((ObjectDeltaKind.Deleted, "999"), (taken.Deltas[0].Kind, taken.Newest.Object!.ResourceVersion));
    }

    [Fact]
    public async Task A_consumer_that_updates_what_it_knows_as_it_takes_ends_with_what_the_cluster_has()
    {
        // 0 to 3 change one of four names, 4 deletes it, 5 lists (some changes unseen), 6 resyncs, 7 to 9 take.
        await Gen.Select(Gen.Int[0, 9], Gen.Int[0, 3]).Array[0, 100].SampleAsync(async steps =>
        {
            var known = new Indexer();
            var queue = new DeltaFifo(known);
            var cluster = new Dictionary<string, Unstructured>();
            for (var version = 1; version <= steps.Length; version++)
            {
                var (action, number) = steps[version - 1];
                var item = Pod($"pod-{number}", version);
                switch (action)
                {
                    case < 4 when cluster.TryAdd(item.Name, item):
                        queue.Add(item);
                        break;
                    case < 4:
                        queue.Update(cluster[item.Name] = item);
                        break;
                    case 4 when cluster.Remove(item.Name):
                        queue.Delete(item);
                        break;
                    case 5:
                        if (number % 2 == 0)
                            cluster.Remove(item.Name);
                        queue.Replace(cluster.Values);
                        break;
                    case 6:
                        queue.Resync();
                        break;
                    case > 6 when queue.Count > 0:
                        await queue.PopAsync(Learn, CancellationToken.None);
                        break;
                    default:
                        break;
                }
            }
            while (queue.Count > 0)
                await queue.PopAsync(Learn, CancellationToken.None);
            return known.List().Select(item => item.ToString()).Order(StringComparer.Ordinal).SequenceEqual(cluster.Values.Select(item => item.ToString()).Order(StringComparer.Ordinal));

            void Learn(ObjectDeltas taken)
            {
                if (taken.Newest.Kind == ObjectDeltaKind.Deleted)
                    known.Remove(taken.Key);
                else
                    known.Put(taken.Newest.Object!);
            }
        });
    }

    [Fact]
    public async Task A_reflector_feeds_it_with_lists_and_changes()
    {
        var queue = new DeltaFifo();
        await using var sink = await queue.Sinks().OpenAsync(Pods.Type, Token);
        Assert.Null(sink.ResumeVersion);
        await sink.HandleAsync([Pods.Delta(DeltaKind.ListStarted, ""), Pods.Delta(DeltaKind.Listed, "shop", "foo", "5"), Pods.Delta(DeltaKind.Listed, "shop", "bar", "6")], Token);
        Assert.Equal(0, queue.Count);
        await sink.HandleAsync([Pods.Delta(DeltaKind.Modified, "shop", "bar", "7"), Pods.Delta(DeltaKind.ListCompleted, "9"), Pods.Delta(DeltaKind.Modified, "shop", "foo", "10")], Token);
        Assert.Equal("foo: Replaced 5, Updated 10", await PopAsync(queue));
        Assert.Equal("bar: Replaced 7", await PopAsync(queue));
        Assert.Equal("10", sink.ResumeVersion);
        await sink.HandleAsync([Pods.Delta(DeltaKind.Gap, "")], Token);
        Assert.Null(sink.ResumeVersion);
    }

    static Unstructured Foo(int version) => Pod("foo", version);

    static Unstructured Pod(string name, int version) => Pods.Object("shop", name, $"{version}");

    static Indexer Known(params Unstructured[] items)
    {
        var known = new Indexer();
        foreach (var item in items)
            known.Put(item);
        return known;
    }

    static async Task<string> PopAsync(DeltaFifo queue)
    {
        var taken = (await queue.PopAsync(null, Token))!;
        return $"{taken.Key.Name}: " + string.Join(", ", taken.Deltas.Select(delta => $"{delta.Kind}{(delta.DeletedFinalStateUnknown ? "?" : "")} {delta.Object!.ResourceVersion}"));
    }
}
