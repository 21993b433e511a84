using CsCheck;
using Replicator.Storage.Sqlite.Log;
using Xunit;

namespace Replicator.Storage.Sqlite.Tests;

public sealed class StateCacheTests
{
    const int Capacity = 20_000;

    [Fact]
    public void A_state_that_is_found_is_the_one_that_was_kept_and_the_last_one_is_always_found() =>
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 30], Gen.Int[1, 9_000]).Array[1, 200].Sample(steps =>
        {
            var cache = new StateCache(Capacity);
            var kept = new Dictionary<long, byte[]>();
            var position = 100L;
            foreach (var (what, which, length) in steps)
            {
                var known = kept.Count == 0 ? 0 : kept.Keys.ElementAt(which % kept.Count);
                var state = Enumerable.Repeat((byte)++position, length).ToArray();
                switch (what)
                {
                    case 0:
                        cache.Add(position, state);
                        kept[position] = state;
                        break;
                    case 1:
                        cache.Replace(known, position, state);
                        kept.Remove(known);
                        kept[position] = state;
                        break;
                    case 2:
                        cache.Remove(known);
                        kept.Remove(known);
                        continue;
                    default:
                        cache.Clear();
                        kept.Clear();
                        continue;
                }
                Assert.True(cache.TryGet(position, out var last) && last.SequenceEqual(state));
                var total = 0;
                foreach (var (at, content) in kept)
                {
                    if (!cache.TryGet(at, out var found))
                        continue;
                    Assert.True(found.SequenceEqual(content));
                    total += found.Length;
                }
                Assert.InRange(total, 0, Capacity);
            }
        }, iter: 2000);

    [Fact]
    public void A_state_that_takes_anothers_place_a_second_time_is_kept_once_and_can_be_dropped()
    {
        var cache = new StateCache(4 * 1024);
        for (var reads = 0; reads < 3; reads++)
        {
            cache.Add(1, new byte[1000]);
            cache.Replace(1, 2, [.. Enumerable.Repeat((byte)reads, 1000)]);
        }
        Assert.True(cache.TryGet(2, out var state));
        Assert.Equal(2, state[0]);
        // Room is made by dropping what was used last: without end, were something kept that has no name.
        for (var position = 10; position < 30; position++)
            cache.Add(position, new byte[1000]);
        Assert.False(cache.TryGet(2, out _));
        Assert.True(cache.TryGet(29, out _));
    }
}
