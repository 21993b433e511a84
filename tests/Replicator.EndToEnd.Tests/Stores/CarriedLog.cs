using Replicator.Core.Storage;
using Replicator.TestKit;
using Replicator.TestKit.Rabbit;
using Xunit;

namespace Replicator.EndToEnd.Tests.Stores;

/// <summary>What a subscriber got of a log, held to the promise.</summary>
static class CarriedLog
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Takes what the subscriber's queue holds and compares it with the log: no change is missing, each is what the log says, an object's come in order, and what comes again is what came before. Returns how many changes there are, and how many came again.</summary>
    public static async Task<(int Changes, int Repeated)> AssertCarriedAsync(RabbitSubscriber subscriber, StorePlace place)
    {
        var log = await ReadLogAsync(place);
        await subscriber.ConsumeAsync(Cancel);
        await Eventually.HoldsAsync(() => subscriber.Received.Select(message => message.Id).Distinct().Count() >= log.Count, Cancel);
        var (bodies, latest, repeated) = (new Dictionary<string, string>(), new Dictionary<string, long>(), 0);
        foreach (var message in subscriber.Received)
        {
            Assert.Equal(log[message.Position], message.Id);
            if (!bodies.TryAdd(message.Id!, message.Body.GetRawText()))
            {
                repeated++;
                Assert.Equal(bodies[message.Id!], message.Body.GetRawText());
                continue;
            }
            Assert.True(message.Revision > latest.GetValueOrDefault(message.Object, -1), $"{message.Object}: revision {message.Revision} came after {latest.GetValueOrDefault(message.Object, -1)}.");
            latest[message.Object] = message.Revision;
        }
        Assert.Equal(log.Values.Order(StringComparer.Ordinal), bodies.Keys.Order(StringComparer.Ordinal));
        return (log.Count, repeated);
    }

    /// <summary>The ids of the log's events by position.</summary>
    static async Task<Dictionary<long, string>> ReadLogAsync(StorePlace place)
    {
        var (events, _, _, opened) = await place.OpenAsync();
        await using var closing = opened;
        var ids = new Dictionary<long, string>();
        await foreach (var page in events.ReadAllAsync(0, new ReadOptions(States: false), Cancel))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                    ids.Add(recorded.Position, recorded.Id.ToString());
            }
        }
        return ids;
    }
}
