using CsCheck;
using Replicator.Informers.Caching;
using Xunit;

namespace Replicator.Informers.Tests.Caching;

/// <summary>What a slow handler gets.</summary>
public sealed class EventBufferTests
{
    static readonly Unstructured A1 = Pods.Object("shop", "a", "1", "uid-1"), A2 = Pods.Object("shop", "a", "2", "uid-1"), A3 = Pods.Object("shop", "a", "3", "uid-1");
    static readonly Unstructured B1 = Pods.Object("shop", "a", "4", "uid-2"), B2 = Pods.Object("shop", "a", "5", "uid-2");

    [Fact]
    public void While_there_is_room_every_event_comes_by_itself()
    {
        var buffer = new EventBuffer(capacity: 3);
        ResourceEvent[] events = [Added(A1), Updated(A1, A2), Deleted(A2)];
        Add(buffer, events);
        Assert.Equal(events, Drain(buffer));
        Assert.Equal(0, buffer.Coalesced);
    }

    [Fact]
    public void Beyond_it_updates_of_one_object_become_one() => Expect([Updated(A1, A2), Updated(A2, A3)], [Updated(A1, A3)]);

    [Fact]
    public void An_addition_and_its_updates_become_the_addition_of_the_newest() => Expect([Added(A1), Updated(A1, A2)], [Added(A2)]);

    [Fact]
    public void Updates_and_a_deletion_become_the_deletion() => Expect([Updated(A1, A2), Deleted(A3)], [Deleted(A3)]);

    [Fact]
    public void What_came_and_went_away_again_is_not_told() => Expect([Added(A1), Updated(A1, A2), Deleted(A2)], []);

    [Fact]
    public void An_object_in_anothers_place_is_a_deletion_and_an_addition() => Expect([Updated(A1, A2), Deleted(A2), Added(B1), Updated(B1, B2)], [Deleted(A2), Added(B2)]);

    [Fact]
    public void A_successor_that_went_away_again_is_not_told() => Expect([Deleted(A2), Added(B1), Deleted(B1)], [Deleted(A2)]);

    [Fact]
    public void A_deletion_that_was_not_seen_stays_marked() =>
        Expect([Updated(A1, A2), Deleted(A2) with { DeletedFinalStateUnknown = true }], [Deleted(A2) with { DeletedFinalStateUnknown = true }]);

    [Fact]
    public void A_resync_is_absorbed_by_what_happened() => Expect([Sync(A1), Updated(A1, A2), Sync(A2)], [Updated(A1, A2)]);

    [Fact]
    public void Several_resyncs_become_one() => Expect([Sync(A1), Sync(A1)], [Sync(A1)]);

    [Fact]
    public void Synced_is_when_all_that_waited_then_has_been_handled()
    {
        var buffer = new EventBuffer(capacity: 1);
        Add(buffer, [Added(A1), Added(Pods.Object("shop", "b")), Added(Pods.Object("shop", "c"))]);
        Assert.True(buffer.TryTake(out _, out _));
        buffer.MarkSynced();
        Add(buffer, [Added(Pods.Object("shop", "late"))]);
        for (var waiting = 0; waiting < 3; waiting++)
        {
            Assert.False(buffer.HasSynced);
            buffer.Settle();
            if (waiting < 2)
                Assert.True(buffer.TryTake(out _, out _));
        }
        Assert.True(buffer.HasSynced);
        Assert.Equal(1, buffer.Count);
    }

    [Fact]
    public void An_empty_list_is_synced_at_once()
    {
        var buffer = new EventBuffer(capacity: 1);
        buffer.MarkSynced();
        Assert.True(buffer.HasSynced);
    }

    [Fact]
    public void A_handler_that_takes_at_random_times_ends_with_what_is_there_and_every_event_is_accounted_for()
    {
        // Below 6 something happens to one of five names, from 6 on the handler takes one.
        Gen.Select(Gen.Int[0, 4], Gen.Select(Gen.Int[0, 9], Gen.Int[0, 4], Gen.Bool).Array[0, 120]).Sample((capacity, steps) =>
        {
            var buffer = new EventBuffer(capacity);
            var (cluster, seen) = (new Dictionary<string, Unstructured>(), new Dictionary<string, Unstructured>());
            var (added, taken, version) = (0, 0, 0);
            foreach (var (action, number, create) in steps)
            {
                if (action >= 6)
                {
                    if (!TakeOne(buffer, seen, ref taken))
                        return false;
                    continue;
                }
                var name = $"pod-{number}";
                version++;
                if (!cluster.TryGetValue(name, out var old))
                {
                    buffer.Add(Added(cluster[name] = Pods.Object("shop", name, $"{version}", $"uid-{version}")));
                }
                else if (create)
                {
                    buffer.Add(Updated(old, cluster[name] = Pods.Object("shop", name, $"{version}", old.Uid)));
                }
                else if (action == 0)
                {
                    buffer.Add(Sync(old));
                }
                else
                {
                    cluster.Remove(name);
                    buffer.Add(Deleted(Pods.Object("shop", name, $"{version}", old.Uid)));
                }
                added++;
                if (buffer.Count > capacity + 5)
                    return false;
            }
            while (buffer.Count > 0)
            {
                if (!TakeOne(buffer, seen, ref taken))
                    return false;
            }
            return seen.Count == cluster.Count && seen.All(pair => cluster[pair.Key] == pair.Value) && added == taken + buffer.Coalesced;
        });
    }

    /// <summary>Applies the next entry to what the handler has seen; false where it does not fit to that.</summary>
    static bool TakeOne(EventBuffer buffer, Dictionary<string, Unstructured> seen, ref int taken)
    {
        buffer.TryTake(out var first, out var second);
        foreach (var change in (ResourceEvent?[])[first, second])
        {
            if (change is not { } given)
                continue;
            taken++;
            var known = seen.GetValueOrDefault(given.Key.Name);
            var fits = given.Kind switch
            {
                ResourceEventKind.Added => known is null,
                ResourceEventKind.Deleted => known is not null && known.Uid == given.Old!.Uid,
                _ => known == given.Old,
            };
            if (!fits)
                return false;
            if (given.New is null)
                seen.Remove(given.Key.Name);
            else
                seen[given.Key.Name] = given.New;
        }
        return true;
    }

    static void Expect(ResourceEvent[] events, ResourceEvent[] merged)
    {
        var buffer = new EventBuffer(capacity: 0);
        Add(buffer, events);
        Assert.Equal(merged, Drain(buffer));
        Assert.Equal(events.Length - merged.Length, buffer.Coalesced);
    }

    static void Add(EventBuffer buffer, ResourceEvent[] events)
    {
        foreach (var change in events)
            buffer.Add(change);
    }

    static List<ResourceEvent> Drain(EventBuffer buffer)
    {
        var all = new List<ResourceEvent>();
        while (buffer.TryTake(out var first, out var second))
            all.AddRange(((ResourceEvent?[])[first, second]).OfType<ResourceEvent>());
        return all;
    }

    static ResourceEvent Added(Unstructured item) => new(ResourceEventKind.Added, null, item);

    static ResourceEvent Updated(Unstructured old, Unstructured item) => new(ResourceEventKind.Updated, old, item);

    static ResourceEvent Deleted(Unstructured last) => new(ResourceEventKind.Deleted, last, null);

    static ResourceEvent Sync(Unstructured item) => new(ResourceEventKind.Sync, item, item);
}
